import type { Attempts } from '../store/attempts.js';

type Parts = { attempts: Pick<Attempts, 'countLooking'>; looksPerSecond: number; now?: () => number };

const COUNT_AGAIN_AFTER_MS = 5_000;

/** Stretches the pause between looks so that all waiting jobs together stay below `looksPerSecond`. */
export function createPaceOfLooks({ attempts, looksPerSecond, now = Date.now }: Parts) {
  let jobs = 0;
  let countedAtMs = Number.NEGATIVE_INFINITY;

  return async (intervalMs: number): Promise<number> => {
    if (now() - countedAtMs > COUNT_AGAIN_AFTER_MS) {
      countedAtMs = now();
      jobs = await attempts.countLooking();
    }
    return Math.max(intervalMs, (jobs / looksPerSecond) * 1_000);
  };
}
