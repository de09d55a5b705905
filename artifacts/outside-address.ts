import { isIP } from 'node:net';
import { isLoopbackAddress, isPublicAddress } from './public-address.js';

/**
 * What is wrong with an address that we are asked to call later, as far as can be told without resolving its name; `undefined` when
 * nothing is. Whoever calls it checks again where its name leads.
 */
export function faultOfOutsideAddress(
  text: string,
  { allowLoopbackPorts }: { allowLoopbackPorts: readonly number[] },
): string | undefined {
  if (!URL.canParse(text)) return 'must be an http(s) address';
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must be an http(s) address';
  if (url.username || url.password) return 'must not carry a user name or a password';
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const isLoopback = hostname === 'localhost' || isLoopbackAddress(hostname);
  if (isLoopback && allowLoopbackPorts.includes(Number(url.port))) return undefined;
  const isPrivate =
    isLoopback || hostname.endsWith('.localhost') || (isIP(hostname) !== 0 && !isPublicAddress(hostname));
  return isPrivate ? 'must be an address in the public internet' : undefined;
}
