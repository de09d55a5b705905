import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { StoredObject } from '../contract/artifact.js';

/** A file in the making. Nobody can read it before `commit`, and a process that dies leaves only a temporary file. */
export interface ArtifactDraft {
  /** Takes the bytes in order. May return before they are written; an error of the disk then comes with a later call. */
  append(chunk: Uint8Array): Promise<void>;
  /** Makes the file durable and visible. `alreadyThere`: an earlier run has stored this key, and what it stored is kept. */
  commit(): Promise<{ stored: StoredObject; alreadyThere: boolean }>;
  /** Leaves nothing behind. Harmless after `commit`. */
  abort(): Promise<void>;
}

/** The first and the last byte, both included, as HTTP ranges name them. */
export type ByteRange = { start: number; end: number };

/** Where the bytes of inputs and videos lie. A key is written once and never overwritten. */
export interface ArtifactStore {
  create(key: string): Promise<ArtifactDraft>;
  /** `undefined` when the key is not there. */
  read(key: string, range?: ByteRange): Promise<Readable | undefined>;
  stat(key: string): Promise<{ bytes: number } | undefined>;
  /** Also the hash of what is stored, for which all of it is read. Who asks is about to use it, so it counts as young again. */
  describe(key: string): Promise<StoredObject | undefined>;
  remove(key: string): Promise<void>;
  /** A file on this machine with the bytes, for tools that read files. */
  path(key: string): string;
  /** Removes what dead processes left; returns how many files that were. */
  sweepTemporaryFiles(olderThanMs: number): Promise<number>;
  /** Removes what has not been used for so long and is, of the keys that are asked about, unowned; returns how many files that were. */
  sweepUnowned(sweep: { olderThanMs: number; unowned: (keys: string[]) => Promise<string[]> }): Promise<number>;
}

/** A key that nobody can guess: `3f/3fb2….mp4`. */
export function newArtifactKey(extension: string): string {
  const name = randomBytes(20).toString('hex');
  return `${name.slice(0, 2)}/${name}.${extension}`;
}

/** Stores bytes that are at hand under a key of their own. */
export async function storeBytes(
  store: ArtifactStore,
  { key, bytes }: { key: string; bytes: Uint8Array },
): Promise<StoredObject> {
  const draft = await store.create(key);
  try {
    await draft.append(bytes);
    const { stored } = await draft.commit();
    return stored;
  } finally {
    await draft.abort();
  }
}
