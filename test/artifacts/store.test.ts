import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { newArtifactKey, storeBytes, storeFile } from '../../artifacts/store.js';
import { openTestStore, storeKinds, type TestStore } from '../support/stores.js';

const HOUR_MS = 3_600_000;
const bytes = Buffer.from('0123456789');
/** More than S3 takes in one piece from us. */
const film = randomBytes(8_500_001);
const sha256Of = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

jest.setTimeout(30_000);

describe.each(storeKinds)('the store on %s', (kind) => {
  let opened: TestStore;
  let store: TestStore['store'];
  beforeEach(async () => {
    opened = await openTestStore(kind);
    store = opened.store;
  });
  afterEach(() => opened.close());

  const read = async (key: string, range?: { start: number; end: number }) => {
    const stream = await store.read(key, range);
    return stream && (await buffer(stream)).toString();
  };

  it('gives back what it was given, whole or in part, and leaves nothing else behind', async () => {
    const key = newArtifactKey('png');
    const stored = await storeBytes(store, { key, bytes });

    expect(stored).toEqual({ key, bytes: 10, sha256: sha256Of(bytes) });
    expect(await store.describe(key)).toEqual(stored);
    expect(await store.stat(key)).toEqual({ bytes: 10 });
    expect(await read(key)).toBe('0123456789');
    expect(await opened.keys()).toEqual([key]);
  });

  it.each([
    [{ start: 0, end: 0 }, '0'],
    [{ start: 0, end: 9 }, '0123456789'],
    [{ start: 2, end: 4 }, '234'],
    [{ start: 9, end: 9 }, '9'],
    [{ start: 8, end: 1_000 }, '89'],
  ])('reads %j', async (range, part) => {
    const { key } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes });
    expect(await read(key, range)).toBe(part);
  });

  it('keeps a file of no bytes', async () => {
    const { key, sha256 } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes: Buffer.alloc(0) });
    expect(sha256).toBe(sha256Of(Buffer.alloc(0)));
    expect(await store.describe(key)).toEqual({ key, bytes: 0, sha256 });
    expect(await read(key)).toBe('');
  });

  it('keeps the order and the hash of many pieces of any size', async () => {
    const key = newArtifactKey('mp4');
    const draft = await store.create(key);
    for (let start = 0, size = 1; start < film.length; start += size, size = (size * 7_919) % 300_007) {
      await draft.append(film.subarray(start, start + size));
    }
    const { stored } = await draft.commit();
    await draft.abort();

    expect(stored).toEqual({ key, bytes: film.length, sha256: sha256Of(film) });
    expect(await store.describe(key)).toEqual(stored);
    expect(await read(key, { start: 8_388_600, end: 8_388_619 })).toBe(film.subarray(8_388_600, 8_388_620).toString());
  });

  it('shows nothing of a draft before it is committed, and nothing at all of one that was given up', async () => {
    const key = newArtifactKey('mp4');
    const draft = await store.create(key);
    await draft.append(film);

    expect(await store.stat(key)).toBeUndefined();
    await draft.abort();
    expect(await store.read(key)).toBeUndefined();
    expect(await store.describe(key)).toBeUndefined();
    expect(await opened.keys()).toEqual([]);
    expect(await opened.unfinished()).toBe(0);
  });

  it('keeps what was stored first when a key is stored again', async () => {
    const key = newArtifactKey('mp4');
    const first = await storeBytes(store, { key, bytes });
    const second = await storeBytes(store, { key, bytes: film });

    expect(second).toEqual(first);
    expect(await read(key)).toBe('0123456789');
  });

  it.each([
    ['small', ['one', 'two!', 'three'].map((text) => Buffer.from(text))],
    ['large', [film, film.subarray(1), film.subarray(2)]],
  ])(
    'never overwrites: of many writers of one %s file the first wins, and the others are told what is there',
    async (_, contents) => {
      const key = newArtifactKey('mp4');
      const drafts = await Promise.all(
        contents.map(async (content) => {
          const draft = await store.create(key);
          await draft.append(content);
          return draft;
        }),
      );

      const commits = await Promise.all(drafts.map((draft) => draft.commit()));
      await Promise.all(drafts.map((draft) => draft.abort()));

      expect(commits.filter(({ alreadyThere }) => !alreadyThere)).toHaveLength(1);
      expect(new Set(commits.map(({ stored }) => stored.sha256)).size).toBe(1);
      expect(await store.describe(key)).toEqual(commits[0]?.stored);
    },
  );

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
    await expect(store.create(key)).rejects.toThrow(/not the key/);
    await expect(store.read(key)).rejects.toThrow(/not the key/);
    await expect(store.remove(key)).rejects.toThrow(/not the key/);
    await expect(store.describe(key)).rejects.toThrow(/not the key/);
    await expect(store.withLocalFile(key, async (path) => path)).rejects.toThrow(/not the key/);
  });

  it('removes what it is told to, also twice', async () => {
    const { key } = await storeBytes(store, { key: newArtifactKey('png'), bytes });
    await store.remove(key);
    await store.remove(key);
    expect(await store.stat(key)).toBeUndefined();
    expect(await opened.keys()).toEqual([]);
  });

  it('gives tools a file to read and one to write, and stores a file of any size', async () => {
    const key = newArtifactKey('mp4');
    const scratch = await store.withScratchFile('mp4', async (path) => {
      await writeFile(path, film);
      expect(await storeFile(store, { key, path })).toMatchObject({ sha256: sha256Of(film) });
      return path;
    });
    expect(existsSync(scratch)).toBe(false);

    for (const time of ['at once', 'later']) {
      const content = await store.withLocalFile(key, (path) => readFile(path));
      expect([time, content.equals(film)]).toEqual([time, true]);
    }
    expect(await opened.unfinished()).toBe(0);
    await expect(store.withLocalFile(newArtifactKey('mp4'), async () => {})).rejects.toThrow(/is not there/);
  });

  it('leaves nothing of what a tool wrote before it failed', async () => {
    const failing = store.withScratchFile('mp4', async (path) => {
      await writeFile(path, 'half');
      throw new Error('the tool failed');
    });
    await expect(failing).rejects.toThrow('the tool failed');
    expect(await opened.unfinished()).toBe(0);
  });

  it('sweeps old temporary files and leaves those in use', async () => {
    expect(await store.sweepTemporaryFiles(0)).toBe(0);
    const forgotten = await store.create(newArtifactKey('mp4'));
    await opened.ageUnfinished(2 * HOUR_MS);
    const draft = await store.create(newArtifactKey('mp4'));

    expect(await store.sweepTemporaryFiles(HOUR_MS)).toBe(1);
    expect(await opened.unfinished()).toBe(1);
    await Promise.all([forgotten.abort(), draft.abort()]);
  });

  it('sweeps files that nobody owns once they are old, and none that somebody has begun to use', async () => {
    const keys = ['owned', 'young', 'used', 'usedMeanwhile', 'unowned'] as const;
    const key = Object.fromEntries(keys.map((name) => [name, newArtifactKey('mp4')])) as Record<
      (typeof keys)[number],
      string
    >;
    for (const name of keys) await storeBytes(store, { key: key[name], bytes });
    for (const name of keys) if (name !== 'young') await opened.age(key[name], 2 * HOUR_MS);
    await store.describe(key.used);
    const asked: string[] = [];

    const removed = await store.sweepUnowned({
      olderThanMs: HOUR_MS,
      async unowned(old) {
        asked.push(...old);
        if (old.includes(key.usedMeanwhile)) await store.describe(key.usedMeanwhile);
        return old.filter((candidate) => candidate !== key.owned);
      },
    });

    expect(asked.sort()).toEqual([key.owned, key.usedMeanwhile, key.unowned].sort());
    expect(removed).toBe(1);
    expect(await opened.keys()).toEqual([key.owned, key.young, key.used, key.usedMeanwhile].sort());
  });

  it('makes keys that differ and that it knows', async () => {
    const keys = Array.from({ length: 20 }, () => newArtifactKey('mp4'));
    expect(new Set(keys).size).toBe(20);
    for (const key of keys) expect(await store.stat(key)).toBeUndefined();
  });

  it('has nothing to say against its place', async () => {
    expect(await store.problem()).toBeUndefined();
  });
});
