import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { errorCatalogue, type JobFailureCode } from '../../contract/errors.js';
import { createProviders } from '../../providers/registry.js';
import { dataUrlOf, pictureOf } from '../sandbox/web.js';
import { type Api, readJson } from '../support/api.js';
import { startImageServer } from '../support/image-server.js';
import { createJob, livesOf } from '../support/lives.js';
import { apixoCatalogue, generate, startApixo, statusOf, submit, textToVideo } from './apixo-world.js';

const picture = pictureOf(640, 360, 'webp');

let images: Awaited<ReturnType<typeof startImageServer>>;
let api: Api;
let lives: ReturnType<typeof livesOf>;
let client: Awaited<ReturnType<Api['addWorkspace']>>;
beforeAll(async () => {
  images = await startImageServer({ '/lake': (_request, response) => response.end(picture) });
  api = await startApixo({ allowLoopbackPorts: [images.port] });
  lives = livesOf(api);
  client = await api.addWorkspace();
});
afterAll(async () => {
  await images.close();
  await api.close();
});

const rowOf = (id: string) =>
  api.database.queries.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
const look = async (taskId: string) => readJson(await client.get(statusOf(taskId)));

describe('POST generateTask', () => {
  it('answers 200 with the id of the task, and holds the price of ten seconds', async () => {
    const { workspaceId, post } = await api.addWorkspace();

    const response = await post(generate, { input: textToVideo });
    const { data, ...envelope } = await readJson(response);

    expect([response.status, envelope]).toEqual([200, { code: 200, message: 'success' }]);
    expect(data).toEqual({ taskId: expect.stringMatching(/^task_[0-9a-z]{26}$/) });
    expect((await api.ledger.balance(workspaceId)).heldMicros).toBe(1_000_000);
    const taskId = (data as unknown as { taskId: string }).taskId;
    expect(await rowOf(taskId.replace('task_', 'job_'))).toMatchObject({
      dialect: 'apixo',
      callback_url: null,
      request: {
        model: 'sora-2',
        operation: 'text_to_video',
        prompt: 'a paper boat',
        durationSeconds: 10,
        aspectRatio: '16:9',
      },
    });
  });

  it('takes everything that the page shows', async () => {
    const { id } = await submit(client, {
      request_type: 'callback',
      callback_url: 'https://caller.example/hook',
      provider: 'value',
      input: { ...textToVideo, duration: 15, aspect_ratio: 'portrait', remove_watermark: false, image_urls: [] },
    });

    expect(await rowOf(id)).toMatchObject({
      callback_url: 'https://caller.example/hook',
      request: { durationSeconds: 15, aspectRatio: '9:16', inputs: { references: [] } },
    });
  });

  it('keeps a callback address beside async', async () => {
    const { id } = await submit(client, {
      request_type: 'async',
      callback_url: 'https://caller.example/hook',
    });

    expect((await rowOf(id)).callback_url).toBe('https://caller.example/hook');
  });

  it.each([
    [undefined, 'omixa'],
    ['auto', 'omixa'],
    ['value', 'apixo'],
    ['official', 'omixa'],
  ])('asks first whom the policy %s names', async (provider, first) => {
    const { id } = await submit(client, { provider });

    expect((await rowOf(id)).provider).toBe(first);
  });

  it.each([
    ['at an address', () => images.url('/lake')],
    ['within the request', () => dataUrlOf(picture, 'webp')],
  ])('begins with an image %s', async (_, address) => {
    const input = { ...textToVideo, mode: 'image-to-video', image_urls: [address()] };

    const { id } = await submit(client, { input });

    const inputs = await api.database.queries.selectFrom('artifacts').selectAll().where('job_id', '=', id).execute();
    expect(inputs).toMatchObject([{ role: 'input', content_type: 'image/webp', bytes: picture.length, width: 640 }]);
    expect((await rowOf(id)).request).toMatchObject({
      operation: 'image_to_video',
      inputs: { firstFrame: { artifactId: inputs[0]?.id }, references: [] },
    });
  });

  it('gives the same task for the same idempotency key, and charges once', async () => {
    const { workspaceId, post } = await api.addWorkspace();
    const key = { 'idempotency-key': 'boat 1' };
    const first = await readJson(await post(generate, { input: textToVideo }, key));

    const again = await post(generate, { request_type: 'async', input: { ...textToVideo, duration: 10 } }, key);
    const other = await post(generate, { input: { ...textToVideo, duration: 15 } }, key);

    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(await readJson(again)).toEqual(first);
    expect((await api.ledger.balance(workspaceId)).heldMicros).toBe(1_000_000);
    expect(other.status).toBe(422);
    expect(await readJson(other)).toEqual({ code: 422, message: expect.any(String), data: null });
  });
});

describe('GET statusTask', () => {
  const moment = expect.any(Number);

  it('is pending, then processing', async () => {
    const { id, taskId } = await submit(client);
    const pending = await look(taskId);
    await lives.start(id);

    const createTime = (await rowOf(id)).created_at.getTime();
    expect(pending).toEqual({ code: 200, message: 'success', data: { taskId, state: 'pending', createTime } });
    expect(await look(taskId)).toMatchObject({ code: 200, data: { taskId, state: 'processing', createTime } });
  });

  it('is success with addresses in a text of JSON, which work without a key for fifteen days', async () => {
    const { id, taskId } = await submit(client);
    const { bytes } = await lives.succeed(id);

    const { data } = (await look(taskId)) as unknown as { data: Record<string, unknown> };

    const { created_at: created, finished_at: finished } = await rowOf(id);
    const completeTime = finished?.getTime() ?? 0;
    expect(data).toEqual({
      taskId,
      state: 'success',
      resultJson: expect.any(String),
      createTime: created.getTime(),
      completeTime,
      costTime: completeTime - created.getTime(),
    });
    const { resultUrls, ...more } = JSON.parse(String(data.resultJson)) as { resultUrls: string[] };
    expect([resultUrls.length, more]).toEqual([1, {}]);
    const [link = ''] = resultUrls;
    const file = await fetch(link.replace('https://reelay.test', api.url));
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
    const expiresInDays = (Number(new URL(link).searchParams.get('expires')) * 1_000 - Date.now()) / 86_400_000;
    expect(expiresInDays).toBeCloseTo(15, 2);
  });

  it('has no address when the file is no longer kept', async () => {
    const { id, taskId } = await submit(client);
    await lives.succeed(id);
    const gone = { deleted_at: new Date() };
    await api.database.queries.updateTable('artifacts').set(gone).where('job_id', '=', id).execute();

    expect(await look(taskId)).toMatchObject({ data: { state: 'success', resultJson: '{"resultUrls":[]}' } });
  });

  it.each<[JobFailureCode, string]>([
    ['prompt_rejected', 'CONTENT_VIOLATION'],
    ['provider_rejected', 'PROVIDER_REJECTED'],
    ['provider_unavailable', 'PROVIDER_UNAVAILABLE'],
    ['generation_failed', 'GENERATION_FAILED'],
    ['result_unavailable', 'RESULT_UNAVAILABLE'],
    ['submission_unknown', 'SUBMISSION_UNKNOWN'],
    ['deadline_exceeded', 'DEADLINE_EXCEEDED'],
  ])('of a task that ended with %s is failed by %s, within a success', async (code, failCode) => {
    const { id, taskId } = await submit(client);
    await lives.fail(id, code);

    const response = await client.get(statusOf(taskId));

    expect([response.status, await readJson(response)]).toEqual([
      200,
      {
        code: 200,
        message: 'success',
        data: {
          taskId,
          state: 'failed',
          failCode,
          failMsg: errorCatalogue[code].title,
          createTime: moment,
          completeTime: moment,
          costTime: moment,
        },
      },
    ]);
  });

  it('blames the image of a task whose input was refused, and the words of one whose content was', async () => {
    const input = { ...textToVideo, mode: 'image-to-video', image_urls: [dataUrlOf(picture, 'webp')] };
    const [refused, rejected] = [await submit(client, { input }), await submit(client, { input })];
    await lives.fail(refused.id, 'provider_rejected');
    await lives.fail(rejected.id, 'prompt_rejected');

    expect(await look(refused.taskId)).toMatchObject({ data: { failCode: 'INVALID_IMAGE_URL' } });
    expect(await look(rejected.taskId)).toMatchObject({ data: { failCode: 'CONTENT_VIOLATION' } });
  });

  it('of a job that the native API canceled is failed', async () => {
    const { id, taskId } = await submit(client);
    await client.post(`/api/v1/videos/jobs/${id}/cancel`, undefined);

    expect(await look(taskId)).toMatchObject({
      data: { state: 'failed', failCode: 'CANCELED', failMsg: 'The task was canceled.' },
    });
  });
});

describe('one job in two dialects', () => {
  it('is the same by the id of each, under its own model', async () => {
    const { id, taskId } = await submit(client);
    const native = (await createJob(client)).replace('job_', 'task_');

    const statuses = await Promise.all(
      [`/api/v1/videos/jobs/${id}`, statusOf(native, 'sora')].map(async (path) => readJson(await client.get(path))),
    );
    const unknown = await Promise.all(
      [statusOf(native), statusOf(taskId, 'sora'), statusOf(id), `/api/v1/videos/jobs/${taskId}`].map(
        async (path) => (await client.get(path)).status,
      ),
    );

    expect(statuses).toMatchObject([{ id, model: 'sora-2' }, { data: { taskId: native, state: 'pending' } }]);
    expect(unknown).toEqual([404, 404, 404, 404]);
  });
});

describe('our own client of APIXO', () => {
  it('works against this with another host and key, and nothing else changed', async () => {
    const { secret } = await api.addWorkspace();
    const { accounts, models } = apixoCatalogue;
    const here = { adapter: 'apixo', baseUrl: api.url, credential: 'KEY', official: false, settings: {} };
    const providers = createProviders({
      catalogue: { models, accounts: { ...accounts, apixo: here } },
      credentials: () => secret,
      allowHttp: true,
    });
    const apixo = providers.get('apixo');
    const options = { signal: AbortSignal.timeout(30_000), attemptKey: 'job:1' };
    const firstFrame = { contentType: 'image/webp', bytes: picture, url: images.url('/lake') };

    const submission = await apixo.submit(
      {
        upstreamModel: 'sora-2',
        operation: 'image_to_video',
        prompt: 'a boat',
        durationSeconds: 15,
        size: { width: 720, height: 1280 },
        variants: 1,
        inputs: { firstFrame, references: [] },
      },
      options,
    );
    if (submission.outcome !== 'accepted') throw new Error(JSON.stringify(submission));
    const { task } = submission;
    const id = task.id.replace('task_', 'job_');
    const pending = await apixo.look(task, options);
    await lives.succeed(id);
    const done = await apixo.look(task, options);

    expect((await rowOf(id)).request).toMatchObject({ aspectRatio: '9:16', durationSeconds: 15 });
    expect(pending).toEqual({ status: 'pending', providerStatus: 'pending' });
    expect(done).toMatchObject({ status: 'succeeded', files: [{ url: expect.stringContaining(`/${id}/content`) }] });
  });
});
