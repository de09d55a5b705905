import type { FetchLimits } from '../../artifacts/guarded-fetch.js';

/** One box of an MP4 file; `long` writes its size in 64 bits, `open` as "to the end of the file". */
export function aBox(type: string, payload: Buffer, size: 'short' | 'long' | 'open' = 'short'): Buffer {
  const header = Buffer.alloc(size === 'long' ? 16 : 8);
  header.writeUInt32BE(size === 'short' ? payload.length + 8 : size === 'long' ? 1 : 0, 0);
  header.write(type, 4, 'latin1');
  if (size === 'long') header.writeBigUInt64BE(BigInt(payload.length + 16), 8);
  return Buffer.concat([header, payload]);
}

export const ftyp = aBox('ftyp', Buffer.from('isom\0\0\x02\0isomiso2avc1mp41', 'latin1'));
export const moov = aBox('moov', Buffer.alloc(300, 7));

/** A complete MP4 file as far as its boxes go, with the index in front. */
export function aFastStartVideo(mediaBytes = 200_000): Buffer {
  const media = Buffer.alloc(mediaBytes);
  for (let index = 0; index < mediaBytes; index += 1) media[index] = (index * 31 + (index >> 8)) % 251;
  return Buffer.concat([ftyp, moov, aBox('mdat', media)]);
}

export function someLimits(given: Partial<FetchLimits> = {}): FetchLimits {
  return {
    maxBytes: 10_000_000,
    deadlineMs: 20_000,
    headersTimeoutMs: 5_000,
    idleTimeoutMs: 5_000,
    minimumRate: { bytes: 1, windowMs: 30_000 },
    ...given,
  };
}
