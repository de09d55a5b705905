import { createHash } from 'node:crypto';
import { readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newArtifactKey, storeBytes } from '../../artifacts/store.js';
import { aStore } from './builders.js';

let disk: Awaited<ReturnType<typeof aStore>>;
beforeEach(async () => {
  disk = await aStore();
});
afterEach(() => disk.clean());

const bytes = Buffer.from('0123456789');
const temporaryFiles = () => readdir(join(disk.folder, 'tmp'));

async function read(key: string, range?: { start: number; end: number }): Promise<string | undefined> {
  const stream = await disk.store.read(key, range);
  return stream && (await buffer(stream)).toString();
}

describe('the store on disk', () => {
  it('gives back what it was given, whole or in part', async () => {
    const key = newArtifactKey('png');
    const stored = await storeBytes(disk.store, { key, bytes });

    expect(stored).toEqual({ key, bytes: 10, sha256: createHash('sha256').update(bytes).digest('hex') });
    expect(await disk.store.describe(key)).toEqual(stored);
    expect(await disk.store.stat(key)).toEqual({ bytes: 10 });
    expect(await read(key)).toBe('0123456789');
    expect(await read(key, { start: 2, end: 4 })).toBe('234');
    expect(await temporaryFiles()).toEqual([]);
  });

  it('keeps the order and the hash of many pieces of any size', async () => {
    const key = newArtifactKey('mp4');
    const draft = await disk.store.create(key);
    const hash = createHash('sha256');
    for (let index = 0; index < 400; index += 1) {
      const piece = Buffer.alloc((index * 7_919) % 20_000, index % 251);
      hash.update(piece);
      await draft.append(piece);
    }
    const { stored } = await draft.commit();

    expect(stored.sha256).toBe(hash.digest('hex'));
    expect(await disk.store.describe(key)).toEqual(stored);
  });

  it('shows nothing of a draft before it is committed, and nothing at all of an aborted one', async () => {
    const key = newArtifactKey('mp4');
    const draft = await disk.store.create(key);
    await draft.append(bytes);

    expect(await disk.store.stat(key)).toBeUndefined();
    await draft.abort();
    expect(await read(key)).toBeUndefined();
    expect(await temporaryFiles()).toEqual([]);
  });

  it('never overwrites: of many writers of one key the first wins, and the others are told what is there', async () => {
    const key = newArtifactKey('mp4');
    const drafts = await Promise.all(
      ['one', 'two!', 'three'].map(async (text) => {
        const draft = await disk.store.create(key);
        await draft.append(Buffer.from(text));
        return draft;
      }),
    );

    const commits = await Promise.all(drafts.map((draft) => draft.commit()));

    expect(commits.filter(({ alreadyThere }) => !alreadyThere)).toHaveLength(1);
    expect(new Set(commits.map(({ stored }) => stored.sha256)).size).toBe(1);
    expect(await disk.store.describe(key)).toEqual(commits[0]?.stored);
    expect(await temporaryFiles()).toEqual([]);
  });

  it.each([
    '../../etc/passwd',
    'ab/../../secret.mp4',
    '/etc/passwd.mp4',
    'ab/abcdefgh',
    'ab/abcdefgh.mp4/x',
    'ab/abcdefgh.mp4\u0000',
    'tmp/abcdefgh.part',
    'ab\\abcdefgh.mp4',
    '',
  ])('knows no key %j', async (key) => {
    await expect(disk.store.create(key)).rejects.toThrow(/not the key/);
    await expect(disk.store.read(key)).rejects.toThrow(/not the key/);
    await expect(disk.store.remove(key)).rejects.toThrow(/not the key/);
    await expect(disk.store.withLocalFile(key, async (path) => path)).rejects.toThrow(/not the key/);
  });

  it('removes what it is told to, also twice', async () => {
    const key = newArtifactKey('png');
    await storeBytes(disk.store, { key, bytes });
    await disk.store.remove(key);
    await disk.store.remove(key);
    expect(await disk.store.stat(key)).toBeUndefined();
  });

  it('sweeps old temporary files and leaves those in use', async () => {
    expect(await disk.store.sweepTemporaryFiles(0)).toBe(0);
    const forgotten = await disk.store.create(newArtifactKey('mp4'));
    const [old = ''] = await temporaryFiles();
    await utimes(join(disk.folder, 'tmp', old), 0, 0);
    const draft = await disk.store.create(newArtifactKey('mp4'));

    expect(await disk.store.sweepTemporaryFiles(60_000)).toBe(1);
    expect(await temporaryFiles()).toHaveLength(1);
    await Promise.all([forgotten.abort(), draft.abort()]);
  });

  it('makes keys that differ and that it knows', async () => {
    const keys = Array.from({ length: 100 }, () => newArtifactKey('mp4'));
    expect(new Set(keys).size).toBe(100);
    for (const key of keys) expect(await disk.store.stat(key)).toBeUndefined();
  });
});
