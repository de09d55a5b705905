import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

/** Network pieces are small; written together they cost a fraction of the calls. */
const BATCH_BYTES = 512 * 1024;

/** Writes a file in order, one batch at a time while the next is gathered, and hashes it on the way. Holds two batches at most. */
export function createHashedFile(file: FileHandle) {
  const hash = createHash('sha256');
  let bytes = 0;
  let batch: Uint8Array[] = [];
  let batchBytes = 0;
  let writing: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  const flush = async () => {
    await writing;
    if (batch.length === 0) return;
    const chunks = batch;
    batch = [];
    batchBytes = 0;
    writing = writeAll(file, chunks);
    // The error is met at the next call; without this it would count as nobody's until then.
    writing.catch(() => undefined);
  };

  const close = async () => {
    if (isClosed) return;
    isClosed = true;
    await writing.catch(() => undefined);
    await file.close();
  };

  return {
    async append(chunk: Uint8Array): Promise<void> {
      hash.update(chunk);
      bytes += chunk.length;
      batch.push(chunk);
      batchBytes += chunk.length;
      if (batchBytes >= BATCH_BYTES) await flush();
    },
    /** Everything is written when this returns; a durable file outlives a power cut from then on. */
    async finish({ isDurable }: { isDurable: boolean }): Promise<{ bytes: number; sha256: string }> {
      await flush();
      await writing;
      if (isDurable) await file.sync();
      await close();
      return { bytes, sha256: hash.digest('hex') };
    },
    close,
  };
}

/** `writev` may write less than it was given, as on a disk that is filling up. */
async function writeAll(file: FileHandle, chunks: Uint8Array[]): Promise<void> {
  const { bytesWritten } = await file.writev(chunks);
  let skip = bytesWritten;
  for (const chunk of chunks) {
    for (let start = Math.min(skip, chunk.length); start < chunk.length; ) {
      start += (await file.write(chunk, start)).bytesWritten;
    }
    skip = Math.max(skip - chunk.length, 0);
  }
}
