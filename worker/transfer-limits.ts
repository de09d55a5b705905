import type { FetchLimits } from '../artifacts/guarded-fetch.js';

/** What a download may take, besides its deadline: idle time-outs alone do not end a drip of one byte a second. */
export function transferLimits(maxBytes: number): Omit<FetchLimits, 'deadlineMs'> {
  return {
    maxBytes,
    headersTimeoutMs: 30_000,
    idleTimeoutMs: 20_000,
    minimumRate: { bytes: 64 * 1024, windowMs: 30_000 },
  };
}
