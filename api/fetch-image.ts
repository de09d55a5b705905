import { FetchFailure } from '../artifacts/fetch-failure.js';
import type { FetchLimits, GuardedFetch } from '../artifacts/guarded-fetch.js';
import { InlineMediaError } from '../artifacts/inline-media.js';

/** The bytes of an image at an address that a caller named. @throws `InlineMediaError`, in words for that field */
export type FetchImage = (url: string) => Promise<Uint8Array>;

const MEBIBYTE = 1024 * 1024;
/** More than any provider takes. */
export const MAX_IMAGE_BYTES = 20 * MEBIBYTE;

const limits: FetchLimits = {
  maxBytes: MAX_IMAGE_BYTES,
  deadlineMs: 15_000,
  headersTimeoutMs: 10_000,
  idleTimeoutMs: 5_000,
  minimumRate: { bytes: 64 * 1024, windowMs: 5_000 },
};

/** Fetches as the caller would, but never from an address within our own network. */
export function createFetchImage(fetch: GuardedFetch): FetchImage {
  return async (url) => {
    try {
      const response = await fetch.get({ url, limits, signal: new AbortController().signal });
      if (response.status !== 200) {
        response.discard();
        throw new InlineMediaError(`could not be fetched: its server answered ${response.status}`);
      }
      const chunks: Uint8Array[] = [];
      for await (const chunk of response.body) chunks.push(chunk);
      return Buffer.concat(chunks);
    } catch (error) {
      if (error instanceof FetchFailure) throw new InlineMediaError(`could not be fetched: ${error.message}`, error);
      throw error;
    }
  };
}
