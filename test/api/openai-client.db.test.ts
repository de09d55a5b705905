import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI, { toFile } from 'openai';
import { newArtifactKey, storeBytes } from '../../artifacts/store.js';
import { createArtifacts } from '../../store/artifacts.js';
import { dataUrlOf, pictureOf } from '../sandbox/web.js';
import { type Api, readJson } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';
import {
  aCompletedVideo,
  addOpenaiWorkspace,
  anOpenaiCatalogue,
  jobIdOf,
  prompt,
  rowOf,
  startOpenai,
  videos,
} from './openai-world.js';

const wide = pictureOf(1280, 720);
const nativePath = '/api/v1/videos/jobs';

let api: Api;
let lives: ReturnType<typeof livesOf>;
let world: Awaited<ReturnType<typeof addOpenaiWorkspace>>;
beforeAll(async () => {
  api = await startOpenai();
  lives = livesOf(api);
  world = await addOpenaiWorkspace(api);
});
afterAll(() => api.close());

describe('the openai package', () => {
  it('carries a video from queued over in_progress to completed', async () => {
    const created = await world.client.videos.create({ prompt, seconds: '8', size: '1280x720' });

    expect(created).toEqual({
      id: expect.stringMatching(/^video_[0-9a-z]{26}$/),
      object: 'video',
      model: 'sora-2',
      status: 'queued',
      progress: 0,
      prompt,
      created_at: expect.any(Number),
      completed_at: null,
      expires_at: null,
      seconds: '8',
      size: '1280x720',
      remixed_from_video_id: null,
      error: null,
    });
    expect(Math.abs(created.created_at - Date.now() / 1_000)).toBeLessThan(60);
    expect(await world.client.videos.retrieve(created.id)).toEqual(created);

    await lives.start(jobIdOf(created.id));
    const running = await world.client.videos.retrieve(created.id);
    expect(running).toEqual({ ...created, status: 'in_progress', progress: 40 });

    const other = await aCompletedVideo(api, world);
    const done = await world.client.videos.retrieve(other);
    expect(done).toMatchObject({ status: 'completed', progress: 100, error: null });
    expect(done.completed_at).toBeGreaterThanOrEqual(done.created_at);
    expect(done.expires_at).toBe((done.completed_at ?? 0) + 3_600);
  });

  it('gets the defaults of the page: four seconds of sora-2 in portrait', async () => {
    const video = await world.client.videos.create({ prompt });
    expect(video).toMatchObject({ model: 'sora-2', seconds: '4', size: '720x1280' });
    expect(await rowOf(api, video.id)).toMatchObject({
      dialect: 'openai',
      held_micros: 400_000,
      request: { operation: 'text_to_video', durationSeconds: 4, size: { width: 720, height: 1280 } },
    });
  });

  it.each([
    ['sora-2-2025-10-06', 'sora-2'],
    ['sora-2-2025-12-08', 'sora-2'],
    ['sora-2-pro-2025-10-06', 'sora-2-pro'],
    ['sora', 'sora'],
  ])('asks for %s and gets %s', async (model, meant) => {
    expect(await world.client.videos.create({ prompt, model })).toMatchObject({ model: meant });
  });

  it('begins with an image, from a file and by its address', async () => {
    const file = await toFile(wide, 'boat.png', { type: 'image/png' });
    const size = '1280x720';
    const ofFile = await world.client.videos.create({ prompt, size, input_reference: file });
    const image_url = dataUrlOf(wide);
    const ofText = await world.client.videos.create({ prompt, size, input_reference: { image_url } });

    for (const { id } of [ofFile, ofText]) {
      expect(await rowOf(api, id)).toMatchObject({ operation: 'image_to_video' });
      const [input] = await api.database.queries
        .selectFrom('artifacts')
        .selectAll()
        .where('job_id', '=', jobIdOf(id))
        .execute();
      expect(input).toMatchObject({ role: 'input', content_type: 'image/png', bytes: wide.length, width: 1280 });
    }
  });

  it('lists page by page, either way round', async () => {
    const { client, ...caller } = await addOpenaiWorkspace(api);
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push((await client.videos.create({ prompt })).id);
    const native = (await createJob(caller)).replace('job_', 'video_');
    ids.push(native);

    const newest: string[] = [];
    for await (const { id } of client.videos.list({ limit: 2 })) newest.push(id);
    const oldest: string[] = [];
    for await (const { id } of client.videos.list({ limit: 4, order: 'asc' })) oldest.push(id);
    const page = await readJson(await caller.get(`${videos}?limit=2&after=${ids[4]}`));
    const empty = await readJson(await caller.get(`${videos}?limit=0`));

    expect(newest).toEqual(ids.toReversed());
    expect(oldest).toEqual(ids);
    expect(page).toMatchObject({ first_id: ids[3], last_id: ids[2], has_more: true, object: 'list' });
    expect(empty).toEqual({ object: 'list', data: [], first_id: null, last_id: null, has_more: true });
  });

  it('downloads the file', async () => {
    const { id } = await world.client.videos.create({ prompt });
    const { bytes } = await lives.succeed(jobIdOf(id));

    const plain = await world.client.videos.downloadContent(id);
    const named = await world.client.videos.downloadContent(id, { variant: 'video' });

    expect(plain.headers.get('content-type')).toBe('video/mp4');
    for (const response of [plain, named]) {
      expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    }
  });

  it.each([
    ['thumbnail', 'image/webp'],
    ['spritesheet', 'image/jpeg'],
  ] as const)('downloads the %s', async (variant, contentType) => {
    const source = await aCompletedVideo(api, world);
    const bytes = randomBytes(500);
    const stored = await storeBytes(api.store, { key: newArtifactKey('jpg'), bytes });
    await createArtifacts(api.database).addRendition({
      jobId: jobIdOf(source),
      variant: 0,
      role: variant,
      stored,
      contentType,
    });

    const response = await world.client.videos.downloadContent(source, { variant });

    expect(response.headers.get('content-type')).toBe(contentType);
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('is told of a file that is not there yet at once', async () => {
    const { client, requests } = await addOpenaiWorkspace(api);
    const { id } = await client.videos.create({ prompt });
    requests.length = 0;

    const error = await client.videos.downloadContent(id).catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(OpenAI.NotFoundError);
    expect(error).toMatchObject({ code: 'video_not_ready', type: 'invalid_request_error' });
    expect(requests).toHaveLength(1);
  });

  it('remixes, edits and extends a completed video', async () => {
    const { client, post } = world;
    const source = await aCompletedVideo(api, { post });
    const video = { id: source };

    const remix = await client.videos.remix(source, { prompt: 'at night' });
    const edit = await client.videos.edit({ prompt: 'in snow', video });
    const extension = await client.videos.extend({ prompt: 'and on', seconds: '4', video });

    const looks = { model: 'sora-2', status: 'queued', size: '1280x720' };
    expect(remix).toMatchObject({ ...looks, prompt: 'at night', seconds: '8', remixed_from_video_id: source });
    expect(edit).toMatchObject({ ...looks, prompt: 'in snow', seconds: '8', remixed_from_video_id: source });
    expect(extension).toMatchObject({ ...looks, prompt: 'and on', seconds: '12', remixed_from_video_id: null });
    const rows = await Promise.all([remix, edit, extension].map(({ id }) => rowOf(api, id)));
    expect(rows.map(({ operation, held_micros }) => [operation, held_micros])).toEqual([
      ['remix', 800_000],
      ['remix', 800_000],
      ['extend', 400_000],
    ]);
    expect(rows[2]?.request).toMatchObject({ durationSeconds: 4, inputs: { sourceVideo: { jobId: jobIdOf(source) } } });
  });

  it('deletes what has ended, and nothing before', async () => {
    const { client, requests, post } = await addOpenaiWorkspace(api);
    const done = await aCompletedVideo(api, { post });
    const open = await client.videos.create({ prompt });
    requests.length = 0;

    const error = await client.videos.delete(open.id).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OpenAI.BadRequestError);
    expect(error).toMatchObject({ code: 'video_not_completed' });
    expect(requests).toHaveLength(1);

    expect(await client.videos.delete(done)).toEqual({ id: done, object: 'video.deleted', deleted: true });
    await expect(client.videos.retrieve(done)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });

  it('makes one video of a request that it sends twice under one key', async () => {
    const { client, workspaceId } = await addOpenaiWorkspace(api);
    const headers = { 'Idempotency-Key': 'boat-1' };

    const first = await client.videos.create({ prompt }, { headers });
    const { data: second, response } = await client.videos.create({ prompt, seconds: '4' }, { headers }).withResponse();

    expect(second).toEqual(first);
    expect(response.headers.get('idempotency-replayed')).toBe('true');
    expect(await api.ledger.balance(workspaceId)).toMatchObject({ heldMicros: 400_000 });
    const other = await client.videos.create({ prompt: 'a kite' }, { headers }).catch((reason: unknown) => reason);
    expect(other).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  });

  it('does not knock again when there is no money', async () => {
    const { client, requests } = await addOpenaiWorkspace(api, { micros: 399_999 });

    const error = await client.videos.create({ prompt }).catch((reason: unknown) => reason);

    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ code: 'insufficient_quota', type: 'insufficient_quota', param: null });
    expect(requests).toHaveLength(1);
  });

  it('is told that there are no characters', async () => {
    const video = await toFile(wide, 'boat.mp4');
    await expect(world.client.videos.createCharacter({ name: 'Ada', video })).rejects.toMatchObject({
      status: 404,
      code: 'not_found',
    });
    await expect(world.client.videos.getCharacter('char_1')).rejects.toMatchObject({ status: 404, code: 'not_found' });
  });
});

describe('how a video ended', () => {
  it.each([
    ['prompt_rejected', 'moderation_blocked'],
    ['provider_rejected', 'provider_rejected'],
    ['generation_failed', 'generation_failed'],
    ['submission_unknown', 'submission_unknown'],
    ['deadline_exceeded', 'deadline_exceeded'],
  ] as const)('after %s is told as %s', async (code, told) => {
    const { id } = await world.client.videos.create({ prompt });
    await lives.fail(jobIdOf(id), code);

    expect(await world.client.videos.retrieve(id)).toMatchObject({
      status: 'failed',
      progress: 0,
      completed_at: null,
      expires_at: null,
      error: { code: told, message: expect.not.stringContaining('their own words') },
    });
    await expect(world.client.videos.downloadContent(id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
  });

  it('when somebody canceled it is failed', async () => {
    const { id } = await world.client.videos.create({ prompt });
    await world.post(`${nativePath}/${jobIdOf(id)}/cancel`, undefined);

    expect(await world.client.videos.retrieve(id)).toMatchObject({ status: 'failed', error: { code: 'canceled' } });
  });
});

describe('a job', () => {
  it('is read in every dialect, by the id of that dialect', async () => {
    const { id } = await world.client.videos.create({ prompt });
    expect(await readJson(await world.get(`${nativePath}/${jobIdOf(id)}`))).toMatchObject({
      model: 'sora-2',
      request: { prompt, duration_seconds: 4, size: '720x1280' },
    });

    const native = await createJob(world, { seconds: 2.5 });
    const seen = await world.client.videos.retrieve(native.replace('job_', 'video_'));
    expect(seen).toMatchObject({ model: 'sora', seconds: '2.5', size: '720x1280' });
    await lives.succeed(native);
    expect(await world.client.videos.retrieve(seen.id)).toMatchObject({ status: 'completed', size: '1280x720' });
    await expect(world.client.videos.retrieve(native)).rejects.toMatchObject({ status: 404 });
  });

  it('whose source was measured a few frames long is told in whole seconds', async () => {
    const source = await aCompletedVideo(api, world);
    await api.database.queries
      .updateTable('artifacts')
      .set({ duration_seconds: 8.083 })
      .where('job_id', '=', jobIdOf(source))
      .execute();

    expect(await world.client.videos.remix(source, { prompt })).toMatchObject({ seconds: '8' });
    const video = { id: source };
    expect(await world.client.videos.extend({ prompt, seconds: '12', video })).toMatchObject({ seconds: '20' });
  });
});

describe('a model that is retired', () => {
  let retired: Api;
  beforeAll(async () => {
    retired = await startOpenai({ catalogue: anOpenaiCatalogue({ route: { lifecycle: { status: 'retired' } } }) });
  });
  afterAll(() => retired.close());

  it('is not found, and asked for once', async () => {
    const { client, requests, post } = await addOpenaiWorkspace(retired);

    const error = await client.videos.create({ prompt }).catch((reason: unknown) => reason);

    expect(error).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(requests).toHaveLength(1);
    expect((await post(videos, { prompt, model: 'sora' })).status).toBe(200);
  });
});
