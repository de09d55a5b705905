const AT_ONCE = 4;

/**
 * Does something with each, a few at a time. After a failure nothing more is begun; when all that was has ended, that of the first in
 * order is thrown, whichever came first.
 */
export async function fewAtOnce<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const left = items.entries();
  const failures = new Map<number, unknown>();

  async function takeTurns(): Promise<void> {
    for (const [index, item] of left) {
      if (failures.size > 0) return;
      await work(item).catch((error: unknown) => failures.set(index, error));
    }
  }

  await Promise.all(Array.from({ length: AT_ONCE }, takeTurns));
  if (failures.size > 0) throw failures.get(Math.min(...failures.keys()));
}
