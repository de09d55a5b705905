import { lookup as resolve } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isIP } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { FetchFailure } from './fetch-failure.js';
import { isLoopbackAddress, isPublicAddress } from './public-address.js';

const CONNECT_TIMEOUT_MS = 10_000;
const FIRST_UNPRIVILEGED_PORT = 1024;
const webPorts = new Set([80, 443]);
const loopbackNames = new Set(['localhost', '127.0.0.1', '::1']);

export type GuardSettings = {
  /** Ports that may be reached on this machine, by the names `localhost`, `127.0.0.1` and `::1` only. */
  allowLoopbackPorts: readonly number[];
  /** How names become addresses; tests put their own here. */
  lookup?: LookupFunction;
};

/** Connections to public addresses only, checked when they are made, so that no second answer of a resolver can differ from the checked one. */
export function createGuardedAgent({ allowLoopbackPorts, lookup = resolve }: GuardSettings): Agent {
  const connectTo = (isAllowed: (address: string) => boolean) =>
    buildConnector({ timeout: CONNECT_TIMEOUT_MS, lookup: checkedLookup(lookup, isAllowed) });
  const connectToPublic = connectTo(isPublicAddress);
  const connectToLoopback = connectTo(isLoopbackAddress);

  return new Agent({
    connect(options, callback) {
      const hostname = options.hostname.replace(/^\[(.*)\]$/, '$1');
      const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
      const isOpenLoopback = loopbackNames.has(hostname) && allowLoopbackPorts.includes(port);

      if (isOpenLoopback) return connectToLoopback(options, callback);
      // Node resolves no literals, so no lookup would see this one.
      if (isIP(hostname) && !isPublicAddress(hostname)) return callback(refusedAddress(), null);
      if (!webPorts.has(port) && port < FIRST_UNPRIVILEGED_PORT) return callback(refusedPort(port), null);
      return connectToPublic(options, callback);
    },
  });
}

/** Refuses a name when any of its addresses is not allowed: an honest name has no such address. */
function checkedLookup(lookup: LookupFunction, isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found, family) => {
      if (error) return callback(error, '', 0);
      const addresses = Array.isArray(found) ? found : [{ address: found, family: family ?? isIP(found) }];
      const [first] = addresses;
      if (!first || !addresses.every(({ address }) => isAllowed(address))) return callback(refusedAddress(), '', 0);
      if (options.all) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
}

function refusedAddress(): FetchFailure {
  return new FetchFailure('address_refused', 'the address is not in the public internet');
}

function refusedPort(port: number): FetchFailure {
  return new FetchFailure('address_refused', `port ${port} is not open to addresses given by others`);
}
