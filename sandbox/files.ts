import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import type { Request, Response } from 'express';
import type { Ledger } from './ledger.js';
import type { Scripts } from './scripts.js';
import type { Tasks } from './tasks.js';

type Deps = { tasks: Tasks; scripts: Scripts; ledger: Ledger };

const EXPIRED = '<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>';
const SLOW_PIECES_PER_SECOND = 20;

/** Finished files at addresses that nobody can guess, with the faults that were planned for them. */
export function createFiles({ tasks, scripts, ledger }: Deps) {
  return async (request: Request, response: Response): Promise<void> => {
    const token = String(request.params.file).replace(/\.mp4$/, '');
    const task = tasks.findByToken(token);
    if (!task?.clipPath) return void response.status(403).type('xml').send(EXPIRED);
    const { account, prompt, id: taskId, clipPath } = task;
    const script = scripts.take('download', { account, prompt });
    ledger.add({ account, call: 'download', outcome: script?.fault ?? 'served', taskId, prompt });

    const { size } = await stat(clipPath);
    const half = createReadStream(clipPath, { end: Math.floor(size / 2) });
    switch (script?.fault) {
      case 'expired':
        tasks.expireLink(task);
        return void response.status(403).type('xml').send(EXPIRED);
      case 'truncate':
        response.set({ 'Content-Type': 'video/mp4', 'Content-Length': String(size) });
        for await (const chunk of half) response.write(chunk);
        return void request.socket.end();
      case 'truncate_without_length':
        // Ended in good order: only the file itself tells that something is missing.
        response.type('video/mp4');
        return pipeline(half, response);
      case 'wrong_content_type':
        response.type('application/octet-stream');
        return pipeline(createReadStream(clipPath), response);
      case 'html':
        return void response.type('html').send('<!doctype html><title>Sign in</title>');
      case 'empty':
        return void response.type('video/mp4').end();
      case 'slow':
        response.set({ 'Content-Type': 'video/mp4', 'Content-Length': String(size) });
        return pipeline(Readable.from(slowly(clipPath, script.bytesPerSecond)), response).catch(() => {});
      case 'redirect':
        return response.redirect(302, script.location ?? 'http://169.254.169.254/');
      case 'server_error':
        return void response.status(500).send('internal error');
      case undefined:
        half.destroy();
        // The token is the secret; the file is a plain one, with ranges and a tag.
        // Clips are kept below `.reelay`, which a web server would hide by its name.
        return response.sendFile(clipPath, { dotfiles: 'allow', headers: { 'Content-Type': 'video/mp4' } });
    }
  };
}

async function* slowly(path: string, bytesPerSecond: number) {
  const highWaterMark = Math.max(1, Math.floor(bytesPerSecond / SLOW_PIECES_PER_SECOND));
  for await (const chunk of createReadStream(path, { highWaterMark })) {
    yield chunk;
    await pause(1_000 / SLOW_PIECES_PER_SECOND);
  }
}
