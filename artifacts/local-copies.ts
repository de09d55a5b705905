import { rm } from 'node:fs/promises';

const KEPT_MS = 15_000;

/** Local files with the bytes of what was stored a moment ago: who stores a video looks into it next, and need not fetch it for that. */
export function createLocalCopies() {
  const kept = new Map<string, { path: string; timer: NodeJS.Timeout }>();

  const take = (key: string): string | undefined => {
    const copy = kept.get(key);
    kept.delete(key);
    clearTimeout(copy?.timer);
    return copy?.path;
  };

  return {
    /** Owns the file from now on. */
    keep(key: string, path: string): void {
      const earlier = take(key);
      if (earlier) drop(earlier);
      const timer = setTimeout(() => {
        kept.delete(key);
        drop(path);
      }, KEPT_MS);
      timer.unref();
      kept.set(key, { path, timer });
    },

    /** Gives the file away, to be removed by who asked. */
    take,
  };
}

/** What cannot be removed now is swept later. */
function drop(path: string): void {
  rm(path, { force: true }).catch(() => undefined);
}
