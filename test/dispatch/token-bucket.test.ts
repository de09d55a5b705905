import { describe, expect, it } from '@jest/globals';
import { createTokenBucket } from '../../dispatch/token-bucket.js';
import { createPaceOfLooks } from '../../worker/pace.js';

const never = new AbortController().signal;

describe('createTokenBucket', () => {
  it('lets a second’s worth through at once, and then as many as time brings', async () => {
    let nowMs = 0;
    const bucket = createTokenBucket(30, () => nowMs);
    expect(await bucket.take(50, never)).toBe(30);
    nowMs = 100;
    expect(await bucket.take(50, never)).toBe(3);
    nowMs = 60_000;
    expect(await bucket.take(50, never)).toBe(30);
  });

  it('takes back what was not used', async () => {
    const bucket = createTokenBucket(10, () => 0);
    expect(await bucket.take(10, never)).toBe(10);
    bucket.giveBack(4);
    expect(await bucket.take(10, never)).toBe(4);
  });

  it('gives up waiting when it is told to stop', async () => {
    const bucket = createTokenBucket(1, () => 0);
    await bucket.take(1, never);
    expect(await bucket.take(1, AbortSignal.abort())).toBe(0);
  });
});

describe('createPaceOfLooks', () => {
  it('keeps the interval while few jobs wait, and stretches it so that all together stay below the rate', async () => {
    let jobs = 50;
    let nowMs = 0;
    const pace = createPaceOfLooks({
      attempts: { countLooking: async () => jobs },
      looksPerSecond: 100,
      now: () => nowMs,
    });
    expect(await pace(2_000)).toBe(2_000);
    jobs = 1_000;
    nowMs = 6_000;
    expect(await pace(2_000)).toBe(10_000);
  });
});
