import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createFileApi } from '../../api/files.js';
import { ServiceError } from '../../contract/errors.js';
import { createLogger } from '../../runtime/logger.js';
import { createArtifacts } from '../../store/artifacts.js';
import { createUploads } from '../../store/uploads.js';
import { createHousekeeping } from '../../worker/housekeeping.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { until } from '../support/until.js';
import { anMp4, aPng, cutUpload, formOf } from '../support/uploads.js';

const path = '/api/v1/files';
const MEGABYTE = 1_000_000;
const LARGE_UPLOAD_MS = 180_000;
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let api: Api;
let caller: Awaited<ReturnType<Api['addWorkspace']>>;
beforeAll(async () => {
  api = await startApi();
  caller = await api.addWorkspace();
});
afterAll(() => api.close());

type Sender = { send: (method: string, path: string, init?: RequestInit) => Promise<Response> };

const postForm = (
  { send }: Sender,
  bytes: Uint8Array,
  { headers = {}, ...form }: { headers?: Record<string, string>; name?: string; type?: string; field?: string } = {},
) => send('POST', path, { body: formOf(bytes, form), headers });
const postRaw = ({ send }: Sender, bytes: Uint8Array, headers: Record<string, string> = {}) =>
  send('POST', path, { body: new Uint8Array(bytes), headers });

async function anUpload(sender: Sender, bytes: Uint8Array): Promise<string> {
  const response = await postRaw(sender, bytes);
  expect(response.status).toBe(201);
  return String((await readJson(response)).id);
}

/** As a worker does once an hour. */
async function tidy({ unownedFilesLiveMs = 3_600_000 } = {}): Promise<void> {
  const logger = createLogger('files-test', 'silent');
  const lives = { unfinishedFilesLiveMs: 3_600_000, unownedFilesLiveMs };
  await createHousekeeping({ artifacts: createArtifacts(api.database), store: api.store, logger, ...lives }).tidy();
}

const traces = async () => [await api.countFiles(), (await readJson(await caller.get(`${path}?limit=100`))).data];

describe('POST /api/v1/files', () => {
  it.each([
    ['as a form', (bytes: Uint8Array) => postForm(caller, bytes)],
    ['alone', (bytes: Uint8Array) => postRaw(caller, bytes, { 'content-type': 'image/png' })],
    ['alone, without a type', (bytes: Uint8Array) => postRaw(caller, bytes)],
    [
      'alone, as it is made',
      (bytes: Uint8Array) =>
        caller.send('POST', path, { body: new Blob([new Uint8Array(bytes)]).stream(), duplex: 'half' } as RequestInit),
    ],
  ])('takes an image %s and tells what it is', async (how, post) => {
    const bytes = aPng({ seed: how.length });

    const response = await post(bytes);

    expect(response.status).toBe(201);
    const file = await readJson(response);
    expect(file).toEqual({
      id: expect.stringMatching(/^file_[0-9a-z]{26}$/),
      object: 'file',
      content_type: 'image/png',
      bytes: bytes.length,
      sha256: sha256Of(bytes),
      width: 1280,
      height: 720,
      created_at: expect.any(String),
      expires_at: expect.any(String),
    });
    expect(response.headers.get('location')).toBe(`https://reelay.test${path}/${file.id}`);
    expect(Date.parse(String(file.expires_at)) - Date.parse(String(file.created_at))).toBe(30 * 24 * 3_600_000);
    expect(await readJson(await caller.get(`${path}/${file.id}`))).toEqual(file);
  });

  it('takes a video and tells how long it is', async () => {
    const response = await postForm(caller, anMp4(), { name: 'boat.mp4', type: 'video/mp4' });

    expect(response.status).toBe(201);
    expect(await readJson(response)).toMatchObject({
      content_type: 'video/mp4',
      width: 1280,
      height: 720,
      duration_seconds: 8,
    });
  });

  it('believes the bytes, whatever the file is called and said to be', async () => {
    const form = await postForm(caller, aPng({ seed: 91 }), { name: 'page.html', type: 'text/html' });
    const raw = await postRaw(caller, aPng({ seed: 92 }), { 'content-type': 'application/json' });

    for (const response of [form, raw]) {
      expect(response.status).toBe(201);
      expect(await readJson(response)).toMatchObject({ content_type: 'image/png' });
    }
  });

  it.each<[string, () => Promise<Response>, RegExp]>([
    [
      'a page called an image',
      () => postForm(caller, Buffer.from('<html><script>alert(1)</script></html>')),
      /not known|must be one of/,
    ],
    [
      'a page as a body',
      () => postRaw(caller, Buffer.from('<html></html>'), { 'content-type': 'image/png' }),
      /must be one of/,
    ],
    ['megabytes of no kind', () => postRaw(caller, Buffer.alloc(5 * MEGABYTE)), /must be one of/],
    ['a picture of another kind', () => postForm(caller, Buffer.from('GIF89a\x01\0\x01\0\0\0\0')), /image\/gif/],
    ['nothing', () => postForm(caller, Buffer.alloc(0)), /empty/],
    ['an empty body', () => caller.send('POST', path), /empty/],
    ['an image without a size', () => postRaw(caller, aPng({ bytes: 24 }).subarray(0, 15)), /size|must be one of/],
    [
      'an image that would unpack to gigabytes',
      () => postRaw(caller, aPng({ width: 16_000, height: 16_000 })),
      /16000x16000/,
    ],
  ])('refuses %s, naming the field, and keeps nothing', async (_, post, message) => {
    const before = await traces();

    const response = await post();

    expect(response.status).toBe(400);
    expect(await readJson(response)).toMatchObject({
      code: 'request_invalid',
      errors: [{ field: 'file', message: expect.stringMatching(message) }],
    });
    expect(await traces()).toEqual(before);
  });

  it.each<[string, () => FormData, string]>([
    ['another field', () => formOf(aPng(), { field: 'image' }), 'image'],
    ['a field beside it', () => withField(formOf(aPng()), 'purpose', 'vision'), 'purpose'],
    ['two files', () => withFile(formOf(aPng()), 'file'), 'file'],
    ['a file of another name beside it', () => withFile(formOf(aPng()), 'more'), 'more'],
    ['no file', () => withField(new FormData(), 'file', 'text'), 'file'],
    ['an empty form', () => new FormData(), 'file'],
  ])('refuses a form with %s and keeps nothing', async (_, form, field) => {
    const before = await traces();

    const response = await caller.send('POST', path, { body: form() });

    expect(response.status).toBe(400);
    expect(await readJson(response)).toMatchObject({ code: 'request_invalid', errors: [{ field }] });
    await until(async () => JSON.stringify(await traces()) === JSON.stringify(before), 20);
  });

  it.each([
    ['cannot be read', async () => undefined, { status: 400, code: 'request_invalid' }],
    [
      'cannot be looked at just now',
      () => Promise.reject(new ServiceError('service_unavailable')),
      { status: 503, code: 'service_unavailable' },
    ],
  ])('keeps nothing of a video that %s', async (_, probeVideo, problem) => {
    const strict = await startApi({ jobs: { probeVideo } });
    try {
      const response = await postRaw(await strict.addWorkspace(), anMp4());

      expect(response.status).toBe(problem.status);
      expect(await readJson(response)).toMatchObject(problem);
      expect(await strict.countFiles()).toBe(0);
    } finally {
      await strict.close();
    }
  });

  it(
    'takes 100 MB and refuses one byte more, however it comes',
    async () => {
      const before = await traces();
      const whole = aPng({ bytes: 100 * MEGABYTE, seed: 3 });
      const tooLarge = aPng({ bytes: 100 * MEGABYTE + 1, seed: 3 });
      const stream = () => new Blob([new Uint8Array(tooLarge)]).stream();

      for (const response of [
        await postRaw(caller, tooLarge),
        await postForm(caller, tooLarge),
        await caller.send('POST', path, { body: stream(), duplex: 'half' } as RequestInit),
      ]) {
        expect(response.status).toBe(413);
        expect(await readJson(response)).toMatchObject({ code: 'payload_too_large' });
      }
      expect(await traces()).toEqual(before);

      for (const post of [postRaw, postForm]) {
        const response = await post(caller, whole);
        expect(response.status).toBe(201);
        const { id } = await readJson(response);
        expect((await caller.send('DELETE', `${path}/${id}`)).status).toBe(204);
      }
      await tidy();
      expect(await traces()).toEqual(before);
    },
    LARGE_UPLOAD_MS,
  );

  it.each([
    ['a body', {}, (bytes: Buffer) => bytes],
    [
      'a form',
      { 'content-type': 'multipart/form-data; boundary=b' },
      (bytes: Buffer) =>
        Buffer.concat([Buffer.from('--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'), bytes]),
    ],
  ])('keeps nothing of %s that is cut off', async (_, headers, wrap) => {
    const before = await traces();
    const authorization = `Bearer ${caller.secret}`;

    await cutUpload(`${api.url}${path}`, {
      headers: { authorization, ...headers, 'content-length': String(10 * MEGABYTE) },
      beginning: wrap(aPng({ bytes: 2 * MEGABYTE })),
      isEnough: async () => (await api.countFiles()) > Number(before[0]),
    });

    await until(async () => (await api.countFiles()) === before[0], 20);
    expect(await traces()).toEqual(before);
  });

  it('wants a key that may write', async () => {
    const reader = await api.addWorkspace({ scopes: ['jobs:read'] });

    expect((await postRaw(reader, aPng())).status).toBe(403);
    expect((await postRaw(api.callerWith('rly_nobody'), aPng())).status).toBe(401);
    expect((await reader.get(path)).status).toBe(200);
    expect((await reader.send('DELETE', `${path}/file_01kaz0000000000000000000zz`)).status).toBe(403);
  });

  it('does not unpack what comes compressed', async () => {
    expect((await postRaw(caller, aPng(), { 'content-encoding': 'gzip' })).status).toBe(415);
  });
});

const withField = (form: FormData, name: string, value: string) => {
  form.append(name, value);
  return form;
};
const withFile = (form: FormData, field: string) => {
  form.append(field, new Blob([new Uint8Array(aPng({ seed: 8 }))]), 'more.png');
  return form;
};

describe('an idempotency key', () => {
  const key = () => ({ 'idempotency-key': crypto.randomUUID() });

  it('gives the same file for the same bytes, and refuses others', async () => {
    const headers = key();
    const before = await api.countFiles();
    const first = await readJson(await postRaw(caller, aPng({ seed: 11 }), headers));

    const again = await postForm(caller, aPng({ seed: 11 }), { headers });
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(await readJson(again)).toEqual(first);

    const other = await postRaw(caller, aPng({ seed: 12 }), headers);
    expect(other.status).toBe(422);
    expect(await readJson(other)).toMatchObject({ code: 'idempotency_key_reused' });
    expect(await api.countFiles()).toBe(before + 1);
  });

  it('makes one file of five requests at once', async () => {
    const headers = key();
    const before = await api.countFiles();

    const responses = await Promise.all(Array.from({ length: 5 }, () => postRaw(caller, aPng({ seed: 13 }), headers)));

    const ids = await Promise.all(responses.map(async (response) => (await readJson(response)).id));
    expect(new Set(ids).size).toBe(1);
    expect(responses.filter(({ headers: told }) => told.has('idempotency-replayed'))).toHaveLength(4);
    expect(await api.countFiles()).toBe(before + 1);
  });

  it('is of one kind: what made a job makes no file, nor the other way round', async () => {
    const job = { model: 'sora', prompt: 'a boat', seconds: 8 };
    const [ofJob, ofFile] = [key(), key()];
    expect((await caller.post('/api/v1/videos/jobs', job, ofJob)).status).toBe(202);
    expect((await postRaw(caller, aPng({ seed: 14 }), ofFile)).status).toBe(201);

    expect((await postRaw(caller, aPng({ seed: 14 }), ofJob)).status).toBe(422);
    expect((await caller.post('/api/v1/videos/jobs', job, ofFile)).status).toBe(422);
  });

  it('stays free when the file is refused', async () => {
    const headers = key();
    expect((await postRaw(caller, Buffer.from('no image'), headers)).status).toBe(400);
    expect((await postRaw(caller, aPng({ seed: 15 }), headers)).status).toBe(201);
  });
});

describe('a crash between the bytes and the row', () => {
  it('leaves what the sweep removes, and only that', async () => {
    await anUpload(caller, aPng({ seed: 51 }));
    const before = await traces();
    const uploads = createUploads(api.database);
    const cut = () => Promise.reject(new Error('killed'));
    const files = createFileApi({
      store: api.store,
      uploads: { ...uploads, add: cut },
      probeVideo: async () => undefined,
      retentionDays: 30,
    });
    const received = await files.receive(ReadableStream.from([aPng({ seed: 52 })]));
    await expect(files.create(received, { caller, route: 'POST /api/v1/files' })).rejects.toThrow('killed');
    expect(await api.countFiles()).toBe(Number(before[0]) + 1);

    await tidy({ unownedFilesLiveMs: 3_600_000 });
    expect(await api.countFiles()).toBe(Number(before[0]) + 1);
    await until(async () => {
      await tidy({ unownedFilesLiveMs: 1 });
      return (await api.countFiles()) === before[0];
    }, 10);
    expect(await traces()).toEqual(before);
  });
});

describe('the same bytes', () => {
  it('lie in the store once, under an id for each upload, until the last of them is deleted', async () => {
    const before = await api.countFiles();
    const bytes = aPng({ seed: 21, bytes: MEGABYTE });

    const ids = await Promise.all(Array.from({ length: 4 }, () => anUpload(caller, bytes)));

    expect(new Set(ids).size).toBe(4);
    expect(await api.countFiles()).toBe(before + 1);
    for (const [index, id] of ids.entries()) {
      expect(await api.countFiles()).toBe(before + 1);
      expect((await caller.send('DELETE', `${path}/${id}`)).status).toBe(204);
      await tidy();
      expect((await caller.get(`${path}/${id}`)).status).toBe(404);
      expect(await api.countFiles()).toBe(index === ids.length - 1 ? before : before + 1);
    }
  });

  it('are stored for each workspace by itself', async () => {
    const before = await api.countFiles();
    const bytes = aPng({ seed: 22 });

    await anUpload(caller, bytes);
    await anUpload(await api.addWorkspace(), bytes);

    expect(await api.countFiles()).toBe(before + 2);
  });
});

describe('files', () => {
  it('are listed newest first, by pages, and only to their workspace', async () => {
    const owner = await api.addWorkspace();
    const ids: string[] = [];
    for (let seed = 31; seed < 36; seed += 1) ids.push(await anUpload(owner, aPng({ seed })));
    await owner.send('DELETE', `${path}/${ids[2]}`);
    const left = [ids[4], ids[3], ids[1], ids[0]];

    const first = await readJson(await owner.get(`${path}?limit=3`));
    const second = await readJson(await owner.get(`${path}?limit=3&after=${first.next_cursor}`));

    const idsOf = ({ data }: Record<string, unknown>) => (data as { id: string }[]).map(({ id }) => id);
    expect([...idsOf(first), ...idsOf(second)]).toEqual(left);
    expect([first.has_more, second.has_more, second.next_cursor]).toEqual([true, false, null]);
    expect(idsOf(await readJson(await (await api.addWorkspace()).get(path)))).toEqual([]);
    expect((await owner.get(`${path}?after=job_01kaz0000000000000000000zz`)).status).toBe(400);
  });

  it.each(['GET', 'DELETE'])('of others, of nobody and of no kind are not found by %s', async (method) => {
    const foreign = await anUpload(await api.addWorkspace(), aPng({ seed: 41 }));

    for (const id of [foreign, 'file_01kaz0000000000000000000zz', 'file_', 'job_01kaz0000000000000000000zz', "'"]) {
      expect((await caller.send(method, `${path}/${encodeURIComponent(id)}`)).status).toBe(404);
    }
  });

  it('are deleted once, and end when their time is over', async () => {
    const [deleted, over] = [await anUpload(caller, aPng({ seed: 42 })), await anUpload(caller, aPng({ seed: 43 }))];
    await api.database.queries
      .updateTable('artifacts')
      .set({ expires_at: new Date(Date.now() - 1_000) })
      .where('id', '=', over)
      .execute();

    expect((await caller.send('DELETE', `${path}/${deleted}`)).status).toBe(204);
    expect((await caller.send('DELETE', `${path}/${deleted}`)).status).toBe(404);
    expect((await caller.get(`${path}/${over}`)).status).toBe(404);
  });
});
