import { lookup as resolve } from 'node:dns';
import { isIP, type LookupFunction, connect as openTcp, type Socket } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { FetchFailure } from './fetch-failure.js';
import { isLoopbackAddress, isOpenPort, isPublicAddress } from './public-address.js';

const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_AFTER_MS = 60_000;
const loopbackNames = new Set(['localhost', '127.0.0.1', '::1']);

export type Connection = { address: string; port: number };

/** Opens a socket to `host`, whose addresses come from `lookup` alone, unless it is an address itself. */
export type OpenSocket = (target: { host: string; port: number; lookup: LookupFunction }) => Socket;

export type GuardSettings = {
  /** Ports that may be reached on this machine, by the names `localhost`, `127.0.0.1` and `::1` only. */
  allowLoopbackPorts: readonly number[];
  /** How names become addresses; tests put their own here. */
  lookup?: LookupFunction;
  /** The network below all checks; tests put their own here. */
  openSocket?: OpenSocket;
  /** Told of every connection that was made, as the operating system names its other end, before a byte is sent over it. */
  onConnect?: (connection: Connection) => void;
};

/** Connections to public addresses only, checked when they are made, so that no second answer of a resolver can differ from the checked one. */
export function createGuardedAgent({
  allowLoopbackPorts,
  lookup = resolve,
  openSocket = openTcp,
  onConnect,
}: GuardSettings): Agent {
  const secure = buildConnector({ timeout: CONNECT_TIMEOUT_MS });

  return new Agent({
    connect(options, callback) {
      const host = options.hostname.replace(/^\[(.*)\]$/, '$1');
      const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
      const isOpenLoopback = loopbackNames.has(host) && allowLoopbackPorts.includes(port);
      const isAllowed = isOpenLoopback ? isLoopbackAddress : isPublicAddress;

      // Node resolves no literals, so no lookup would see this one.
      if (isIP(host) && !isAllowed(host)) return callback(refusedAddress(), null);
      if (!isOpenLoopback && !isOpenPort(port)) return callback(refusedPort(port), null);

      const socket = openSocket({ host, port, lookup: checkedLookup(lookup, isAllowed) });
      const giveUp = () => socket.destroy(new FetchFailure('network', `no connection within ${CONNECT_TIMEOUT_MS} ms`));
      const timer = setTimeout(giveUp, CONNECT_TIMEOUT_MS);
      const fail = (error: Error) => {
        clearTimeout(timer);
        callback(error, null);
      };
      socket.once('error', fail).once('connect', () => {
        clearTimeout(timer);
        socket.off('error', fail);
        const address = socket.remoteAddress;
        if (address !== undefined) onConnect?.({ address, port });
        // Whatever the lookup said: where the socket really leads is what counts.
        if (address === undefined || !isAllowed(address)) {
          socket.on('error', () => undefined).destroy();
          return callback(address === undefined ? lostConnection() : refusedAddress(), null);
        }
        if (options.protocol === 'https:') return secure({ ...options, httpSocket: socket }, callback);
        callback(null, socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_AFTER_MS));
      });
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

/** The other side has ended the connection before it could be asked where it leads. */
function lostConnection(): FetchFailure {
  return new FetchFailure('network', 'the connection was lost as soon as it was made');
}

function refusedPort(port: number): FetchFailure {
  return new FetchFailure('address_refused', `port ${port} is not open to addresses given by others`);
}
