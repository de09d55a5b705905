import { isIP } from 'node:net';
import { isLoopbackAddress, isOpenPort, isPublicAddress } from './public-address.js';

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
  const isThisMachine = isLoopback || /(^|\.)localhost\.?$/.test(hostname);
  if (isThisMachine || (isIP(hostname) !== 0 && !isPublicAddress(hostname)))
    return 'must be an address in the public internet';
  return url.port === '' || isOpenPort(Number(url.port)) ? undefined : `must not name port ${url.port}`;
}
