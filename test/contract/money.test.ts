import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { captureFor, deliveredSeconds, holdFor } from '../../contract/money.js';

const PRICE = 100_000;

describe('captureFor', () => {
  it.each([
    ['as long as asked', { requestedSeconds: 8, measuredSeconds: [8] }, 800_000],
    ['longer than asked', { requestedSeconds: 8, measuredSeconds: [9.5] }, 800_000],
    ['shorter by half a second', { requestedSeconds: 8, measuredSeconds: [7.5] }, 800_000],
    ['shorter by more', { requestedSeconds: 8, measuredSeconds: [7.25] }, 725_000],
    ['one short and one whole', { requestedSeconds: 8, measuredSeconds: [5.25, 8] }, 1_325_000],
    ['none at all', { requestedSeconds: 8, measuredSeconds: [] }, 0],
  ])('charges for files: %s', (_, delivery, micros) => {
    expect(captureFor(PRICE, delivery)).toBe(micros);
  });

  it.each([
    ['what was asked', 12, 400_000],
    ['more than was asked', 30, 400_000],
    ['half a second less', 11.5, 400_000],
    ['less than that', 11.1, 310_000],
    ['nothing but its source', 8, 0],
    ['not even its source', 3, 0],
  ])('charges an extension for what follows its source of 8 s: %s', (_, measured, micros) => {
    expect(captureFor(PRICE, { requestedSeconds: 4, measuredSeconds: [measured], sourceSeconds: 8 })).toBe(micros);
  });

  it('never comes to more than was held, nor to less than nothing', () => {
    const seconds = fc.double({ min: 0, max: 600, noNaN: true });
    const asked = fc.double({ min: 0.01, max: 60, noNaN: true });
    const delivery = fc.record({
      requestedSeconds: asked,
      measuredSeconds: fc.array(seconds, { maxLength: 4 }),
      sourceSeconds: fc.option(seconds, { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.nat({ max: 10_000_000 }), delivery, (priceMicrosPerSecond, given) => {
        const price = { priceMicrosPerSecond, minimumHoldMicros: 0 };
        const held = holdFor(price, given.requestedSeconds, given.measuredSeconds.length);
        const captured = captureFor(priceMicrosPerSecond, given);
        expect(captured).toBeGreaterThanOrEqual(0);
        expect(captured).toBeLessThanOrEqual(held);
      }),
    );
  });
});

describe('deliveredSeconds', () => {
  it('takes the source off each file of an extension and nothing off any other', () => {
    expect(deliveredSeconds({ requestedSeconds: 4, measuredSeconds: [12.25, 11, 7], sourceSeconds: 8 })).toEqual([
      4, 3, 0,
    ]);
    expect(deliveredSeconds({ requestedSeconds: 8, measuredSeconds: [8.25, 5] })).toEqual([8.25, 5]);
  });
});
