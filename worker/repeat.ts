import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../runtime/logger.js';

type Repeated = {
  /** For the log, as in `looking at abandoned tasks`. */
  what: string;
  everyMs: number;
  logger: Logger;
  /** The signal says that the process is to stop. */
  work: (signal: AbortSignal) => Promise<void>;
};

/** Does something at once and then again and again, one run after the other. What fails is tried again at the next turn. */
export function createRepeated({ what, everyMs, logger, work }: Repeated) {
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> = Promise.resolve();

  return {
    start(): void {
      running = run();
    },
    async close(): Promise<void> {
      stopping.abort();
      await running;
    },
  };

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await work(signal).catch((error: unknown) => {
        if (!signal.aborted) logger.warn({ err: error }, `${what} failed; it is tried again`);
      });
      await pause(everyMs, undefined, { signal }).catch(() => {});
    }
  }
}
