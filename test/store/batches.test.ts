import { describe, expect, it } from '@jest/globals';
import { createBatches } from '../../store/batches.js';

/** Work that goes on until it is let go. */
function heldWork() {
  const batches: string[][] = [];
  const letGo: (() => void)[] = [];
  const work = async (items: readonly string[]) => {
    batches.push([...items]);
    await new Promise<void>((resolve) => letGo.push(resolve));
    if (items.includes('bad')) throw new Error('no');
    return items.map((item) => `done ${item}`);
  };
  return { batches, work, next: () => letGo.shift()?.() };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('batches', () => {
  it('begin at once, and take together what comes meanwhile, in its order and no more than allowed', async () => {
    const { batches, work, next } = heldWork();
    const { add } = createBatches({ work, most: 2 });
    const results = ['a', 'b', 'c', 'd'].map((item) => add('lane', item));
    expect(batches).toEqual([['a']]);
    for (const _ of [1, 2, 3]) {
      next();
      await settled();
    }
    expect(batches).toEqual([['a'], ['b', 'c'], ['d']]);
    expect(await Promise.all(results)).toEqual(['done a', 'done b', 'done c', 'done d']);
  });

  it('wait for none of another lane', async () => {
    const { batches, work, next } = heldWork();
    const { add } = createBatches({ work, most: 2 });
    const results = [add('one', 'a'), add('other', 'b')];
    expect(batches).toEqual([['a'], ['b']]);
    next();
    next();
    expect(await Promise.all(results)).toEqual(['done a', 'done b']);
  });

  it('throw what went wrong to all that went together, and go on', async () => {
    const { work, next } = heldWork();
    const { add } = createBatches({ work, most: 2 });
    const results = Promise.allSettled(['a', 'b', 'bad', 'c'].map((item) => add('lane', item)));
    for (const _ of [1, 2, 3]) {
      next();
      await settled();
    }
    expect((await results).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    const again = add('lane', 'd');
    next();
    expect(await again).toBe('done d');
  });
});
