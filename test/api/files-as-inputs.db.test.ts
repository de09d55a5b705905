import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '../../runtime/logger.js';
import { createArtifacts } from '../../store/artifacts.js';
import { createUploads } from '../../store/uploads.js';
import { createHousekeeping } from '../../worker/housekeeping.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';
import { anMp4, aPng } from '../support/uploads.js';
import { generate as generateTask, startApixo } from './apixo-world.js';
import { startGlobalaiopc } from './globalaiopc-world.js';
import { startOpenai } from './openai-world.js';
import { generateFromImage, pixazoClient, startPixazo } from './pixazo-world.js';

const files = '/api/v1/files';
const jobsPath = '/api/v1/videos/jobs';
type Owner = Awaited<ReturnType<Api['addWorkspace']>>;
type Post = (owner: Owner, body: unknown) => Promise<Response>;

async function anUpload(owner: Owner, bytes: Uint8Array): Promise<string> {
  const response = await owner.send('POST', files, { body: new Uint8Array(bytes) });
  if (response.status !== 201) throw new Error(await response.text());
  return String((await readJson(response)).id);
}

const inputsIn = (api: Api) =>
  api.database.queries.selectFrom('artifacts').selectAll().where('role', '=', 'input').orderBy('id').execute();

async function tidy(api: Api): Promise<void> {
  const logger = createLogger('files-test', 'silent');
  const lives = { unfinishedFilesLiveMs: 3_600_000, unownedFilesLiveMs: 3_600_000 };
  await createHousekeeping({ artifacts: createArtifacts(api.database), store: api.store, logger, ...lives }).tidy();
}

const tracesOf = async (api: Api, { workspaceId }: Owner) => [
  await api.countJobs(),
  await api.countFiles(),
  api.wakeCount(),
  await api.ledger.balance(workspaceId),
];

const image = aPng();
const native = { model: 'sora', prompt: 'a boat', seconds: 8 };
const postTo =
  (path: string): Post =>
  ({ post }, body) =>
    post(path, body);

/** Each place where a dialect takes an image, with the body that names one there and the word for it in errors. */
const places: [string, () => Promise<Api>, (api: Api) => Post, (id: string) => object, string][] = [
  ['native start_frame', startApi, () => postTo(jobsPath), (id) => ({ ...native, start_frame: id }), 'start_frame'],
  ['native image.url', startApi, () => postTo(jobsPath), (id) => ({ ...native, image: { url: id } }), 'image'],
  [
    'openai file_id',
    startOpenai,
    () => postTo('/v1/videos'),
    (id) => ({ prompt: 'a boat', size: '1280x720', input_reference: { file_id: id } }),
    'input_reference',
  ],
  [
    'openai image_url',
    startOpenai,
    () => postTo('/v1/videos'),
    (id) => ({ prompt: 'a boat', size: '1280x720', input_reference: { image_url: id } }),
    'input_reference',
  ],
  [
    'pixazo image',
    startPixazo,
    (api) =>
      ({ secret }, body) =>
        pixazoClient(api, secret).post(generateFromImage, body),
    (id) => ({ prompt: 'a boat', image: id }),
    'image',
  ],
  [
    'apixo image_urls',
    startApixo,
    () => postTo(generateTask),
    (id) => ({ input: { mode: 'image-to-video', prompt: 'a boat', image_urls: [id] } }),
    'input.image_urls.0',
  ],
  [
    'globalaiopc input_reference',
    startGlobalaiopc,
    () => postTo('/sora/videos'),
    (id) => ({ model: 'sora-2', prompt: 'a boat', size: '1280x720', input_reference: [id] }),
    'input_reference.0',
  ],
];

describe.each(places)('a file at %s', (_, start, posting, bodyOf, field) => {
  let api: Api;
  let owner: Owner;
  let post: Post;
  beforeAll(async () => {
    api = await start();
    owner = await api.addWorkspace();
    post = posting(api);
  });
  afterAll(() => api.close());

  it('is what the job is made from, under an id of the job, with the bytes that are there already', async () => {
    const id = await anUpload(owner, image);
    const before = await api.countFiles();

    const response = await post(owner, bodyOf(id));

    expect([200, 202]).toContain(response.status);
    expect(await api.countFiles()).toBe(before);
    const [input] = await inputsIn(api);
    const file = await readJson(await owner.get(`${files}/${id}`));
    expect(input).toMatchObject({
      role: 'input',
      content_type: 'image/png',
      sha256: file.sha256,
      width: 1280,
      height: 720,
    });
    expect(input?.id).toMatch(/^art_/);
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['of another workspace', async () => anUpload(await api.addWorkspace(), image), /not known/],
    ['that never was', async () => 'file_01kaz0000000000000000000zz', /not known/],
    ['that has been deleted', () => aDeleted(api, owner), /not known/],
    ['whose time is over', () => anExpired(api, owner), /not known/],
    ['that is a video', () => anUpload(owner, anMp4()), /video\/mp4/],
    ['that is larger than an image may be', () => anUpload(owner, aPng({ bytes: 21 * 1024 * 1024 })), /bytes/],
  ])('%s is refused, naming the field, and nothing is held', async (_kind, file, message) => {
    const id = await file();
    const before = await tracesOf(api, owner);

    const response = await post(owner, bodyOf(id));

    expect(response.status).toBe(400);
    const text = await response.text();
    expect(text).toContain(field);
    expect(text).toMatch(message);
    expect(await tracesOf(api, owner)).toEqual(before);
  });
});

async function aDeleted(api: Api, owner: Owner): Promise<string> {
  const id = await anUpload(owner, aPng({ seed: 3 }));
  await owner.send('DELETE', `${files}/${id}`);
  await tidy(api);
  return id;
}

async function anExpired(api: Api, owner: Owner): Promise<string> {
  const id = await anUpload(owner, aPng({ seed: 4 }));
  const past = new Date(Date.now() - 1_000);
  await api.database.queries.updateTable('artifacts').set({ expires_at: past }).where('id', '=', id).execute();
  return id;
}

describe('the bytes of a file', () => {
  const opened: Api[] = [];
  afterEach(async () => {
    for (const api of opened.splice(0)) await api.close();
  });
  const open = async (options?: Parameters<typeof startApi>[0]) => {
    const api = await startApi(options);
    opened.push(api);
    return { api, owner: await api.addWorkspace() };
  };
  const bytesOf = async (api: Api, location = '') => (await api.store.stat(location))?.bytes;

  it('stay for a job that was made with it when it is deleted, and go with the last who needs them', async () => {
    const { api, owner } = await open();
    const id = await anUpload(owner, image);
    const jobId = await createJob(owner, { start_frame: id, reference_images: [id] });
    const [input] = await inputsIn(api);

    await owner.send('DELETE', `${files}/${id}`);
    await tidy(api);
    expect(await bytesOf(api, input?.location)).toBe(image.length);

    await api.database.queries
      .updateTable('artifacts')
      .set({ expires_at: new Date(Date.now() - 1_000) })
      .where('job_id', '=', jobId)
      .execute();
    await tidy(api);
    expect(await bytesOf(api, input?.location)).toBeUndefined();
  });

  it('are those of the same image in a data URL, before and after', async () => {
    const { api, owner } = await open();
    const dataUrl = `data:image/png;base64,${image.toString('base64')}`;

    await createJob(owner, { start_frame: dataUrl });
    await anUpload(owner, image);
    await createJob(owner, { start_frame: dataUrl, last_frame: dataUrl });
    expect(await api.countFiles()).toBe(1);

    await createJob(await api.addWorkspace(), { start_frame: dataUrl });
    expect(await api.countFiles()).toBe(2);
  });

  it('stay when a job that would have used them is refused', async () => {
    const { api, owner } = await open();
    const poor = await api.addWorkspace({ micros: 0 });
    for (const one of [owner, poor]) await anUpload(one, image);
    const before = await api.countFiles();

    const response = await poor.post(jobsPath, {
      ...native,
      start_frame: `data:image/png;base64,${image.toString('base64')}`,
    });

    expect(response.status).toBe(402);
    expect(await api.countFiles()).toBe(before);
  });

  it.each([
    ['are looked for again when they go while a job is taken: a data URL is stored anew', true],
    ['are looked for again when they go while a job is taken: a file is refused', false],
  ])('%s', async (_, isInline) => {
    // Whoever looks for the bytes is told of them, and by the time that the job is stored they are gone.
    const uploads = () => createUploads(api.database);
    let looks = 0;
    const goneAfter = async <Found>(found: Found): Promise<Found> => {
      looks += 1;
      if (looks > 1) return found;
      await owner.send('DELETE', `${files}/${id}`);
      await tidy(api);
      return found;
    };
    const { api, owner } = await open({
      jobs: {
        uploads: {
          add: (upload) => uploads().add(upload),
          page: (page) => uploads().page(page),
          remove: (one) => uploads().remove(one),
          find: async (one) => (isInline ? uploads().find(one) : goneAfter(await uploads().find(one))),
          keptBytes: async (bytes) => goneAfter(await uploads().keptBytes(bytes)),
        },
      },
    });
    const id = await anUpload(owner, image);
    const held = await api.ledger.balance(owner.workspaceId);

    const start_frame = isInline ? `data:image/png;base64,${image.toString('base64')}` : id;
    const response = await owner.post(jobsPath, { ...native, start_frame });

    expect(response.status).toBe(isInline ? 202 : 400);
    const [input] = await inputsIn(api);
    if (isInline) expect(await bytesOf(api, input?.location)).toBe(image.length);
    else
      expect([input, await api.countFiles(), await api.ledger.balance(owner.workspaceId)]).toEqual([
        undefined,
        0,
        held,
      ]);
  });
});

describe('a source video', () => {
  it.each<[string, (api: Api, owner: Owner) => Promise<{ id: string; remove: string }>]>([
    [
      'a file',
      async (_api, owner) => {
        const id = await anUpload(owner, anMp4());
        return { id, remove: `${files}/${id}` };
      },
    ],
    [
      'the video of a job',
      async (api, owner) => {
        const id = await createJob(owner);
        await livesOf(api).succeed(id);
        return { id, remove: `${jobsPath}/${id}` };
      },
    ],
  ])('that is %s stays for the job that goes on from it when it is deleted', async (_, aSource) => {
    const api = await startApi();
    try {
      const owner = await api.addWorkspace();
      const { id, remove } = await aSource(api, owner);
      const jobId = await createJob(owner, { task: 'extend', source_video: id });
      const artifacts = createArtifacts(api.database);
      const source = await artifacts.sourceOf(jobId);

      expect((await owner.send('DELETE', remove)).status).toBe(204);
      await tidy(api);

      expect(source).toMatchObject({ is_kept: true });
      expect(await artifacts.sourceOf(jobId)).toEqual(source);
      expect(await api.store.stat(source?.location ?? '')).toBeDefined();
    } finally {
      await api.close();
    }
  });

  it('may be a file of the caller, which must be a video and known', async () => {
    const api = await startApi();
    try {
      const owner = await api.addWorkspace();
      const extend = (id: string) => owner.post(jobsPath, { ...native, task: 'extend', source_video: id });
      const foreign = await anUpload(await api.addWorkspace(), anMp4());

      expect((await extend(await anUpload(owner, anMp4()))).status).toBe(202);
      for (const id of ['file_01kaz0000000000000000000zz', 'file_1', foreign, await anUpload(owner, image)]) {
        const before = await tracesOf(api, owner);
        const response = await extend(id);
        expect([response.status, await readJson(response)]).toMatchObject([
          400,
          { errors: [{ field: 'source_video' }] },
        ]);
        expect(await tracesOf(api, owner)).toEqual(before);
      }
    } finally {
      await api.close();
    }
  });
});
