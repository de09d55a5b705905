import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MediaError } from './media-error.js';
import type { MediaAnswer, MediaRequest } from './messages.js';

/** A child process that does one thing at a time, so that ending it ends nothing else. */
export type MediaChild = {
  isAlive(): boolean;
  run(request: MediaRequest, timeoutMs: number): Promise<MediaAnswer>;
  stop(): Promise<void>;
};

type Asked = { resolve: (answer: MediaAnswer) => void; reject: (error: MediaError) => void };

const MAX_LAST_WORDS = 2_000;

export function startMediaChild({ memoryLimitMb }: { memoryLimitMb: number }): MediaChild {
  const child = fork(childModule(), {
    execArgv: [`--max-old-space-size=${memoryLimitMb}`, '--expose-gc'],
    // Whoever breaks into it through a file finds none of our credentials.
    env: {},
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  let asked: Asked | undefined;
  let isAlive = true;
  let lastWords = '';

  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    lastWords = `${lastWords}${text}`.slice(-MAX_LAST_WORDS);
  });
  child.on('message', (answer: MediaAnswer) => {
    asked?.resolve(answer);
    asked = undefined;
  });
  // Also raised when a message cannot be sent; without a listener it would end the parent.
  child.on('error', (error) => die(new MediaError('crashed', 'the media process could not be reached', error)));
  child.once('close', (code, signal) =>
    die(new MediaError('crashed', `the media process ended (${signal ?? code})`, lastWords || undefined)),
  );

  return {
    isAlive: () => isAlive,

    async run(request, timeoutMs) {
      const timer = setTimeout(
        () => die(new MediaError('timed_out', `the media process took longer than ${timeoutMs} ms`)),
        timeoutMs,
      );
      try {
        return await new Promise<MediaAnswer>((resolve, reject) => {
          asked = { resolve, reject };
          child.send(request);
        });
      } finally {
        clearTimeout(timer);
      }
    },

    async stop() {
      die(new MediaError('closed', 'the media process was closed'));
      await ended;
    },
  };

  function die(error: MediaError): void {
    isAlive = false;
    child.kill('SIGKILL');
    asked?.reject(error);
    asked = undefined;
  }
}

/** The compiled child, also when this file itself runs from its source. */
function childModule(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const beside = join(here, 'child.js');
  return existsSync(beside) ? beside : join(here, '..', 'dist', 'media', 'child.js');
}
