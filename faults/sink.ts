import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** What a receiver does with one delivery; a number is the status that it answers. */
export type Manner = number | 'hang' | 'drip' | 'huge' | 'redirect' | { status: number; retryAfterSeconds: number };

export type Arrival = {
  mark: string;
  atMs: number;
  id: string;
  timestamp: string;
  signatures: string[];
  body: string;
  manner: Manner;
};

const TAKEN = 204;
const PIECE = Buffer.alloc(64 * 1024, 'x');
const HUGE_PIECES = 1_600;
const DRIP_EVERY_MS = 250;
/** Where a redirect leads. Nobody must ever come here. */
const ELSEWHERE = 'elsewhere';

/** Whom webhooks are told to: keeps all that arrives, and behaves as it was told for each mark. */
export async function startSink(port: number) {
  const manners = new Map<string, Manner[]>();
  const arrivals: Arrival[] = [];
  let sentBytes = 0;
  const server = createServer((request, response) => {
    response.on('error', () => {});
    void take(request, response).catch(() => response.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  return {
    port,
    urlOf: (mark: string) => `http://127.0.0.1:${port}/${encodeURIComponent(mark)}`,
    /** For deliveries of this mark, in this order; the last manner stays. */
    behave(mark: string, planned: Manner[]): void {
      manners.set(mark, [...planned]);
    },
    arrivalsOf: (mark: string) => arrivals.filter((arrival) => arrival.mark === mark),
    followers: () => arrivals.filter(({ mark }) => mark === ELSEWHERE).length,
    /** Of the bodies that have no end. */
    sentBytes: () => sentBytes,
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const mark = decodeURIComponent((request.url ?? '/').slice(1));
    const body = await text(request);
    const planned = manners.get(mark) ?? [];
    const manner = (planned.length > 1 ? planned.shift() : planned[0]) ?? TAKEN;
    const header = (name: string) => String(request.headers[name] ?? '');
    arrivals.push({
      mark,
      atMs: Date.now(),
      id: header('webhook-id'),
      timestamp: header('webhook-timestamp'),
      signatures: header('webhook-signature').split(' ').filter(Boolean),
      body,
      manner,
    });
    await answer(response, manner);
  }

  function* hugeBody() {
    for (let sent = 0; sent < HUGE_PIECES; sent += 1) {
      sentBytes += PIECE.length;
      yield PIECE;
    }
  }

  async function answer(response: ServerResponse, manner: Manner): Promise<void> {
    if (typeof manner === 'number') return void response.writeHead(manner).end();
    if (typeof manner === 'object') {
      return void response.writeHead(manner.status, { 'retry-after': String(manner.retryAfterSeconds) }).end();
    }
    switch (manner) {
      case 'hang':
        return;
      case 'redirect':
        return void response.writeHead(307, { location: `http://127.0.0.1:${port}/${ELSEWHERE}` }).end();
      case 'drip':
        // Its head alone never ends.
        response.socket?.write('HTTP/1.1 200 OK\r\nX-Drip: ');
        while (response.socket?.writable) {
          response.socket.write('x');
          await pause(DRIP_EVERY_MS, undefined, { ref: false });
        }
        return;
      case 'huge':
        response.writeHead(200);
        await pipeline(Readable.from(hugeBody()), response);
    }
  }
}

export type Sink = Awaited<ReturnType<typeof startSink>>;

/** By the specification of Standard Webhooks, and by hand: what we sign with is a library. */
export function isSignedBy(
  secret: string,
  { id, timestamp, signatures, body }: Omit<Arrival, 'mark' | 'atMs' | 'manner'>,
) {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const wanted = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest();
  return signatures.some((signature) => {
    const [version, encoded = ''] = signature.split(',');
    const given = Buffer.from(encoded, 'base64');
    return version === 'v1' && given.length === wanted.length && timingSafeEqual(given, wanted);
  });
}
