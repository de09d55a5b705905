import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Addresses that look public and are not: what answers there, answers only machines of the same cloud. Azure's host agent, and the
 * networks in which IBM's cloud keeps its services.
 */
const deniedNetworks = ['168.63.129.16/32', '161.26.0.0/16', '166.8.0.0/14'].map((text) => ipaddr.IPv4.parseCIDR(text));

const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

const ISATAP = 0x5efe;
const ISATAP_GLOBAL_BIT = 0x0200;

/**
 * Whether an address, as a resolver gives it, lies in the public internet. Of IPv6 only 2000::/3 does, without the ranges
 * that carry an IPv4 address inside (6to4, Teredo, ISATAP): those lead wherever that address leads.
 */
export function isPublicAddress(address: string): boolean {
  // A zone names an interface of this machine; an address of the internet has none.
  if (isIP(address) === 0 || address.includes('%')) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  if (parsed instanceof ipaddr.IPv6) return parsed.match(globalUnicast) && !isIsatap(parsed);
  return !deniedNetworks.some((network) => parsed.match(network));
}

function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return ((parts[4] ?? 0) & ~ISATAP_GLOBAL_BIT) === 0 && parts[5] === ISATAP;
}

const FIRST_UNPRIVILEGED_PORT = 1024;
const webPorts = new Set([80, 443]);

/** The ports of the web, and those that need no privilege; below speak mail, names, shells and databases. */
export function isOpenPort(port: number): boolean {
  return webPorts.has(port) || port >= FIRST_UNPRIVILEGED_PORT;
}

const loopbackAddresses = new Set(['127.0.0.1', '::1']);

export function isLoopbackAddress(address: string): boolean {
  return loopbackAddresses.has(address);
}
