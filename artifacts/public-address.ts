import ipaddr from 'ipaddr.js';

/** Addresses that look public and are not: the host agent of Azure answers any machine there. */
const deniedAddresses = new Set(['168.63.129.16']);

const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an address, as a resolver gives it, lies in the public internet. Of IPv6 only 2000::/3 does, without the ranges
 * that carry an IPv4 address inside (6to4, Teredo): those lead wherever that address leads.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || deniedAddresses.has(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv6 ? parsed.match(globalUnicast) : true;
}

const loopbackAddresses = new Set(['127.0.0.1', '::1']);

export function isLoopbackAddress(address: string): boolean {
  return loopbackAddresses.has(address);
}
