import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Request, Response } from 'express';

/** Answers that no page documents and that would take a careless client's memory, stack or time. */
export const strangeAnswers = ['huge_body', 'gzip_bomb', 'deep_nesting', 'drip_headers', 'drip_body'] as const;
export type StrangeAnswer = (typeof strangeAnswers)[number];

export function isStrange(fault: string): fault is StrangeAnswer {
  return (strangeAnswers as readonly string[]).includes(fault);
}

type Exchange = { request: Request; response: Response };

const MEBIBYTE = 1024 * 1024;
const HUGE_MEBIBYTES = 100;
/** Below what our own client reads at all, so that its parser meets it. */
const NESTED_ARRAYS = 450_000;
const DRIP_EVERY_MS = 1_000;
const DRIPS = 3_600;

export async function sendStrange(answer: StrangeAnswer, { request, response }: Exchange): Promise<void> {
  response.type('json');
  switch (answer) {
    case 'huge_body':
      return send(hugeBody(), response);
    case 'gzip_bomb':
      return void response.set('Content-Encoding', 'gzip').send(await gzipBomb());
    case 'deep_nesting':
      return void response.send(`{"data":${'['.repeat(NESTED_ARRAYS)}${']'.repeat(NESTED_ARRAYS)}}`);
    case 'drip_body':
      response.set('Content-Length', String(DRIPS));
      return send(drips(), response);
    case 'drip_headers': {
      const { socket } = request;
      socket.on('error', () => {});
      socket.write('HTTP/1.1 200 OK\r\nX-Drip: ');
      for await (const drop of drips()) if (!socket.writable || !socket.write(drop)) return void socket.destroy();
    }
  }
}

/** Whoever reads it may well give up; that is what it is for. */
function send(body: AsyncIterable<string> | Iterable<string>, response: Response): Promise<void> {
  return pipeline(Readable.from(body), response).catch(() => {});
}

function* hugeBody() {
  const piece = 'x'.repeat(MEBIBYTE);
  yield '{"padding":"';
  for (let sent = 0; sent < HUGE_MEBIBYTES; sent += 1) yield piece;
  yield '"}';
}

async function* drips() {
  for (let sent = 0; sent < DRIPS; sent += 1) {
    yield ' ';
    await pause(DRIP_EVERY_MS, undefined, { ref: false });
  }
}

let bomb: Promise<Buffer> | undefined;

/** Packed a thousandth of what it becomes. */
function gzipBomb(): Promise<Buffer> {
  bomb ??= promisify(gzip)(Buffer.alloc(HUGE_MEBIBYTES * MEBIBYTE));
  return bomb;
}
