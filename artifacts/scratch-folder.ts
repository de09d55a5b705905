import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCodeOf } from './error-code.js';

/** Others on this machine have no business with files that are under way. */
const OWN_FOLDER = 0o750;

/** A place for files that live as long as one piece of work. What a process leaves when it dies is known by its age. */
export function createScratchFolder(folder: string) {
  const newPath = async (extension: string): Promise<string> => {
    await mkdir(folder, { recursive: true, mode: OWN_FOLDER });
    return join(folder, `${randomUUID()}.${extension}`);
  };

  return {
    /** A name that nobody has. Whoever makes a file of it removes it. */
    newPath,

    /** Gives `use` such a name, and removes what lies there afterwards. */
    async withFile<Result>(extension: string, use: (path: string) => Promise<Result>): Promise<Result> {
      const path = await newPath(extension);
      try {
        return await use(path);
      } finally {
        await rm(path, { force: true });
      }
    },

    async sweep(olderThanMs: number): Promise<number> {
      const names = (await ifThere(readdir(folder))) ?? [];
      let removed = 0;
      for (const name of names) {
        const path = join(folder, name);
        if (!(await isOlder(path, olderThanMs))) continue;
        await rm(path, { force: true });
        removed += 1;
      }
      return removed;
    },
  };
}

export async function isOlder(path: string, ageMs: number): Promise<boolean> {
  const found = await ifThere(stat(path));
  return found !== undefined && Date.now() - found.mtimeMs >= ageMs;
}

/** `undefined` instead of an error for a file that is not there. */
export async function ifThere<Found>(finding: Promise<Found>): Promise<Found | undefined> {
  try {
    return await finding;
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
