const STEP = 0x6d2b79f5;
const TWO_TO_32 = 2 ** 32;

export type Random = {
  /** From 0 up to, and not including, 1. */
  next(): number;
  pick<Item>(items: readonly Item[]): Item;
  shuffled<Item>(items: readonly Item[]): Item[];
};

/** Chance that comes out the same for the same seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;

  function next(): number {
    state = (state + STEP) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / TWO_TO_32;
  }

  function pick<Item>(items: readonly Item[]): Item {
    const [picked] = items.slice(Math.floor(next() * items.length));
    if (picked === undefined) throw new Error('there is nothing to pick from');
    return picked;
  }

  return {
    next,
    pick,
    shuffled: (items) =>
      items
        .map((item) => ({ item, at: next() }))
        .toSorted((left, right) => left.at - right.at)
        .map(({ item }) => item),
  };
}
