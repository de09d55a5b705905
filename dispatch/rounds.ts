import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from '../runtime/logger.js';

type Rounds = {
  /** For the log, as in `starting webhooks`. */
  what: string;
  everyMs: number;
  logger: Logger;
  /** True when there may be more to do at once. What it throws is tried again. */
  round: (signal: AbortSignal) => Promise<boolean>;
};

/** Does something again and again: at once while there may be more, when it is woken, and otherwise after a pause. */
export function createRounds({ what, everyMs, logger, round }: Rounds) {
  const stopping = new AbortController();
  const { signal } = stopping;
  let isWoken = false;
  let interruptPause = () => {};
  let running: Promise<void> = Promise.resolve();

  return {
    start(): void {
      running = run();
    },
    wake(): void {
      isWoken = true;
      interruptPause();
    },
    async close(): Promise<void> {
      stopping.abort();
      interruptPause();
      await running;
    },
  };

  async function run(): Promise<void> {
    while (!signal.aborted) {
      isWoken = false;
      const mayBeMore = await round(signal).catch((error: unknown) => {
        if (!signal.aborted) logger.warn({ err: error }, `${what} failed; it is tried again`);
        return false;
      });
      if (!mayBeMore && !isWoken) await rest();
    }
  }

  async function rest(): Promise<void> {
    const waking = new AbortController();
    interruptPause = () => waking.abort();
    if (!signal.aborted) await pause(everyMs, undefined, { signal: waking.signal }).catch(() => {});
    interruptPause = () => {};
  }
}
