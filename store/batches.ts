type Entry<Item, Result> = { item: Item; resolve: (result: Result) => void; reject: (error: unknown) => void };

export type Batches<Item, Result> = {
  /** What came of the item, which goes with those of the same lane that came while the one before them was under way. */
  add(lane: string, item: Item): Promise<Result>;
};

type Settings<Item, Result> = {
  /** Answers for each item, in their order. What it throws is thrown to all of them. */
  work: (items: readonly Item[]) => Promise<readonly Result[]>;
  most: number;
};

/** Does together what would wait for one another anyway. Whoever comes to an idle lane waits for nobody. */
export function createBatches<Item, Result>({ work, most }: Settings<Item, Result>): Batches<Item, Result> {
  const lanes = new Map<string, Entry<Item, Result>[]>();

  return {
    add(lane, item) {
      return new Promise((resolve, reject) => {
        const entry = { item, resolve, reject };
        const waiting = lanes.get(lane);
        if (waiting) waiting.push(entry);
        else void drain(lane, [entry]);
      });
    },
  };

  async function drain(lane: string, waiting: Entry<Item, Result>[]): Promise<void> {
    lanes.set(lane, waiting);
    while (waiting.length > 0) await carryOut(waiting.splice(0, most));
    lanes.delete(lane);
  }

  async function carryOut(entries: readonly Entry<Item, Result>[]): Promise<void> {
    try {
      const results = await work(entries.map(({ item }) => item));
      if (results.length !== entries.length)
        throw new Error(`${entries.length} were asked for, ${results.length} answered`);
      for (const [index, result] of results.entries()) entries[index]?.resolve(result);
    } catch (error) {
      for (const { reject } of entries) reject(error);
    }
  }
}
