import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MediaError } from './media-error.js';
import type { MediaAnswer, MediaReply, MediaRequest } from './messages.js';

export type RunOptions = { timeoutMs: number; signal?: AbortSignal };

/** A child process that does one thing at a time, so that ending it ends nothing else. */
export type MediaChild = {
  isAlive(): boolean;
  /** Whether it is worth keeping: codecs do not give back all the memory that they took. */
  isFresh(): boolean;
  /** Ends the child when it takes too long, or when the signal is raised. */
  run(request: MediaRequest, options: RunOptions): Promise<MediaAnswer>;
  stop(): Promise<void>;
};

type Asked = { resolve: (answer: MediaAnswer) => void; reject: (error: unknown) => void };

/** Of the memory that a child may take. */
const FRESH_SHARE = 0.25;
const MAX_LAST_WORDS = 2_000;

export function startMediaChild({
  memoryLimitMb,
  residentLimitMb,
}: {
  memoryLimitMb: number;
  residentLimitMb: number;
}): MediaChild {
  const child = fork(childModule(), [String(residentLimitMb), String(process.pid)], {
    execArgv: [`--max-old-space-size=${memoryLimitMb}`, '--expose-gc'],
    // Whoever breaks into it through a file finds none of our credentials.
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  let asked: Asked | undefined;
  let isAlive = true;
  let isFresh = true;
  let lastWords = '';

  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lastWords = `${lastWords}${text}`.slice(-MAX_LAST_WORDS);
  });
  child.on('message', ({ answer, residentMb }: MediaReply) => {
    isFresh = residentMb <= residentLimitMb * FRESH_SHARE;
    asked?.resolve(answer);
    asked = undefined;
  });
  // Also raised when a message cannot be sent; without a listener it would end the parent.
  child.on('error', (error) => die(new MediaError('crashed', 'the media process could not be reached', error)));
  child.once('close', (code, signal) => die(obituary({ ending: String(signal ?? code), lastWords })));

  return {
    isAlive: () => isAlive,
    isFresh: () => isAlive && isFresh,

    async run(request, { timeoutMs, signal }) {
      signal?.throwIfAborted();
      const timer = setTimeout(
        () => die(new MediaError('timed_out', `the media process took longer than ${timeoutMs} ms`)),
        timeoutMs,
      );
      const abandon = () => die(signal?.reason);
      signal?.addEventListener('abort', abandon, { once: true });
      try {
        return await new Promise<MediaAnswer>((resolve, reject) => {
          asked = { resolve, reject };
          child.send(request);
        });
      } finally {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abandon);
      }
    },

    async stop() {
      die(new MediaError('closed', 'the media process was closed'));
      await ended;
    },
  };

  function die(error: unknown): void {
    isAlive = false;
    child.kill('SIGKILL');
    asked?.reject(error);
    asked = undefined;
  }
}

/** Both V8, when its heap is full, and the guard of the child say so before the end. */
function obituary({ ending, lastWords }: { ending: string; lastWords: string }): MediaError {
  const cause = lastWords || undefined;
  if (/out of memory/i.test(lastWords))
    return new MediaError('out_of_memory', 'the media process used up its memory', cause);
  return new MediaError('crashed', `the media process ended (${ending})`, cause);
}

/** The compiled child, also when this file itself runs from its source. */
function childModule(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const beside = join(here, 'child.js');
  return existsSync(beside) ? beside : join(here, '..', 'dist', 'media', 'child.js');
}
