import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, type FileHandle, link, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StoredObject } from '../contract/artifact.js';
import { errorCodeOf } from './error-code.js';
import { createHashedFile } from './hashed-file.js';
import { createScratchFolder, ifThere, isOlder } from './scratch-folder.js';
import { type ArtifactDraft, type ArtifactStore, checkKey, isKey } from './store.js';

const SHARD_CHARACTERS = 2;

/** Artifacts as files below one folder: a temporary file, fsync, and a link to the final name, which fails if it is taken. */
export function createDiskStore(folderUrl: string | URL): ArtifactStore {
  const folder = fileURLToPath(folderUrl);
  // Three letters, so no key can name it; the same file system, so that a link can be made.
  const scratch = createScratchFolder(join(folder, 'tmp'));

  const pathOf = (key: string) => join(folder, checkKey(key));

  const describe = async (key: string): Promise<StoredObject | undefined> => {
    const file = await openIfThere(pathOf(key));
    if (!file) return undefined;
    const now = new Date();
    await file.utimes(now, now);
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of file.createReadStream()) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    return { key, bytes, sha256: hash.digest('hex') };
  };

  return {
    async problem() {
      try {
        await mkdir(folder, { recursive: true });
        await access(folder, constants.R_OK | constants.W_OK);
        return undefined;
      } catch (error) {
        return `${folder} cannot be used: ${errorCodeOf(error) ?? String(error)}`;
      }
    },

    async create(key): Promise<ArtifactDraft> {
      const path = pathOf(key);
      const temporaryPath = await scratch.newPath('part');
      const file = createHashedFile(await open(temporaryPath, 'wx', 0o640));

      return {
        append: (chunk) => file.append(chunk),
        async commit() {
          const { bytes, sha256 } = await file.finish({ isDurable: true });
          await makeFolder(dirname(path), folder);
          const isNew = await linkIfFree(temporaryPath, path);
          if (isNew) await syncFolder(dirname(path));
          await rm(temporaryPath, { force: true });
          if (isNew) return { stored: { key, bytes, sha256 }, alreadyThere: false };

          const stored = await describe(key);
          if (!stored) throw new Error(`the artifact ${key} was removed while it was stored again`);
          return { stored, alreadyThere: true };
        },
        async abort() {
          await file.close();
          await rm(temporaryPath, { force: true });
        },
      };
    },

    async read(key, range) {
      const path = pathOf(key);
      const file = await openIfThere(path);
      return file && createReadStream(path, { fd: file, ...range });
    },

    async stat(key) {
      const found = await ifThere(stat(pathOf(key)));
      return found && { bytes: found.size };
    },

    describe,

    async remove(key) {
      await rm(pathOf(key), { force: true });
    },

    async withLocalFile(key, use) {
      const path = pathOf(key);
      if (!(await ifThere(stat(path)))) throw new Error(`the artifact ${key} is not there`);
      return use(path);
    },

    withScratchFile: scratch.withFile,

    link: async () => undefined,

    sweepTemporaryFiles: scratch.sweep,

    async sweepUnowned({ olderThanMs, unowned }) {
      let removed = 0;
      const shards = ((await ifThere(readdir(folder))) ?? []).filter((name) => name.length === SHARD_CHARACTERS);
      for (const shard of shards) {
        const names = await readdir(join(folder, shard));
        const keys = names.map((name) => `${shard}/${name}`).filter(isKey);
        const old: string[] = [];
        for (const key of keys) if (await isOlder(pathOf(key), olderThanMs)) old.push(key);
        for (const key of old.length > 0 ? await unowned(old) : []) {
          // Asked again: somebody may have begun to use it meanwhile.
          if (!(await isOlder(pathOf(key), olderThanMs))) continue;
          await rm(pathOf(key), { force: true });
          removed += 1;
        }
      }
      return removed;
    },
  };
}

/** `false` when the name is taken. A rename would overwrite it. */
async function linkIfFree(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errorCodeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** A name is durable only when the folder that holds it is. */
async function makeFolder(path: string, parent: string): Promise<void> {
  const created = await mkdir(path, { recursive: true });
  if (created) await syncFolder(parent);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function openIfThere(path: string): Promise<FileHandle | undefined> {
  return ifThere(open(path, 'r'));
}
