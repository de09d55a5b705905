import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { openStore } from '../../artifacts/open-store.js';
import { newArtifactKey, storeBytes } from '../../artifacts/store.js';
import { type S3Server, startS3Server } from '../support/s3-server.js';
import { s3Store, type TestStore } from '../support/stores.js';

const HOUR_MS = 3_600_000;
const small = randomBytes(1_000);
/** Takes two parts. */
const large = randomBytes(8_500_001);
const sha256Of = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

jest.setTimeout(30_000);

describe('the store on S3, when things go wrong there', () => {
  let server: S3Server;
  let folder: string;
  let opened: TestStore;
  let store: TestStore['store'];
  beforeEach(async () => {
    server = await startS3Server();
    folder = await mkdtemp(join(tmpdir(), 'reelay-s3-'));
    opened = s3Store({ server, folder, prefix: 'ours/' }, () => server.close());
    store = opened.store;
  });
  afterEach(async () => {
    await opened.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    ['small', small],
    ['large', large],
  ])('leaves nothing of a %s file whose upload is cut, and stores it when it is tried again', async (_, bytes) => {
    const key = newArtifactKey('mp4');
    let isDown = true;
    server.intercept(({ method, query }) =>
      isDown && method === 'PUT' && query.get('partNumber') !== '1' ? 'cut' : undefined,
    );

    await expect(storeBytes(store, { key, bytes })).rejects.toThrow();
    expect(await opened.keys()).toEqual([]);
    expect(await opened.unfinished()).toBe(0);

    isDown = false;
    expect(await storeBytes(store, { key, bytes })).toEqual({ key, bytes: bytes.length, sha256: sha256Of(bytes) });
  });

  it.each([
    ['small', small, 'PUT'],
    ['large', large, 'POST'],
  ])('stores a %s file once when the last answer is lost', async (_, bytes, lastMethod) => {
    const key = newArtifactKey('mp4');
    let isLost = false;
    server.intercept(({ method, query }) => {
      if (isLost || method !== lastMethod || query.has('uploads')) return undefined;
      isLost = true;
      return 'lost';
    });

    expect(await storeBytes(store, { key, bytes })).toEqual({ key, bytes: bytes.length, sha256: sha256Of(bytes) });
    expect(isLost).toBe(true);
    expect(await opened.keys()).toEqual([key]);
  });

  it('ends uploads that nobody goes on with once they are old', async () => {
    const key = newArtifactKey('mp4');
    server.intercept(({ method, query }) =>
      method === 'DELETE' || query.get('partNumber') === '2' ? 'cut' : undefined,
    );
    await expect(storeBytes(store, { key, bytes: large })).rejects.toThrow();
    server.intercept(() => undefined);
    expect(server.unfinishedUploads()).toBe(1);

    expect(await store.sweepTemporaryFiles(HOUR_MS)).toBe(0);
    server.age(`ours/${key}`, 2 * HOUR_MS);
    expect(await store.sweepTemporaryFiles(HOUR_MS)).toBe(1);
    expect(server.unfinishedUploads()).toBe(0);
  });

  it('sweeps nothing beyond its prefix, and nothing in it that is not its own', async () => {
    const foreign = ['theirs', 'ours/nested', 'ours2'].map((prefix) => `${prefix}/ab/abcdefgh.mp4`);
    const names = [...foreign, 'ab/abcdefgh.mp4', 'ours/notes.txt', 'ours/ab/notes'];
    for (const name of names) await fetch(`${server.url}/${server.bucket}/${name}`, { method: 'PUT', body: 'text' });
    const { key } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes: small });
    for (const name of await server.keys()) server.age(name, 2 * HOUR_MS);

    const asked: string[] = [];
    const unowned = async (keys: string[]) => {
      asked.push(...keys);
      return [...keys, 'ab/abcdefgh.mp4'];
    };
    expect(await store.sweepUnowned({ olderThanMs: HOUR_MS, unowned })).toBe(1);

    expect(asked).toEqual([key]);
    expect((await server.keys()).sort()).toEqual(names.sort());
  });

  it('keeps what was stored first also where the server would overwrite it', async () => {
    server.forgetConditions();
    const key = newArtifactKey('mp4');
    const first = await storeBytes(store, { key, bytes: small });
    expect(await storeBytes(store, { key, bytes: large })).toEqual(first);
    expect(await store.describe(key)).toEqual(first);
  });

  it('never takes a part of a file for the file', async () => {
    const { key } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes: large });
    await store.withLocalFile(key, async () => {});
    server.intercept(({ method }) => (method === 'GET' ? 'half' : undefined));

    await expect(store.withLocalFile(key, (path) => readFile(path))).rejects.toThrow();
    await expect(store.describe(key)).rejects.toThrow();
    const stream = await store.read(key);
    await expect(stream && buffer(stream)).rejects.toThrow();
    expect(await readdir(folder)).toEqual([]);
  });

  it('never takes other bytes for what was stored', async () => {
    const { key } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes: large });
    await store.withLocalFile(key, async () => {});
    const headers = { 'x-amz-meta-sha256': sha256Of(large) };
    const address = `${server.url}/${server.bucket}/ours/${key}`;
    await fetch(address, { method: 'PUT', headers, body: large.toReversed() });

    await expect(store.describe(key)).rejects.toThrow('is not what was stored');
    await expect(store.withLocalFile(key, (path) => readFile(path))).rejects.toThrow('is not what was stored');
  });

  it('need not fetch what it stored a moment ago to hand it to a tool', async () => {
    const { key } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes: large });
    server.takeSeen();
    const content = await store.withLocalFile(key, (path) => readFile(path));

    expect(content.equals(large)).toBe(true);
    expect(server.takeSeen()).toEqual([]);
    expect(await opened.unfinished()).toBe(0);
  });

  it('writes the type and the hash of a file beside it', async () => {
    for (const bytes of [small, large]) {
      const { key } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes });
      await store.describe(key);
      const { headers } = await fetch(`${server.url}/${server.bucket}/ours/${key}`, { method: 'HEAD' });
      expect([headers.get('content-type'), headers.get('x-amz-meta-sha256')]).toEqual(['video/mp4', sha256Of(bytes)]);
    }
  });

  it('signs an address that says how it is answered and when it ends', async () => {
    const { key } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes: small });
    const disposition = 'inline; filename="a film.mp4"';
    const link = await store.link(key, {
      method: 'GET',
      expiresInSeconds: 77,
      contentType: 'video/mp4',
      disposition,
      cacheControl: 'private',
    });

    const response = await fetch(link ?? '', { headers: { range: 'bytes=10-19' } });
    expect(response.status).toBe(206);
    expect(Buffer.from(await response.arrayBuffer()).equals(small.subarray(10, 20))).toBe(true);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'video/mp4',
      'content-disposition': disposition,
      'cache-control': 'private',
    });
    expect(new URL(link ?? '').searchParams.get('X-Amz-Expires')).toBe('77');
  });
});

describe('opening the store on S3', () => {
  let server: S3Server;
  beforeEach(async () => {
    server = await startS3Server();
  });
  afterEach(() => server.close());

  const open = (changes: object = {}) => openStore({ ...server.settings('ours'), ...changes });

  it('works with the settings of the service', async () => {
    const store = await open();
    expect(await store.problem()).toBeUndefined();
    const { key } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes: small });
    expect(await server.keys()).toEqual([`ours/${key}`]);
  });

  it('says what is wrong with the bucket', async () => {
    const missing = await open({ ARTIFACTS_URL: 's3://no-such-bucket/ours' });
    expect(await missing.problem()).toMatch(/^s3:\/\/no-such-bucket\/ours\/ cannot be used: NoSuchBucket/);
    server.intercept(() => 403);
    expect(await (await open()).problem()).toMatch(/cannot be used: Refused/);
  });

  it('takes a server that does not answer, or not now, for one to wait for', async () => {
    server.intercept(() => 503);
    await expect((await open()).problem()).rejects.toMatchObject({ code: 'service_unavailable' });
    const nobody = await open({ S3_ENDPOINT: 'http://127.0.0.1:9' });
    await expect(nobody.problem()).rejects.toMatchObject({ code: 'service_unavailable' });
  });

  it.each([
    's3://',
    's3:///ours',
    's3://Films',
    's3://films/a//b',
    's3://films/../b',
    's3://films/a b',
    's3://key:secret@films',
    's3://films?x=1',
  ])('refuses %s without repeating it', async (url) => {
    const opening = open({ ARTIFACTS_URL: url });
    await expect(opening).rejects.toThrow(/^ARTIFACTS_URL must be s3:/);
    await expect(opening).rejects.not.toThrow(/secret/);
  });
});
