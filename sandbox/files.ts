import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Request, Response } from 'express';
import type { Ledger, LedgerEntry } from './ledger.js';
import type { Scripts } from './scripts.js';
import type { Task, Tasks } from './tasks.js';

type Deps = { tasks: Tasks; scripts: Scripts; ledger: Ledger; hasEtags: boolean };
type Sent = {
  request: Request;
  response: Response;
  task: Task;
  clipPath: string;
  /** How it is said that the file can no longer be had here. */
  sendExpired: () => void;
};

const VIDEO = 'video/mp4';
const EXPIRED = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>';
const SLOW_PIECES_PER_SECOND = 20;
const HUGE_BYTES = 10 * 1024 ** 3;
const PADDING_BYTES = 64 * 1024;
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=',
  'base64',
);
/** Clips kept in memory; the one that load asks for is always among them. */
const MAX_KEPT = 8;

/** The files of finished tasks, with the faults that were planned for them. */
export function createFiles({ tasks, scripts, ledger, hasEtags }: Deps) {
  const read = createReader();

  return {
    /** At an address that nobody can guess. */
    async atAddress(request: Request, response: Response): Promise<void> {
      const account = String(request.params.account);
      const token = String(request.params.file).replace(/\.mp4$/, '');
      const found = tasks.findByToken(account, token);
      const sendExpired = () => void response.status(403).type('xml').send(EXPIRED);
      if (found) return send({ request, response, ...found, sendExpired });
      ledger.add({ account, call: 'download', outcome: 'not_found' });
      sendExpired();
    },

    send,
  };

  async function send({ request, response, task, clipPath, sendExpired }: Sent): Promise<void> {
    const { account, prompt, id: taskId } = task;
    const script = scripts.take('download', { account, prompt });
    const fault = script?.fault;
    const entry = ledger.add({
      account,
      call: 'download',
      outcome: fault ?? 'served',
      ...(fault && { fault }),
      taskId,
      prompt,
    });
    const bytes = await read(clipPath);
    const half = bytes.subarray(0, Math.floor(bytes.length / 2));

    switch (script?.fault) {
      case 'expired':
        tasks.expireLink(task);
        return sendExpired();
      case 'swap':
      case 'truncate':
        if (script.fault === 'swap') await tasks.swapClip(task);
        countBytes(response, entry);
        if (hasEtags) response.set('ETag', etagOf(clipPath));
        response.set({ 'Content-Type': VIDEO, 'Content-Length': String(bytes.length) });
        return void response.write(half, () => request.socket.end());
      case 'truncate_without_length':
        // Chunked and ended in good order: only the file itself tells that something is missing.
        countBytes(response, entry);
        response.set('Content-Type', VIDEO).write(half);
        return void response.end();
      case 'wrong_content_type':
        countBytes(response, entry);
        return void response.set('Content-Type', 'application/octet-stream').send(bytes);
      case 'html':
        return void response.type('html').send('<!doctype html><title>Sign in</title>');
      case 'empty':
        return void response.set('Content-Type', VIDEO).end();
      case 'image':
        return void response.set('Content-Type', VIDEO).end(PICTURE);
      case 'huge':
        response.set({ 'Content-Type': VIDEO, 'Content-Length': String(HUGE_BYTES) });
        return pipeline(Readable.from(padded(bytes, HUGE_BYTES)), response).catch(() => {});
      case 'endless':
        response.set('Content-Type', VIDEO);
        return pipeline(Readable.from(padded(bytes, Infinity)), response).catch(() => {});
      case 'slow':
        countBytes(response, entry);
        response.set({ 'Content-Type': VIDEO, 'Content-Length': String(bytes.length) });
        // Whoever reads it may well give up; that is what it is for.
        return pipeline(Readable.from(slowly(bytes, script.bytesPerSecond)), response).catch(() => {});
      case 'redirect':
        return response.redirect(302, script.location);
      case 'server_error':
        return void response.status(500).send('internal error');
      case undefined:
        countBytes(response, entry);
        return serve({ request, response, bytes, ...(hasEtags && { etag: etagOf(clipPath) }) });
    }
  }
}

export type Files = ReturnType<typeof createFiles>;

type Served = { request: Request; response: Response; bytes: Buffer; etag?: string };

/** The whole file, or the one range that was asked for. */
function serve({ request, response, bytes, etag }: Served): void {
  response.set({ 'Content-Type': VIDEO, 'Accept-Ranges': 'bytes', ...(etag && { ETag: etag }) });
  const condition = request.get('if-range');
  const ranges = condition === undefined || condition === etag ? request.range(bytes.length) : undefined;
  if (ranges === -1) {
    response.status(416).set('Content-Range', `bytes */${bytes.length}`).end();
    return;
  }
  const range = Array.isArray(ranges) && ranges.type === 'bytes' && ranges.length === 1 ? ranges[0] : undefined;
  if (range) response.status(206).set('Content-Range', `bytes ${range.start}-${range.end}/${bytes.length}`);
  const body = range ? bytes.subarray(range.start, range.end + 1) : bytes;
  response.set('Content-Length', String(body.length)).end(body);
}

/** What went into the connection, when it is done with this answer; headers included where the answer was cut. */
function countBytes(response: Response, entry: LedgerEntry): void {
  const socket = response.socket;
  const before = socket?.bytesWritten ?? 0;
  response.once('close', () => {
    const whole = Number(response.getHeader('content-length'));
    const written = (socket?.bytesWritten ?? 0) - before;
    entry.bytesSent = response.writableFinished && whole > 0 ? whole : written;
  });
}

function etagOf(clipPath: string): string {
  return `"${basename(clipPath, '.mp4')}"`;
}

/** The film, and a box of nothing after it: up to its last byte a complete MP4 file might still come of it. */
function* padded(bytes: Buffer, totalBytes: number) {
  yield bytes;
  const header = Buffer.alloc(16);
  header.writeUInt32BE(1, 0);
  header.write('free', 4, 'latin1');
  const boxBytes = Number.isFinite(totalBytes) ? totalBytes - bytes.length : Number.MAX_SAFE_INTEGER;
  header.writeBigUInt64BE(BigInt(boxBytes), 8);
  yield header;
  const padding = Buffer.alloc(PADDING_BYTES);
  for (let left = boxBytes - header.length; left > 0; left -= padding.length) {
    yield left < padding.length ? padding.subarray(0, left) : padding;
  }
}

async function* slowly(bytes: Buffer, bytesPerSecond: number) {
  const size = Math.max(1, Math.floor(bytesPerSecond / SLOW_PIECES_PER_SECOND));
  for (let from = 0; from < bytes.length; from += size) {
    yield bytes.subarray(from, from + size);
    await pause(1_000 / SLOW_PIECES_PER_SECOND);
  }
}

function createReader() {
  const kept = new Map<string, Promise<Buffer>>();
  return (path: string): Promise<Buffer> => {
    const known = kept.get(path) ?? readFile(path);
    // Put last again: the one that was not asked for the longest is the first to go.
    kept.delete(path);
    kept.set(path, known);
    known.catch(() => kept.delete(path));
    for (const oldest of kept.keys()) {
      if (kept.size <= MAX_KEPT) break;
      kept.delete(oldest);
    }
    return known;
  };
}
