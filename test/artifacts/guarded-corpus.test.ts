import { connect, type LookupFunction } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../../artifacts/guarded-connection.js';
import type { GuardedFetch } from '../../artifacts/guarded-fetch.js';
import type { ScriptedServer } from '../providers/scripted-server.js';
import { aRequest, closeAll, guard, read, reasonOf, serve } from './guarded.js';
import {
  carriedAddresses,
  foreignPorts,
  type Hostile,
  hostileNames,
  privateFourByteAddresses,
  trickedAddresses,
  writtenAddresses,
} from './hostile-corpus.js';
import { pretendNetwork } from './pretended-network.js';

const THOUSANDS_OF_EXCHANGES_MS = 60_000;

const PUBLIC_ADDRESS = '93.184.215.14';
/** Stands in for the port in a test's name; the real one is known when the listener is up. */
const SOME_PORT = 8080;

const literals = (port: number): Hostile[] => [
  ...writtenAddresses(port),
  ...carriedAddresses(port),
  ...trickedAddresses(port),
  ...foreignPorts,
];
/** As redirects: from a place that is http already, one slash leads to a path of that place. */
const redirects = (port: number) => everything(port).filter(({ kind }) => kind !== 'one slash');
const everything = (port: number): Hostile[] => [...literals(port), ...hostileNames(port)];

let secret: ScriptedServer;
let connections: Connection[];

beforeEach(async () => {
  connections = [];
  secret = await serve((response) => response.end('the secret of the machine'));
});

afterEach(closeAll);

const log = (connection: Connection) => connections.push(connection);

/** What was not refused, with what became of it. */
async function notRefused(corpus: readonly Hostile[], exchange: (hostile: Hostile) => Promise<unknown>) {
  const outcomes = await Promise.all(
    corpus.map(async (hostile) => ({ ...hostile, outcome: await reasonOf(exchange(hostile)).catch(String) })),
  );
  return outcomes.filter(({ outcome }) => outcome !== 'address_refused');
}

/** A resolver that knows the corpus' names; each further question for a name gets its next answer. */
function resolverOf(names: Record<string, string[][]>): LookupFunction {
  const asked = new Map<string, number>();
  return (hostname, _options, callback) => {
    const answers = names[hostname] ?? [];
    const time = asked.get(hostname) ?? 0;
    asked.set(hostname, time + 1);
    const addresses = answers[Math.min(time, answers.length - 1)] ?? [];
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
}

const namesOf = (port: number) =>
  Object.fromEntries([
    ...hostileNames(port).map(({ url, answers }) => [new URL(url).hostname, [answers]]),
    ['public.example', [[PUBLIC_ADDRESS]]],
  ]);

/** A guard in a network where a public name leads to a server that redirects to whatever it is asked for. */
async function inPretendedNetwork(lookup: LookupFunction) {
  const redirecting = await serve((response, { path }) => {
    const to = new URL(path, 'http://public.example').searchParams.get('to');
    // A header holds neither breaks nor other letters.
    const location = to && { location: to.replace(/[\n\t]/g, '').replace(/[^\x20-\x7e]/gu, encodeURIComponent) };
    response.writeHead(location ? 302 : 200, { connection: 'close', ...location }).end('public');
  });
  const network = pretendNetwork({
    publicAddresses: [PUBLIC_ADDRESS],
    publicPort: redirecting.port,
    secretPort: secret.port,
  });
  const fetch = guard({ lookup, openSocket: network.openSocket, onConnect: log });
  return { fetch, redirecting, attempts: network.attempts };
}

const post = (fetch: GuardedFetch, url: string) => fetch.post({ ...aRequest(url), body: '{}' });

describe('the generated corpus', () => {
  it('writes each private address so that a URL reads that very address, in most of its writings', () => {
    const written = writtenAddresses(SOME_PORT);

    const readable = written.filter(({ url, address }) => URL.canParse(url) && new URL(url).hostname === address);

    expect(written.filter(({ url }) => URL.canParse(url))).toHaveLength(readable.length);
    expect(readable.length).toBeGreaterThanOrEqual(privateFourByteAddresses.length * 24);
    expect(new Set(everything(SOME_PORT).map(({ url }) => url)).size).toBeGreaterThanOrEqual(700);
  });

  it(
    `of ${literals(SOME_PORT).length} addresses is refused, whether read or posted to, and no connection is made`,
    async () => {
      const fetch = guard({ onConnect: log });

      expect(await notRefused(literals(secret.port), ({ url }) => read(fetch, url))).toEqual([]);
      expect(await notRefused(literals(secret.port), ({ url }) => post(fetch, url))).toEqual([]);

      expect(connections).toEqual([]);
      expect(secret.connectionCount()).toBe(0);
    },
    THOUSANDS_OF_EXCHANGES_MS,
  );

  it(
    `of ${hostileNames(SOME_PORT).length} names that lead inside is refused, and no connection is tried`,
    async () => {
      const { fetch, attempts } = await inPretendedNetwork(resolverOf(namesOf(secret.port)));
      const names = hostileNames(secret.port);

      expect(await notRefused(names, ({ url }) => read(fetch, url))).toEqual([]);
      expect(await notRefused(names, ({ url }) => post(fetch, url))).toEqual([]);

      expect({ attempts, connections }).toEqual({ attempts: [], connections: [] });
      expect(secret.connectionCount()).toBe(0);
    },
    THOUSANDS_OF_EXCHANGES_MS,
  );

  it(
    `of ${redirects(SOME_PORT).length} redirects from a public name is refused, and only that name is connected to`,
    async () => {
      const { fetch, redirecting, attempts } = await inPretendedNetwork(resolverOf(namesOf(secret.port)));
      const corpus = redirects(secret.port);
      const start = (to: string) => `http://public.example/?to=${encodeURIComponent(to)}`;

      for (let first = 0; first < corpus.length; first += 100) {
        const some = corpus.slice(first, first + 100);
        expect(await notRefused(some, ({ url }) => read(fetch, start(url)))).toEqual([]);
      }

      expect(redirecting.requests).toHaveLength(corpus.length);
      expect(attempts).toHaveLength(corpus.length);
      expect(new Set([...attempts, ...connections.map(({ address }) => address)])).toEqual(new Set([PUBLIC_ADDRESS]));
      expect(secret.connectionCount()).toBe(0);
    },
    THOUSANDS_OF_EXCHANGES_MS,
  );

  it(
    `of ${privateFourByteAddresses.length} names that are public at first is refused at the second question`,
    async () => {
      const rebinding = privateFourByteAddresses.map((address, index) => ({
        address,
        name: `rebound-${index}.example`,
      }));
      const names = rebinding.map(({ name, address }) => [name, [[PUBLIC_ADDRESS], [address]]]);
      const { fetch, attempts } = await inPretendedNetwork(resolverOf(Object.fromEntries(names)));
      const corpus = rebinding.map(({ name }) => ({ kind: 'rebinding', url: `http://${name}/` }));

      // The first half is asked for again by the caller, the other half by a redirect.
      for (const { url } of corpus.slice(0, 16)) expect(await read(fetch, url)).toMatchObject({ text: 'public' });
      const again = (url: string) => (corpus.findIndex((one) => one.url === url) < 16 ? url : `${url}?to=${url}`);
      expect(await notRefused(corpus, ({ url }) => read(fetch, again(url)))).toEqual([]);

      expect(attempts).toEqual(corpus.map(() => PUBLIC_ADDRESS));
      expect(connections.map(({ address }) => address)).toEqual(attempts);
      expect(secret.connectionCount()).toBe(0);
    },
    THOUSANDS_OF_EXCHANGES_MS,
  );

  it('is not believed where a socket leads elsewhere than its lookup said', async () => {
    const misled = guard({
      lookup: resolverOf({ 'public.example': [[PUBLIC_ADDRESS]] }),
      onConnect: log,
      openSocket: () => connect({ host: '127.0.0.1', port: secret.port }),
    });

    expect(await reasonOf(read(misled, 'http://public.example/'))).toBe('address_refused');
    expect(connections).toEqual([{ address: '127.0.0.1', port: 80 }]);
    expect(secret.requests).toEqual([]);
  });
});
