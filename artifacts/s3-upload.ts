import { createReadStream } from 'node:fs';
import { Upload } from '@aws-sdk/lib-storage';
import type { Bucket } from './s3-bucket.js';
import { isTaken } from './s3-errors.js';

/** So many are in memory at once, each of so many bytes: 24 MiB for a file of any size up to 80 GB. */
const PARTS_AT_ONCE = 3;
const PART_BYTES = 8 * 1024 * 1024;
/** What S3 takes. */
const MOST_PARTS = 10_000;

export type WholeFile = { key: string; path: string; bytes: number; sha256: string };

/**
 * Sends a file to a key that is free. Small ones go in one piece, others in parts; S3 recomputes the SHA-256 of each and refuses what
 * came otherwise. Nothing can be read before all of it is there, and an upload that fails is aborted.
 *
 * @returns `false` when the key is taken. Servers that do not know `If-None-Match` are asked before, which leaves a gap: two runs of
 * one step may then both store, and the later one is kept and seen by both.
 */
export async function uploadFile(bucket: Bucket, { key, path, bytes, sha256 }: WholeFile): Promise<boolean> {
  if (await bucket.find(key)) return false;
  const upload = new Upload({
    client: bucket.client,
    params: {
      ...bucket.describeUpload(key, sha256),
      Body: createReadStream(path),
      IfNoneMatch: '*',
      ChecksumAlgorithm: 'SHA256',
    },
    partSize: Math.max(PART_BYTES, Math.ceil(bytes / MOST_PARTS)),
    queueSize: PARTS_AT_ONCE,
  });
  try {
    await upload.done();
  } catch (error) {
    if (isTaken(error) && (await bucket.find(key))) return false;
    throw error;
  }
  const found = await bucket.find(key);
  if (found?.sha256 !== sha256) return false;
  if (found.bytes === bytes) return true;
  await bucket.remove(key);
  throw new Error(`S3 kept ${found.bytes} of ${bytes} bytes`);
}
