import type { Logger } from '../runtime/logger.js';

const LINE_EVERY_MS = 1_000;

type Refusal = { account: string; status: number };

/** Tells how many callbacks were refused, in one line a second at most: a flood must not flood the log. */
export function createRefusalLog(logger: Logger) {
  const counts = new Map<string, Refusal & { refused: number }>();

  return {
    count({ account, status }: Refusal): void {
      if (counts.size === 0) setTimeout(write, LINE_EVERY_MS).unref();
      const key = `${account} ${status}`;
      counts.set(key, { account, status, refused: (counts.get(key)?.refused ?? 0) + 1 });
    },
  };

  function write(): void {
    for (const { account, status, refused } of counts.values()) {
      logger.warn({ provider: account, status, refused }, 'callbacks were refused');
    }
    counts.clear();
  }
}
