import type { CallbackClaim, CallbackReader, RawCallback } from '../contract/provider.js';
import { parseJson } from './http.js';
import { createRedact } from './redact.js';

type Reading = {
  /** Never to be kept, whatever a callback repeats. */
  secrets: readonly string[];
  /** Null where the body names no task. */
  taskIdOf: (body: unknown) => string | null;
};

/** Reads what a callback says in the vendor's own shape. What cannot be read is a callback all the same: whoever is called back looks. */
export function createClaimReader({ secrets, taskIdOf }: Reading): (callback: RawCallback) => CallbackClaim {
  const redact = createRedact(secrets);
  return ({ body }) => {
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
    return { taskId: taskIdOf(parseJson(text)), excerpt: redact.excerpt(text) };
  };
}

/** Callbacks of a vendor that does not sign: the address, which only the vendor was told, says whose they are. */
export function unsignedCallbacks(reading: Reading): CallbackReader {
  return { comesTo: 'attempt', readCallback: createClaimReader(reading) };
}

type Reach = { callbackUrl: string | undefined; baseUrl: URL };

/** The address to be called back at, where the vendor can be expected to take it: they want https, but for one on this machine. */
export function usableCallbackUrl({ callbackUrl, baseUrl }: Reach): string | undefined {
  return callbackUrl?.startsWith('https:') || baseUrl.protocol === 'http:' ? callbackUrl : undefined;
}
