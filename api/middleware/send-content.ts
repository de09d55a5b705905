import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import { ServiceError } from '../../contract/errors.js';
import type { Content } from '../jobs.js';

const CACHE_CONTROL = 'private, max-age=31536000, immutable';

/** Sends a stored file, or the one part of it that was asked for. Files never change, so they may be kept for good. */
export async function sendContent(request: Request, response: Response, content: Content): Promise<void> {
  const disposition = `inline; filename="${content.fileName}"`;
  const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
  const address = await content.address?.({ method, disposition, cacheControl: CACHE_CONTROL });
  if (address) {
    // Whatever the request asks besides, of ranges and of tags, it asks there again, where other tags are known than here.
    response.status(302).set({ Location: address, 'Cache-Control': 'no-store' }).end();
    return;
  }
  const etag = `"${content.sha256}"`;
  const headers = {
    ETag: etag,
    'Accept-Ranges': 'bytes',
    'Cache-Control': CACHE_CONTROL,
    'Content-Disposition': disposition,
    // The page that plays the video is the caller's own.
    'Cross-Origin-Resource-Policy': 'cross-origin',
  };
  const wanted = request.get('if-match');
  if (wanted !== undefined && wanted !== '*' && !listsTag(wanted, etag)) {
    response.status(412).set(headers).end();
    return;
  }
  const known = request.get('if-none-match');
  if (known !== undefined && (known === '*' || listsTag(known.replaceAll('W/', ''), etag))) {
    response.status(304).set(headers).end();
    return;
  }

  const range = rangeOf(request, { etag, bytes: content.bytes });
  if (range === 'unsatisfiable') {
    response
      .status(416)
      .set({ ...headers, 'Content-Range': `bytes */${content.bytes}` })
      .end();
    return;
  }
  const length = range ? range.end - range.start + 1 : content.bytes;
  const isHead = request.method === 'HEAD';
  const stream = isHead ? undefined : await content.open(range);
  // Said before the bytes are at hand, the headers would have an error kept for a year.
  if (!isHead && !stream) {
    response.set('Cache-Control', 'no-store');
    throw new ServiceError('content_gone');
  }
  response.set(headers);
  if (range) response.status(206).set('Content-Range', `bytes ${range.start}-${range.end}/${content.bytes}`);
  response.setHeader('Content-Type', content.contentType);
  response.setHeader('Content-Length', length);
  if (!stream) {
    response.end();
    return;
  }
  // A caller who hangs up is no error of ours.
  await pipeline(stream, response).catch((error: unknown) => {
    if (!request.socket.destroyed) throw error;
  });
}

/** Compares strongly: a weak tag is never ours. `If-None-Match` alone may call it the same. */
function listsTag(header: string, etag: string): boolean {
  return header.split(',').some((tag) => tag.trim() === etag);
}

const longSuffix = /^bytes=\s*-0*[1-9]\d*\s*$/;

type Range = { start: number; end: number };

/** One range is served as such; several, or a unit we do not know, get the whole file, as RFC 9110 allows. */
function rangeOf(
  request: Request,
  { etag, bytes }: { etag: string; bytes: number },
): Range | 'unsatisfiable' | undefined {
  if (request.method !== 'GET') return undefined;
  // Strong comparison: a weak tag or a date never matches, as neither promises the same bytes.
  const condition = request.get('if-range');
  if (condition !== undefined && condition !== etag) return undefined;
  const ranges = request.range(bytes);
  // The last n bytes of a shorter file are all of it; the parser calls that unsatisfiable.
  if (ranges === -1)
    return longSuffix.test(request.get('range') ?? '') ? { start: 0, end: bytes - 1 } : 'unsatisfiable';
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  return ranges[0];
}
