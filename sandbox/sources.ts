import type { Task } from './tasks.js';

/** A clip that shows its source and then goes on: as long as both, paid for what is new. */
export function continuationOf({ id: sourceId, seconds, width, height }: Task, moreSeconds: number) {
  return { sourceId, width, height, seconds: seconds + moreSeconds, billedSeconds: moreSeconds };
}

/** A clip of its source's length and size that shows something else. */
export function lookalikeOf({ id: sourceId, seconds, width, height }: Task) {
  return { sourceId, width, height, seconds };
}
