type Copy<Value> = { value: Value; readAtMs: number };

/** Older than this, a copy is read again; older than the second, it is no longer answered meanwhile. */
const FRESH_MS = 1_000;
const USABLE_MS = 2_000;

/** What a query answers, read about once a second while somebody asks, so that a hot path may ask as often as it likes. */
export function createCachedCopy<Value>(read: () => Promise<Value>) {
  let copy: Copy<Value> | undefined;
  let reading: Promise<Copy<Value>> | undefined;

  return {
    async get(): Promise<Copy<Value>> {
      const ageMs = copy ? performance.now() - copy.readAtMs : Number.POSITIVE_INFINITY;
      if (copy && ageMs < FRESH_MS) return copy;
      const next = reading ?? readAgain();
      // Under load nobody waits for the query. Its failure is met by whoever asks when the old copy is of no use any more.
      return copy && ageMs < USABLE_MS ? copy : next;
    },

    /** The next who asks reads anew. */
    forget(): void {
      copy = undefined;
      reading = undefined;
    },
  };

  function readAgain(): Promise<Copy<Value>> {
    const mine = readNow();
    reading = mine;
    // Not kept when it was forgotten meanwhile: what was read may be older than the reason to forget it.
    const settle = (made?: Copy<Value>) => {
      if (reading !== mine) return;
      reading = undefined;
      copy = made ?? copy;
    };
    mine.then(settle, () => settle());
    return mine;
  }

  async function readNow(): Promise<Copy<Value>> {
    const value = await read();
    return { value, readAtMs: performance.now() };
  }
}
