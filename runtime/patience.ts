import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from './logger.js';

type Attempted<Result> = { what: string; logger: Logger; work: () => Promise<Result> };

const PAUSE_MS = 1_000;

/** Waits for a part of the service that is not up yet; processes may start in any order. */
export async function untilReachable<Result>({ what, logger, work }: Attempted<Result>): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      logger.warn({ err: error }, `${what} is not reachable yet`);
      await pause(PAUSE_MS);
    }
  }
}

type Limited<Result> = { what: string; limitMs: number; work: () => Promise<Result> };

/** Gives up on work that takes too long, as it may wait for a part that no longer answers. The work itself goes on. */
export async function atMost<Result>({ what, limitMs, work }: Limited<Result>): Promise<Result> {
  const done = new AbortController();
  const late = pause(limitMs, undefined, { signal: done.signal }).then(() => {
    throw new Error(`${what} took longer than ${limitMs} ms`);
  });
  late.catch(() => {}); // nobody waits for it once the work is done
  try {
    return await Promise.race([work(), late]);
  } finally {
    done.abort();
  }
}
