import { describe, expect, it } from '@jest/globals';
import { createPacedWake } from '../../dispatch/paced-wake.js';
import { until } from '../support/until.js';

describe('a paced wake', () => {
  it('wakes at once, and once more after a burst', async () => {
    let wakes = 0;
    const wake = createPacedWake(() => {
      wakes += 1;
    }, 20);

    wake();
    expect(wakes).toBe(1);
    for (let count = 0; count < 100; count += 1) wake();
    expect(wakes).toBe(1);
    await until(() => wakes > 1, 5);
    wake();

    await until(() => wakes > 2, 5);
    expect(wakes).toBe(3);
  });
});
