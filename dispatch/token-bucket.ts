import { setTimeout as pause } from 'node:timers/promises';

/** Lets `perSecond` tokens through each second, with a burst of one second's worth. */
export function createTokenBucket(perSecond: number, now: () => number = Date.now) {
  let tokens = perSecond;
  let filledAtMs = now();

  return {
    /** Up to `most` tokens; waits until there is at least one. 0 when `signal` is aborted. */
    async take(most: number, signal: AbortSignal): Promise<number> {
      for (;;) {
        if (signal.aborted) return 0;
        const atMs = now();
        tokens = Math.min(perSecond, tokens + ((atMs - filledAtMs) / 1_000) * perSecond);
        filledAtMs = atMs;
        const taken = Math.min(most, Math.floor(tokens));
        if (taken > 0) {
          tokens -= taken;
          return taken;
        }
        await pause(Math.ceil(((1 - tokens) / perSecond) * 1_000), undefined, { signal }).catch(() => {});
      }
    },

    giveBack(unused: number): void {
      tokens += unused;
    },
  };
}
