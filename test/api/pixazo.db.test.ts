import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { errorCatalogue, type JobFailureCode } from '../../contract/errors.js';
import { createProviders } from '../../providers/registry.js';
import { dataUrlOf, pictureOf } from '../sandbox/web.js';
import { type Api, readJson } from '../support/api.js';
import { startImageServer } from '../support/image-server.js';
import { createJob, livesOf } from '../support/lives.js';
import {
  addPixazoWorkspace,
  aPixazoCatalogue,
  generate,
  generateFromImage,
  pixazoClient,
  result,
  startPixazo,
  status,
} from './pixazo-world.js';

const wide = pictureOf(1280, 720);
const tall = pictureOf(1024, 1792, 'jpeg');
const prompt = 'a paper boat';

let images: Awaited<ReturnType<typeof startImageServer>>;
let api: Api;
let lives: ReturnType<typeof livesOf>;
let client: Awaited<ReturnType<typeof addPixazoWorkspace>>;
beforeAll(async () => {
  images = await startImageServer({ '/wide.png': (_request, response) => response.end(wide) });
  api = await startPixazo({ allowLoopbackPorts: [images.port] });
  lives = livesOf(api);
  client = await addPixazoWorkspace(api);
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
async function submit(body: object = {}): Promise<{ id: string; requestId: string }> {
  const response = await client.post(generate, { prompt, ...body });
  if (response.status !== 202) throw new Error(`not taken: ${await response.text()}`);
  const requestId = String((await readJson(response)).request_id);
  return { id: requestId.replace('sora-video_', 'job_'), requestId };
}

const rowOf = (requestId: unknown) =>
  api.database.queries
    .selectFrom('jobs')
    .selectAll()
    .where('id', '=', String(requestId).replace('sora-video_', 'job_'))
    .executeTakeFirstOrThrow();

const inputsOf = async (requestId: unknown) =>
  api.database.queries
    .selectFrom('artifacts')
    .selectAll()
    .where('job_id', '=', (await rowOf(requestId)).id)
    .execute();

const isoTime = expect.stringMatching(/^2\d{3}-.*Z$/);

describe('POST video/generate', () => {
  it('answers 202 as the page does, with an address to poll that works, and holds the price', async () => {
    const { workspaceId, post, get } = await addPixazoWorkspace(api);

    const response = await post(generate, { prompt, model: 'sora-2-pro', size: '1792x1024', seconds: 12 });
    const accepted = await readJson(response);

    expect(response.status).toBe(202);
    expect(accepted).toEqual({
      request_id: expect.stringMatching(/^sora-video_[0-9a-z]{26}$/),
      status: 'QUEUED',
      polling_url: `https://reelay.test${status}/${accepted.request_id}`,
    });
    expect(response.headers.get('location')).toBe(accepted.polling_url);
    expect(await api.ledger.balance(workspaceId)).toEqual({
      availableMicros: 94_000_000,
      heldMicros: 6_000_000,
      reservedMicros: 0,
    });
    const looked = await get(new URL(String(accepted.polling_url)).pathname);
    expect([looked.status, await readJson(looked)]).toMatchObject([200, { request_id: accepted.request_id }]);
    const { dialect, request, state } = await rowOf(accepted.request_id);
    expect({ dialect, state }).toEqual({ dialect: 'pixazo', state: 'queued' });
    expect(request).toMatchObject({
      model: 'sora-2-pro',
      operation: 'text_to_video',
      prompt,
      durationSeconds: 12,
      size: { width: 1792, height: 1024 },
    });
  });

  it('makes four seconds in portrait of a prompt alone', async () => {
    const { requestId } = await submit();

    expect((await rowOf(requestId)).request).toMatchObject({
      model: 'sora-2-pro',
      durationSeconds: 4,
      size: { width: 720, height: 1280 },
      variants: 1,
    });
  });

  it.each([
    ['the field', { callback_url: 'https://example.com/hook' }, {}],
    ['the header', {}, { 'x-webhook-url': 'https://example.com/hook' }],
    ['both alike', { callback_url: 'https://example.com/hook' }, { 'x-webhook-url': 'https://example.com/hook' }],
  ])('keeps the address of the webhook from %s', async (_, fields, headers: Record<string, string>) => {
    const response = await client.post(generate, { prompt, ...fields }, headers);

    const { callback_url: kept } = await rowOf((await readJson(response)).request_id);
    expect(kept).toBe('https://example.com/hook');
  });

  it('gives the same request for the same idempotency key, and charges once', async () => {
    const { workspaceId, post } = await addPixazoWorkspace(api);
    const key = { 'idempotency-key': 'boat 1' };
    const first = await readJson(await post(generate, { prompt }, key));
    await lives.start(String(first.request_id).replace('sora-video_', 'job_'));

    const again = await post(generate, { seconds: 4, prompt, size: '720x1280' }, key);
    const other = await post(generate, { prompt, seconds: 8 }, key);

    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
    expect(await readJson(again)).toEqual(first);
    expect((await api.ledger.balance(workspaceId)).heldMicros).toBe(1_200_000);
    expect([other.status, await readJson(other)]).toEqual([
      422,
      { error: 'Unprocessable Entity', message: expect.any(String) },
    ]);
  });
});

describe('POST video/i2v/generate', () => {
  it.each([
    ['at an address', () => images.url('/wide.png'), wide, 'image/png', { width: 1280, height: 720 }],
    ['within the request', () => dataUrlOf(tall, 'jpeg'), tall, 'image/jpeg', { width: 1024, height: 1792 }],
  ])('takes an image %s, and its size from it', async (_, image, bytes, contentType, size) => {
    const response = await client.post(generateFromImage, { prompt, image: image() });

    expect(response.status).toBe(202);
    const { request_id: requestId } = await readJson(response);
    expect((await rowOf(requestId)).request).toMatchObject({ operation: 'image_to_video', size, durationSeconds: 4 });
    expect(await inputsOf(requestId)).toMatchObject([
      { role: 'input', content_type: contentType, bytes: bytes.length, ...size },
    ]);
  });

  it('takes a size that equals the image', async () => {
    const body = { prompt, image: dataUrlOf(wide), size: '1280x720', seconds: 8 };

    expect((await client.post(generateFromImage, body)).status).toBe(202);
  });
});

describe('GET /v2/requests/status/{id}', () => {
  const look = async (requestId: string) => readJson(await client.get(`${status}/${requestId}`));
  const open = { model_id: 'sora-video', error: null, output: null, created_at: isoTime, completed_at: null };

  it('is QUEUED, then PROCESSING', async () => {
    const { id, requestId } = await submit();
    const queued = await look(requestId);
    await lives.start(id);
    const processing = await look(requestId);

    expect(queued).toEqual({ request_id: requestId, status: 'QUEUED', ...open, updated_at: queued.created_at });
    expect(processing).toEqual({ request_id: requestId, status: 'PROCESSING', ...open, updated_at: isoTime });
    expect(Date.parse(String(processing.updated_at))).toBeGreaterThan(Date.parse(String(queued.updated_at)));
  });

  it('is COMPLETED with the file, whose type it tells and whose link needs no key', async () => {
    const { id, requestId } = await submit();
    const { bytes } = await lives.succeed(id);

    const done = await look(requestId);

    expect(done).toEqual({
      request_id: requestId,
      status: 'COMPLETED',
      model_id: 'sora-video',
      error: null,
      output: { media_url: [expect.stringMatching(/^https:\/\/reelay\.test\//)], media_type: 'video/mp4' },
      created_at: isoTime,
      updated_at: done.completed_at,
      completed_at: isoTime,
    });
    const [link = ''] = (done.output as unknown as { media_url: string[] }).media_url;
    const file = await fetch(link.replace('https://reelay.test', api.url));
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
    expect(file.headers.get('content-type')).toBe('video/mp4');
    // The setting of these tests is one hour; this dialect promises a day.
    const expiresInMs = Number(new URL(link).searchParams.get('expires')) * 1_000 - Date.now();
    expect(expiresInMs / 3_600_000).toBeCloseTo(24, 1);
  });

  it('has no output when the file is no longer kept', async () => {
    const { id, requestId } = await submit();
    await lives.succeed(id);
    await api.database.queries
      .updateTable('artifacts')
      .set({ deleted_at: new Date() })
      .where('job_id', '=', id)
      .execute();

    expect(await look(requestId)).toMatchObject({ status: 'COMPLETED', output: null, error: null });
  });

  it.each<[JobFailureCode, string]>([
    ['prompt_rejected', 'FAILED'],
    ['provider_rejected', 'FAILED'],
    ['provider_unavailable', 'ERROR'],
    ['generation_failed', 'ERROR'],
    ['result_unavailable', 'ERROR'],
    ['submission_unknown', 'ERROR'],
    ['deadline_exceeded', 'ERROR'],
  ])('of a job that ended with %s is %s, says why in our words and is answered with 200', async (code, word) => {
    const { id, requestId } = await submit();
    await lives.fail(id, code);

    const response = await client.get(`${status}/${requestId}`);

    expect(response.status).toBe(200);
    expect(await readJson(response)).toMatchObject({
      status: word,
      error: errorCatalogue[code].title,
      output: null,
      completed_at: isoTime,
    });
  });

  it('of a job that the native API canceled is FAILED', async () => {
    const { id, requestId } = await submit();
    await client.native.post(`/api/v1/videos/jobs/${id}/cancel`, undefined);

    expect(await look(requestId)).toMatchObject({ status: 'FAILED', error: 'The request was canceled.', output: null });
  });
});

describe('POST video/result', () => {
  const ask = async (videoId: string) => {
    const response = await client.post(result, { video_id: videoId });
    expect(response.status).toBe(200);
    return readJson(response);
  };

  it.each(['sora-video', 'video'])('answers by the id of either API: %s_…', async (prefix) => {
    const { id, requestId } = await submit({ prompt: 'a boat with a lamp' });
    await lives.succeed(id);

    const answer = await ask(requestId.replace('sora-video', prefix));

    expect(answer).toEqual({
      id: id.replace('job_', 'video_'),
      status: 'completed',
      model: 'sora-2-pro',
      prompt: 'a boat with a lamp',
      created_at: expect.any(Number),
      completed_at: expect.any(Number),
      video_url: expect.stringContaining(`/${id}/content?index=0&`),
      metadata: { total_attempts: 1, polling_duration_seconds: expect.any(Number) },
    });
    const { created_at: createdAt, finished_at: finishedAt } = await rowOf(requestId);
    expect([answer.created_at, answer.completed_at]).toEqual([createdAt.getTime(), finishedAt?.getTime()]);
  });

  it('answers the same object in every other state, without a video', async () => {
    const { id, requestId } = await submit();
    const nothing = { completed_at: null, video_url: null };

    expect(await ask(requestId)).toMatchObject({ status: 'queued', ...nothing, metadata: { total_attempts: 0 } });
    await lives.start(id);
    const running = await ask(requestId);
    expect(running).toMatchObject({
      status: 'processing',
      ...nothing,
      metadata: { total_attempts: 1, polling_duration_seconds: null },
    });
    expect(running).not.toHaveProperty('error');

    const [refused, broken, canceled] = [await submit(), await submit(), await submit()];
    await lives.fail(refused.id, 'prompt_rejected');
    await lives.fail(broken.id, 'generation_failed');
    await client.native.post(`/api/v1/videos/jobs/${canceled.id}/cancel`, undefined);
    const ended = await Promise.all([refused, broken, canceled].map((job) => ask(job.requestId)));
    expect(ended.map(({ status: word, video_url: url }) => [word, url])).toEqual([
      ['failed', null],
      ['error', null],
      ['failed', null],
    ]);
    expect(ended.map(({ error }) => error)).toEqual([
      'The content was refused by moderation',
      'The generation failed',
      'The request was canceled.',
    ]);
  });
});

describe('one job in two dialects', () => {
  it('is the same by the id of each', async () => {
    const { id, requestId } = await submit();
    const native = await createJob(client.native);

    const seenNatively = await client.native.get(`/api/v1/videos/jobs/${id}`);
    const seenHere = await client.get(`${status}/${native.replace('job_', 'sora-video_')}`);

    expect(await readJson(seenNatively)).toMatchObject({ id, model: 'sora-2-pro', status: 'queued' });
    expect(await readJson(seenHere)).toMatchObject({ status: 'QUEUED', model_id: 'sora-video' });
    expect((await client.get(`${status}/${id}`)).status).toBe(404);
    expect((await client.get(`${status}/${id.replace('job_', 'video_')}`)).status).toBe(404);
    expect((await client.post(result, { video_id: id })).status).toBe(404);
    expect((await client.native.get(`/api/v1/videos/jobs/${requestId}`)).status).toBe(404);
  });
});

describe('our own client of Pixazo', () => {
  it('works against this with another host and key, and nothing else changed', async () => {
    const { secret } = await addPixazoWorkspace(api);
    const { accounts, models } = aPixazoCatalogue();
    const providers = createProviders({
      catalogue: {
        models,
        accounts: {
          ...accounts,
          pixazo: { adapter: 'pixazo', baseUrl: api.url, credential: 'KEY', official: false, settings: {} },
        },
      },
      credentials: () => secret,
      allowHttp: true,
    });
    opened.push(providers);
    const pixazo = providers.get('pixazo');
    const options = { signal: AbortSignal.timeout(30_000), attemptKey: 'job:1' };

    const submission = await pixazo.submit(
      {
        upstreamModel: 'sora-2-pro',
        operation: 'image_to_video',
        prompt,
        durationSeconds: 8,
        variants: 1,
        inputs: { firstFrame: { contentType: 'image/png', bytes: wide }, references: [] },
      },
      options,
    );
    if (submission.outcome !== 'accepted') throw new Error(JSON.stringify(submission));
    const { task } = submission;
    const id = task.id.replace('sora-video_', 'job_');
    const queued = await pixazo.look(task, options);
    const { bytes } = await lives.succeed(id);
    const done = await pixazo.look(task, options);

    expect(queued).toEqual({ status: 'pending', providerStatus: 'queued' });
    if (done.status !== 'succeeded' || !done.files[0]) throw new Error(JSON.stringify(done));
    const { url } = pixazo.openResult(task, done.files[0]);
    const file = await fetch(url.replace('https://reelay.test', api.url));
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);

    const refused = await readJson(await pixazoClient(api, secret).post(generate, { prompt }));
    await lives.fail(String(refused.request_id).replace('sora-video_', 'job_'), 'prompt_rejected');
    const lost = await pixazo.look({ ...task, id: String(refused.request_id) }, options);
    expect(lost).toMatchObject({ status: 'failed', error: { class: 'CONTENT_REFUSED' } });
  });
});
