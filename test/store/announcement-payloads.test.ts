import { describe, expect, it } from '@jest/globals';
import { newId } from '../../runtime/ids.js';
import { idsOf, payloadsOf } from '../../store/announcements.js';

describe('the ids of many changes', () => {
  it.each([0, 1, 2, 254, 255, 256, 1_000])('fit into texts that Postgres takes, each once: %d', (count) => {
    const ids = Array.from({ length: count }, () => newId('job'));

    const payloads = payloadsOf(ids);

    expect(payloads.flatMap(idsOf)).toEqual(ids);
    for (const payload of payloads) expect(Buffer.byteLength(payload)).toBeLessThan(8_000);
    expect(payloads.length).toBeLessThanOrEqual(Math.ceil(count / 200));
  });
});
