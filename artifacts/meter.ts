import { FetchFailure } from './fetch-failure.js';
import type { FetchLimits } from './guarded-fetch.js';

/**
 * Passes a body on while it keeps within its size and its minimum rate. Only time spent waiting for the other side counts,
 * so that a slow disk is not taken for a slow sender. A wait without end is for the idle time-out and the deadline to cut.
 */
export async function* meter(
  body: AsyncIterable<Uint8Array>,
  { maxBytes, minimumRate }: Pick<FetchLimits, 'maxBytes' | 'minimumRate'>,
): AsyncGenerator<Uint8Array> {
  let totalBytes = 0;
  let windowBytes = 0;
  let waitedMs = 0;
  let waitingSince = performance.now();

  for await (const chunk of body) {
    totalBytes += chunk.length;
    windowBytes += chunk.length;
    waitedMs += performance.now() - waitingSince;
    if (totalBytes > maxBytes) throw new FetchFailure('too_large', `more than ${maxBytes} bytes`);
    if (waitedMs >= minimumRate.windowMs) {
      if (windowBytes < minimumRate.bytes) {
        throw new FetchFailure('too_slow', `${windowBytes} bytes in ${Math.round(waitedMs)} ms`);
      }
      windowBytes = 0;
      waitedMs = 0;
    }
    yield chunk;
    waitingSince = performance.now();
  }
}
