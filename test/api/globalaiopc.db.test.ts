import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { errorCatalogue, type JobFailureCode } from '../../contract/errors.js';
import { createProviders } from '../../providers/registry.js';
import { type Api, readJson } from '../support/api.js';
import { startImageServer } from '../support/image-server.js';
import { anImage } from '../support/images.js';
import { createJob, livesOf } from '../support/lives.js';
import { aGlobalaiopcCatalogue, paths, startGlobalaiopc, videos } from './globalaiopc-world.js';

const aBody = (changes: object = {}) => ({ model: 'sora-2', prompt: 'a paper boat', ...changes });

let images: Awaited<ReturnType<typeof startImageServer>>;
let api: Api;
let lives: ReturnType<typeof livesOf>;
let client: Awaited<ReturnType<Api['addWorkspace']>>;
beforeAll(async () => {
  images = await startImageServer({ '/boat.png': (_request, response) => response.end(anImage.bytes) });
  api = await startGlobalaiopc({ allowLoopbackPorts: [images.port] });
  lives = livesOf(api);
  client = await api.addWorkspace();
});
/** Closed after each test, also after one that fails. */
const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(async () => {
  await images.close();
  await api.close();
});

/** The ids of one new job: ours and the one that its caller has. */
async function submit(): Promise<{ id: string; videoId: string }> {
  const videoId = String((await readJson(await client.post(videos, aBody()))).id);
  return { id: videoId.replace('sora_', 'job_'), videoId };
}

const rowOf = (videoId: unknown) =>
  api.database.queries
    .selectFrom('jobs')
    .selectAll()
    .where('id', '=', String(videoId).replace('sora_', 'job_'))
    .executeTakeFirstOrThrow();

async function requestOf(body: object) {
  const response = await client.post(videos, body);
  if (response.status !== 200) throw new Error(`not taken: ${await response.text()}`);
  return (await rowOf((await readJson(response)).id)).request;
}

const epochSeconds = (moment: Date | null) => moment && Math.floor(moment.getTime() / 1_000);

describe('creating a video', () => {
  it.each(paths)('at %s answers the documented object and nothing more, and holds the price', async (path) => {
    const { workspaceId, post } = await api.addWorkspace();

    const response = await post(path, aBody({ model: 'sora-2-pro', seconds: 25, size: '1280x720' }));
    const video = await readJson(response);

    expect(response.status).toBe(200);
    expect(video).toEqual({
      id: expect.stringMatching(/^sora_[0-9a-z]{26}$/),
      object: 'video.generation',
      created: expect.any(Number),
      model: 'sora-2-pro',
      status: 'queued',
    });
    const { dialect, state, request, created_at: createdAt } = await rowOf(video.id);
    expect({ dialect, state }).toEqual({ dialect: 'globalaiopc', state: 'queued' });
    expect(video.created).toBe(epochSeconds(createdAt));
    expect(request).toMatchObject({ model: 'sora-2-pro', durationSeconds: 25, size: { width: 1280, height: 720 } });
    expect(await api.ledger.balance(workspaceId)).toEqual({
      availableMicros: 92_500_000,
      heldMicros: 7_500_000,
      reservedMicros: 0,
    });
  });

  it.each([
    ['ten seconds in portrait, unless told otherwise', {}, { durationSeconds: 10, size: { width: 720, height: 1280 } }],
    ['the ratio 16:9', { aspect_ratio: '16:9' }, { size: { width: 1280, height: 720 }, aspectRatio: '16:9' }],
    ['the ratio 9:16', { aspect_ratio: '9:16' }, { size: { width: 720, height: 1280 }, aspectRatio: '9:16' }],
    ['a size', { size: '1280x720' }, { size: { width: 1280, height: 720 } }],
    ['a duration', { duration: 15 }, { durationSeconds: 15 }],
    ['seconds', { seconds: 15 }, { durationSeconds: 15 }],
    ['no image', { image_urls: [] }, { operation: 'text_to_video', inputs: { references: [] } }],
  ])('makes %s', async (_, fields, request) => {
    expect(await requestOf(aBody(fields))).toMatchObject(request);
  });

  const address = () => images.url('/boat.png');
  const anInput = { artifactId: expect.any(String) };
  it.each(['input_reference', 'image_urls'])('begins with the one image of %s', async (field) => {
    const request = await requestOf(aBody({ [field]: [address()] }));

    expect(request).toMatchObject({ operation: 'image_to_video', inputs: { firstFrame: anInput, references: [] } });
  });

  it.each(['input_reference', 'image_urls'])('looks like the three images of %s', async (field) => {
    const request = await requestOf(aBody({ [field]: [address(), anImage.dataUrl, address()] }));

    expect(request.operation).toBe('text_to_video');
    expect(request.inputs).toEqual({ references: [anInput, anInput, anInput] });
    const stored = await api.database.queries
      .selectFrom('artifacts')
      .select('sha256')
      .where(
        'id',
        'in',
        request.inputs.references.map(({ artifactId }) => artifactId),
      )
      .execute();
    expect(stored).toEqual([anImage, anImage, anImage].map(({ sha256 }) => ({ sha256 })));
  });

  it('gives the same video for the same idempotency key at either address, and charges once', async () => {
    const { workspaceId, post } = await api.addWorkspace();
    const key = { 'idempotency-key': 'boat 1' };
    const first = await readJson(await post(paths[0], aBody({ seconds: 10 }), key));
    await lives.start(String(first.id).replace('sora_', 'job_'));

    const again = await post(paths[1], aBody({ duration: 10, aspect_ratio: '9:16' }), key);
    const other = await post(paths[0], aBody({ seconds: 15 }), key);

    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(await readJson(again)).toEqual({ ...first, status: 'processing' });
    expect((await api.ledger.balance(workspaceId)).heldMicros).toBe(1_000_000);
    expect([other.status, await readJson(other)]).toMatchObject([422, { error: { code: 'idempotency_key_reused' } }]);
  });
});

describe('asking for a video', () => {
  const look = async (videoId: string, path: string = videos) => readJson(await client.get(`${path}/${videoId}`));

  it.each(paths)('at %s tells that it is queued, then processing, in the same object', async (path) => {
    const created = await readJson(await client.post(videos, aBody()));
    const videoId = String(created.id);

    expect(await look(videoId, path)).toEqual(created);
    await lives.start(videoId.replace('sora_', 'job_'));
    expect(await look(videoId, path)).toEqual({ ...created, status: 'processing' });
  });

  it('gives the video when it is completed, at a link that needs no key for a day', async () => {
    const created = await readJson(await client.post(videos, aBody()));
    const videoId = String(created.id);
    const { bytes } = await lives.succeed(videoId.replace('sora_', 'job_'));

    const video = await look(videoId);

    const { finished_at: finishedAt } = await rowOf(videoId);
    expect(video).toEqual({
      ...created,
      status: 'completed',
      completed_at: epochSeconds(finishedAt),
      video_url: expect.stringMatching(/^https:\/\/reelay\.test\//),
      expires_at: expect.any(Number),
    });
    const link = String(video.video_url);
    const file = await fetch(link.replace('https://reelay.test', api.url));
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
    expect(new URL(link).searchParams.get('expires')).toBe(String(video.expires_at));
    // The setting of these tests is one hour; this dialect promises a day.
    expect((Number(video.expires_at) - Date.now() / 1_000) / 3_600).toBeCloseTo(24, 1);
  });

  it('gives no link when the file is no longer kept', async () => {
    const { id, videoId } = await submit();
    await lives.succeed(id);
    await api.database.queries
      .updateTable('artifacts')
      .set({ deleted_at: new Date() })
      .where('job_id', '=', id)
      .execute();

    expect(await look(videoId)).toMatchObject({ status: 'completed', video_url: null, expires_at: null });
  });

  const failures: JobFailureCode[] = ['prompt_rejected', 'generation_failed', 'submission_unknown'];
  it.each(failures)('says why it failed, in our words and with 200: %s', async (code) => {
    const { id, videoId } = await submit();
    await lives.fail(id, code);

    const response = await client.get(`${videos}/${videoId}`);

    expect(response.status).toBe(200);
    expect(await readJson(response)).toEqual({
      id: videoId,
      object: 'video.generation',
      created: expect.any(Number),
      model: 'sora-2',
      status: 'failed',
      error: errorCatalogue[code].title,
    });
  });

  it('says that it was canceled through another API', async () => {
    const { id, videoId } = await submit();
    await client.post(`/api/v1/videos/jobs/${id}/cancel`, undefined);

    expect(await look(videoId)).toMatchObject({ status: 'failed', error: 'The video was canceled.' });
  });

  it('knows the jobs of other dialects by its own id, and the other way round', async () => {
    const { id, videoId } = await submit();
    const native = await createJob(client, { model: 'sora-2' });

    expect(await readJson(await client.get(`/api/v1/videos/jobs/${id}`))).toMatchObject({ id, model: 'sora-2' });
    expect(await look(native.replace('job_', 'sora_'))).toMatchObject({ status: 'queued', model: 'sora-2' });
    expect((await client.get(`${videos}/${id}`)).status).toBe(404);
    expect((await client.get(`${videos}/${id.replace('job_', 'video_')}`)).status).toBe(404);
    expect((await client.get(`/api/v1/videos/jobs/${videoId}`)).status).toBe(404);
  });
});

describe('our own client of GlobalAIOPC', () => {
  it.each(paths)('works against %s with another host and key, and nothing else changed', async (createPath) => {
    const { secret } = await api.addWorkspace();
    const { accounts, models } = aGlobalaiopcCatalogue();
    const { omixa } = accounts;
    if (!omixa) throw new Error('the catalogue has no account named omixa');
    const settings = { createPath, queryPath: createPath };
    const own = { adapter: 'globalaiopc', baseUrl: api.url, credential: 'KEY', official: false, settings };
    const providers = createProviders({
      catalogue: { models, accounts: { omixa, globalaiopc: own } },
      credentials: () => secret,
      allowHttp: true,
    });
    opened.push(providers);
    const provider = providers.get('globalaiopc');
    const options = { signal: AbortSignal.timeout(30_000), attemptKey: 'job:1' };

    const submission = await provider.submit(
      {
        upstreamModel: 'sora-2-stable',
        operation: 'image_to_video',
        prompt: 'a boat',
        durationSeconds: 15,
        variants: 1,
        inputs: {
          firstFrame: { contentType: 'image/png', bytes: anImage.bytes, url: images.url('/boat.png') },
          references: [],
        },
      },
      options,
    );
    if (submission.outcome !== 'accepted') throw new Error(JSON.stringify(submission));
    const { task } = submission;
    const queued = await provider.look(task, options);
    const { bytes } = await lives.succeed(task.id.replace('sora_', 'job_'));
    const done = await provider.look(task, options);

    expect(submission.finished).toBeUndefined();
    expect(queued).toEqual({ status: 'pending', providerStatus: 'queued' });
    if (done.status !== 'succeeded' || !done.files[0]) throw new Error(JSON.stringify(done));
    const { url } = provider.openResult(task, done.files[0]);
    const file = await fetch(url.replace('https://reelay.test', api.url));
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
  });
});
