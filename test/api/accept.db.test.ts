import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Api, readJson, startApi } from '../support/api.js';
import { anImage } from '../support/images.js';

const path = '/api/v1/videos/jobs';
const aBody = (changes: object = {}) => ({ model: 'sora', prompt: 'a paper boat', seconds: 8, ...changes });

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

describe('POST /api/v1/videos/jobs', () => {
  it('answers 202 in the words of Omixa and ours, holds the price and wakes the dispatcher', async () => {
    const { post, workspaceId, keyId } = await api.addWorkspace();
    const woken = api.wakeCount();

    const response = await post(
      path,
      aBody({ size: '1280x720', seed: '7', poll_interval_seconds: 2, callback_url: 'https://example.com/hook' }),
    );
    const job = await readJson(response);

    expect(response.status).toBe(202);
    expect(response.headers.get('location')).toBe(`https://reelay.test${path}/${job.id}`);
    expect(job).toEqual({
      provider: 'omixa',
      model: 'sora',
      status: 'running',
      operation: job.id,
      poll_after_seconds: 2,
      data: [],
      id: expect.stringMatching(/^job_[0-9a-z]{26}$/),
      video_operation: 'text_to_video',
      phase: null,
      progress: null,
      created_at: expect.stringMatching(/^2\d{3}-.*Z$/),
      started_at: null,
      finished_at: null,
      request: {
        prompt: 'a paper boat',
        duration_seconds: 8,
        size: '1280x720',
        aspect_ratio: '16:9',
        sample_count: 1,
        seed: 7,
        poll_interval_seconds: 2,
        callback_url: 'https://example.com/hook',
      },
      cost: { currency: 'USD', held: '0.800000', captured: null },
      attempts: 0,
      cancel_requested: false,
      provider_cancel: null,
      extension: null,
      pipeline: null,
      error: null,
      links: {
        self: `https://reelay.test${path}/${job.id}`,
        content: null,
        events: `https://reelay.test${path}/${job.id}/events`,
        attempts: `https://reelay.test${path}/${job.id}/attempts`,
        live: `https://reelay.test${path}/${job.id}/live`,
      },
    });
    expect(await api.ledger.balance(workspaceId)).toEqual({
      availableMicros: 99_200_000,
      heldMicros: 800_000,
      reservedMicros: 0,
    });
    expect(api.wakeCount()).toBe(woken + 1);
    const row = await api.database.queries
      .selectFrom('jobs')
      .selectAll()
      .where('id', '=', String(job.id))
      .executeTakeFirstOrThrow();
    expect(row).toMatchObject({ state: 'queued', dialect: 'native', api_key_id: keyId });
    expect(row.plan.routes.map(({ account }) => account)).toEqual(['omixa']);
  });

  it('fills in the length of the model and sends a length that two routes have to both', async () => {
    const { post } = await api.addWorkspace();

    const job = await readJson(await post(path, { model: 'sora', prompt: 'a boat' }));
    const ten = await readJson(await post(path, aBody({ seconds: 10 })));

    expect(job).toMatchObject({ request: { duration_seconds: 8, sample_count: 1 }, poll_after_seconds: 5 });
    const { plan } = await api.database.queries
      .selectFrom('jobs')
      .select('plan')
      .where('id', '=', String(ten.id))
      .executeTakeFirstOrThrow();
    expect(plan.routes.map(({ account }) => account)).toEqual(['omixa', 'apixo']);
  });

  it('stores a start frame before the job, with its hash and size, and makes it an image_to_video', async () => {
    const { post } = await api.addWorkspace();
    const files = await api.countFiles();

    const response = await post(path, aBody({ input_reference: anImage.dataUrl }));
    const job = await readJson(response);

    expect(response.status).toBe(202);
    expect(job).toMatchObject({ video_operation: 'image_to_video' });
    expect(await api.countFiles()).toBe(files + 1);
    const input = await api.database.queries
      .selectFrom('artifacts')
      .selectAll()
      .where('job_id', '=', String(job.id))
      .executeTakeFirstOrThrow();
    expect(input).toMatchObject({
      role: 'input',
      content_type: 'image/png',
      bytes: anImage.bytes.length,
      sha256: anImage.sha256,
      width: anImage.width,
      height: anImage.height,
    });
    expect(await api.store.describe(input.location)).toMatchObject({ sha256: anImage.sha256 });
  });
});

describe('a refused request', () => {
  const gif = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';
  const lie = anImage.dataUrl.replace('image/png', 'image/webp');
  const invalid: [object, string][] = [
    [{ seconds: 0 }, 'seconds'],
    [{ model: 'veo' }, 'model'],
    [{ prompt: '  ' }, 'prompt'],
    [{ colour: 'red' }, 'colour'],
    [{ callback_url: 'ftp://example.com/hook' }, 'callback_url'],
    [{ callback_url: 'https://user:word@example.com/hook' }, 'callback_url'],
    [{ callback_url: 'http://169.254.169.254/latest' }, 'callback_url'],
    [{ callback_url: 'http://localhost:9/' }, 'callback_url'],
    [{ callback_url: 'hook' }, 'callback_url'],
    [{ routing: 'cheapest' }, 'routing'],
    [{ video_operation: 'extend', source_video: 'boat.mp4' }, 'source_video'],
    [{ video_operation: 'extend', source_video: 'job_01kaz0000000000000000000zz' }, 'source_video'],
    [{ task: 'remix' }, 'source_video'],
    [{ source_video_id: 'job_01kaz0000000000000000000zz' }, 'source_video_id'],
    [{ duration_seconds: 8 }, 'seconds'],
    [{ video_operation: 'image_to_video' }, 'start_frame'],
    [{ video_operation: 'text_to_video', image: anImage.dataUrl }, 'image'],
    [{ end_frame: anImage.dataUrl }, 'end_frame'],
    [{ image: 'https://example.com/boat.png' }, 'image'],
    [{ image: gif }, 'image'],
    [{ image: lie }, 'image'],
    [{ image: 'data:image/png;base64,!!!!' }, 'image'],
    [{ image: { data: 'AAAA', mime_type: 'image/png' } }, 'image'],
    [{ reference_images: [anImage.dataUrl, 'boat.png'] }, 'reference_images.1'],
    [{ deadline_seconds: 59 }, 'deadline_seconds'],
    [{ video_operation: 'extend', video_id: 'data:video/mp4;base64,AAAA' }, 'video_id'],
    [{ prompt: 'a\ud800' }, 'prompt'],
  ];
  const impossible: [object, string][] = [
    [{ routing: 'official' }, 'routing'],
    [{ n_variants: 2 }, 'n_variants'],
    [{ size: '720p', aspect_ratio: '1:1' }, 'aspect_ratio'],
    [{ resolution: '1080x1920' }, 'resolution'],
    [{ negative_prompt: 'rain' }, 'negative_prompt'],
    [{ person_generation: 'allow' }, 'person_generation'],
    [{ reference_images: [anImage.dataUrl, anImage.dataUrl] }, 'reference_images'],
  ];
  const cases = [
    ...invalid.map(([fields, field]) => ({ fields, field, status: 400, code: 'request_invalid' })),
    ...impossible.map(([fields, field]) => ({ fields, field, status: 422, code: 'no_route' })),
  ];

  it.each(cases)('$code names $field and leaves nothing behind', async ({ fields, field, status, code }) => {
    const { post, workspaceId } = await api.addWorkspace();
    const before = [await api.countJobs(), await api.countFiles(), api.wakeCount()];

    const response = await post(path, aBody(fields), { 'idempotency-key': 'refused' });

    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await readJson(response)).toMatchObject({
      status,
      code,
      type: `urn:reelay:error:${code}`,
      errors: [{ field }],
    });
    expect([await api.countJobs(), await api.countFiles(), api.wakeCount()]).toEqual(before);
    expect(await api.ledger.balance(workspaceId)).toEqual({
      availableMicros: 100_000_000,
      heldMicros: 0,
      reservedMicros: 0,
    });
    // A refused request leaves its key free.
    expect((await post(path, aBody(), { 'idempotency-key': 'refused' })).status).toBe(202);
  });

  it('for want of money says what is needed and what is there, and removes its files', async () => {
    const { post, workspaceId } = await api.addWorkspace({ micros: 799_999 });
    const before = [await api.countJobs(), await api.countFiles()];

    const response = await post(path, aBody({ image: anImage.dataUrl }));

    expect(response.status).toBe(402);
    expect(await readJson(response)).toMatchObject({
      code: 'insufficient_funds',
      detail: 'The job needs 0.800000 USD; 0.799999 USD are available.',
    });
    expect([await api.countJobs(), await api.countFiles()]).toEqual(before);
    expect(await api.ledger.balance(workspaceId)).toEqual({
      availableMicros: 799_999,
      heldMicros: 0,
      reservedMicros: 0,
    });
  });

  it('for too many open jobs says when to come back', async () => {
    const { post, workspaceId } = await api.addWorkspace();
    await api.database.queries
      .updateTable('workspaces')
      .set({ open_job_limit: 4 })
      .where('id', '=', workspaceId)
      .execute();
    for (let count = 0; count < 4; count += 1) expect((await post(path, aBody())).status).toBe(202);

    const response = await post(path, aBody());

    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await readJson(response)).toMatchObject({ code: 'too_many_jobs' });
  });
});

describe('credit for ten jobs', () => {
  it('takes ten of fifty at once and ends at nothing', async () => {
    const { post, workspaceId } = await api.addWorkspace({ micros: 8_000_000 });

    const statuses = await Promise.all(Array.from({ length: 50 }, async () => (await post(path, aBody())).status));

    expect(statuses.filter((status) => status === 202)).toHaveLength(10);
    expect(statuses.filter((status) => status === 402)).toHaveLength(40);
    expect(await api.ledger.balance(workspaceId)).toEqual({
      availableMicros: 0,
      heldMicros: 8_000_000,
      reservedMicros: 0,
    });
  });
});
