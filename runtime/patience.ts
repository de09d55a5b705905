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
