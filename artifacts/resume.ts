import type { GuardedResponse } from './guarded-fetch.js';

/** What is known of the file that a transfer began, for asking for the rest of exactly this one. */
export type Beginning = { etag: string; totalBytes: number | undefined };

/** `undefined` where the answer has no strong ETag: then no later answer can be proved to be of the same bytes. */
export function beginningOf({ headers }: GuardedResponse): Beginning | undefined {
  const etag = headers.etag;
  if (!etag || !/^"[\x21\x23-\x7e]*"$/.test(etag)) return undefined;
  const length = Number(headers['content-length']);
  return { etag, totalBytes: Number.isSafeInteger(length) && length > 0 ? length : undefined };
}

/** Headers that ask for the rest of one file, or for all of it if it has changed. */
export function rangeHeaders({ etag }: Beginning, fromByte: number): Record<string, string> {
  return { range: `bytes=${fromByte}-`, 'if-range': etag };
}

/** Whether an answer goes on exactly where the file was cut. */
export function isContinuation({ status, headers }: GuardedResponse, beginning: Beginning, fromByte: number): boolean {
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers['content-range'] ?? '');
  if (status !== 206 || !range) return false;
  const [, start, end, total] = range;
  const isSameFile = headers.etag === undefined || headers.etag === beginning.etag;
  const isSameLength = beginning.totalBytes === undefined || Number(total) === beginning.totalBytes;
  return (
    isSameFile && isSameLength && Number(start) === fromByte && (total === '*' || Number(end) + 1 === Number(total))
  );
}
