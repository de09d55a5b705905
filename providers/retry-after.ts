const LONGEST_MS = 24 * 60 * 60 * 1000;

/** `Retry-After` in either of its forms, seconds or an HTTP date; `undefined` when it is absent or cannot be read. */
export function readRetryAfterMs(header: string | string[] | undefined): number | undefined {
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (!text) return undefined;
  const waitMs = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(waitMs) ? Math.min(Math.max(Math.ceil(waitMs), 0), LONGEST_MS) : undefined;
}
