import { describe, expect, it } from '@jest/globals';
import { readWaitSeconds } from '../../api/middleware/prefer.js';

describe('how long a caller is ready to wait', () => {
  it.each([
    ['wait=20', 20],
    ['wait="20"', 20],
    ['WAIT = 20', 20],
    ['respond-async, wait=10', 10],
    ['wait=10,respond-async', 10],
    ['wait=10; foo="bar"', 10],
    ['wait=5, wait=50', 5],
    ['wait=0', 0],
    ['wait', 60],
    ['wait=600', 60],
    [`wait=${'9'.repeat(400)}`, 60],
  ])('is read from %j as %d seconds', (header, seconds) => {
    expect(readWaitSeconds(header)).toBe(seconds);
  });

  it.each([
    [undefined],
    [''],
    ['return=minimal'],
    ['wait=soon'],
    ['wait=-1'],
    ['wait=1.5'],
    ['wait="3'],
    ['await=3'],
    ['wait=3 4'],
  ])('is not said by %j, which is no error', (header) => {
    expect(readWaitSeconds(header)).toBeUndefined();
  });
});
