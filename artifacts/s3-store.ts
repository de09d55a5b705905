import { createHash } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import type { StoredObject } from '../contract/artifact.js';
import { createHashedFile } from './hashed-file.js';
import { createLocalCopies } from './local-copies.js';
import { createBucket, type S3Settings } from './s3-bucket.js';
import { uploadFile } from './s3-upload.js';
import { createScratchFolder } from './scratch-folder.js';
import { type ArtifactDraft, type ArtifactStore, checkKey } from './store.js';

/**
 * Artifacts as objects below one prefix of a bucket.
 *
 * A draft is a local file until it is committed. Sent on while it still comes in, a file that is cut or no video would cost an upload
 * each time and leave parts behind, its SHA-256 would come too late for the object's metadata, and whatever looks into a video needs
 * it on a disk all the same. So the disk must have room for the files that are under way.
 */
export function createS3Store(settings: S3Settings & { scratchFolder: string }): ArtifactStore {
  const bucket = createBucket(settings);
  const scratch = createScratchFolder(settings.scratchFolder);
  const copies = createLocalCopies();

  /** Hands over the whole file; throws at its end when that is not what was stored. `undefined` when the key is not there. */
  const readWhole = async (key: string, take: (chunk: Buffer) => unknown): Promise<StoredObject | undefined> => {
    const found = await bucket.open(key);
    if (!found) return undefined;
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of found.body) {
      hash.update(chunk);
      bytes += chunk.length;
      await take(chunk);
    }
    const sha256 = hash.digest('hex');
    if (found.sha256 && found.sha256 !== sha256) throw new Error(`the artifact ${key} is not what was stored`);
    return { key, bytes, sha256 };
  };

  const describe = async (key: string): Promise<StoredObject | undefined> =>
    (await bucket.renew(key)) ? readWhole(key, () => undefined) : undefined;

  const fetchTo = async (path: string, key: string): Promise<void> => {
    const file = await open(path, 'wx', 0o640);
    try {
      if (!(await readWhole(key, (chunk) => file.appendFile(chunk))))
        throw new Error(`the artifact ${key} is not there`);
    } finally {
      await file.close();
    }
  };

  return {
    problem: bucket.problem,

    async create(key): Promise<ArtifactDraft> {
      checkKey(key);
      const path = await scratch.newPath('part');
      const file = createHashedFile(await open(path, 'wx', 0o640));
      let isOurs = true;

      return {
        append: (chunk) => file.append(chunk),
        async commit() {
          const { bytes, sha256 } = await file.finish({ isDurable: false });
          if (await uploadFile(bucket, { key, path, bytes, sha256 })) {
            copies.keep(key, path);
            isOurs = false;
            return { stored: { key, bytes, sha256 }, alreadyThere: false };
          }
          const stored = await describe(key);
          if (!stored) throw new Error(`the artifact ${key} was removed while it was stored again`);
          return { stored, alreadyThere: true };
        },
        async abort() {
          await file.close();
          if (isOurs) await rm(path, { force: true });
        },
      };
    },

    read: async (key, range) => (await bucket.open(key, range))?.body,

    async stat(key) {
      const found = await bucket.find(key);
      return found && { bytes: found.bytes };
    },

    describe,

    remove: bucket.remove,

    async withLocalFile(key, use) {
      const copy = copies.take(key);
      if (!copy) {
        return scratch.withFile('copy', async (path) => {
          await fetchTo(path, key);
          return use(path);
        });
      }
      try {
        return await use(copy);
      } finally {
        await rm(copy, { force: true });
      }
    },

    withScratchFile: scratch.withFile,

    link: bucket.link,

    async sweepTemporaryFiles(olderThanMs) {
      const uploads = await bucket.abortUploads(olderThanMs);
      return uploads + (await scratch.sweep(olderThanMs));
    },

    async sweepUnowned({ olderThanMs, unowned }) {
      let removed = 0;
      for await (const old of bucket.listOlder(olderThanMs)) {
        for (const key of old.length > 0 ? await unowned(old) : []) {
          // Asked again: somebody may have begun to use it meanwhile.
          if (!(await bucket.isOlder(key, olderThanMs))) continue;
          await bucket.remove(key);
          removed += 1;
        }
      }
      return removed;
    },
  };
}
