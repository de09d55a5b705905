import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { fewAtOnce } from '../../runtime/few-at-once.js';

const numbers = Array.from({ length: 20 }, (_, index) => index);

describe('a few at once', () => {
  it('are at work, all of them in the end, and never more than four', async () => {
    const done: number[] = [];
    let working = 0;
    let most = 0;
    await fewAtOnce(numbers, async (number) => {
      working += 1;
      most = Math.max(most, working);
      for (let turns = 0; turns <= (number * 7) % 5; turns += 1) await turn();
      working -= 1;
      done.push(number);
    });
    expect(most).toBe(4);
    expect(done.toSorted((left, right) => left - right)).toEqual(numbers);
  });

  it('fail as the first in order has, and when all that was begun has ended', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const failing = fewAtOnce(numbers, async (number) => {
      begun.push(number);
      // The later ones fail sooner.
      for (let turns = 10 - number; turns > 0; turns -= 1) await turn();
      ended.push(number);
      if (number > 1) throw new Error(`no ${number}`);
    });
    await expect(failing).rejects.toThrow('no 2');
    expect(begun).toEqual([0, 1, 2, 3]);
    expect(new Set(ended)).toEqual(new Set(begun));
  });
});
