import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
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

/** What whoever opens a link is told of the file. */
export type LinkOptions = {
  /** What the address is good for. */
  method: 'GET' | 'HEAD';
  expiresInSeconds: number;
  contentType: string;
  disposition: string;
  cacheControl: string;
};

/** Where the bytes of inputs and videos lie. A key is written once and never overwritten. */
export interface ArtifactStore {
  /** What is wrong with the place itself, in words for an operator, where waiting mends nothing. Throws while it does not answer. */
  problem(): Promise<string | undefined>;
  create(key: string): Promise<ArtifactDraft>;
  /** `undefined` when the key is not there. */
  read(key: string, range?: ByteRange): Promise<Readable | undefined>;
  stat(key: string): Promise<{ bytes: number } | undefined>;
  /** Also the hash of what is stored, for which all of it is read. Who asks is about to use it, so it counts as young again. */
  describe(key: string): Promise<StoredObject | undefined>;
  remove(key: string): Promise<void>;
  /**
   * Gives `use` a file of this machine with the bytes, for tools that read files. It must not be changed, and may be gone when `use`
   * has ended. Throws when the key is not there.
   */
  withLocalFile<Result>(key: string, use: (path: string) => Promise<Result>): Promise<Result>;
  /** Gives `use` a name on this machine for a tool that writes a file, and removes what lies there when `use` has ended. */
  withScratchFile<Result>(extension: string, use: (path: string) => Promise<Result>): Promise<Result>;
  /** An address where anybody can read the bytes for a while without us; `undefined` where there is none. */
  link(key: string, options: LinkOptions): Promise<string | undefined>;
  /** Removes what dead processes left; returns how many files that were. */
  sweepTemporaryFiles(olderThanMs: number): Promise<number>;
  /** Removes what has not been used for so long and is, of the keys that are asked about, unowned; returns how many files that were. */
  sweepUnowned(sweep: { olderThanMs: number; unowned: (keys: string[]) => Promise<string[]> }): Promise<number>;
}

/** Two characters, a slash, a name and an extension: nothing that could lead out of a folder. */
const keyPattern = /^[a-z0-9]{2}\/[A-Za-z0-9_-]{8,128}\.[a-z0-9]{1,8}$/;

export function isKey(text: string): boolean {
  return keyPattern.test(text);
}

/** @returns the key itself; throws where it is none. */
export function checkKey(key: string): string {
  if (!isKey(key)) throw new Error(`not the key of an artifact: ${JSON.stringify(key)}`);
  return key;
}

/** A key that nobody can guess: `3f/3fb2….mp4`. */
export function newArtifactKey(extension: string): string {
  const name = randomBytes(20).toString('hex');
  return `${name.slice(0, 2)}/${name}.${extension}`;
}

/** Stores bytes that are at hand under a key of their own. */
export function storeBytes(
  store: ArtifactStore,
  { key, bytes }: { key: string; bytes: Uint8Array },
): Promise<StoredObject> {
  return storePieces(store, { key, pieces: [bytes] });
}

/** Stores a file of this machine, of any size, under a key of its own. The file stays. */
export function storeFile(store: ArtifactStore, { key, path }: { key: string; path: string }): Promise<StoredObject> {
  return storePieces(store, { key, pieces: createReadStream(path) });
}

type Pieces = { key: string; pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array> };

async function storePieces(store: ArtifactStore, { key, pieces }: Pieces): Promise<StoredObject> {
  const draft = await store.create(key);
  try {
    for await (const piece of pieces) await draft.append(piece);
    const { stored } = await draft.commit();
    return stored;
  } finally {
    await draft.abort();
  }
}
