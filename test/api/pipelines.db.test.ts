import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { createPipelineProgress } from '../../store/pipeline-progress.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { anImage } from '../support/images.js';
import { createJob, livesOf } from '../support/lives.js';
import { anMp4, aPng } from '../support/uploads.js';

const path = '/api/v1/videos/pipelines';
const model = 'sora';
const prompt = 'a boat';
const shot = (changes: object = {}) => ({ name: 'shot', kind: 'text_to_video', model, prompt, seconds: 8, ...changes });
const extend = (changes: object = {}) => ({
  name: 'longer',
  kind: 'extend',
  source: 'shot',
  model,
  prompt,
  seconds: 4,
  ...changes,
});
const remix = (changes: object = {}) => ({
  name: 'painted',
  kind: 'remix',
  source: 'longer',
  model,
  prompt,
  ...changes,
});
const frame = (changes: object = {}) => ({ name: 'still', kind: 'frame', source: 'painted', at: 'last', ...changes });
const animate = (changes: object = {}) => ({
  name: 'next',
  kind: 'image_to_video',
  source: 'still',
  model,
  prompt,
  seconds: 8,
  ...changes,
});
const approval = (changes: object = {}) => ({ name: 'agreed', kind: 'approval', ...changes });
const concat = (changes: object = {}) => ({ name: 'film', kind: 'concat', sources: ['painted', 'next'], ...changes });
const film = () => [
  concat({ after: ['agreed'] }),
  shot(),
  extend(),
  remix(),
  frame(),
  animate(),
  approval({ after: ['next'] }),
];

type Step = Record<string, unknown>;

const linkedSchema = z.object({ steps: z.tuple([z.object({ data: z.tuple([z.object({ url: z.string() })]) })]) });

describe('pipelines', () => {
  let api: Api;
  let caller: Awaited<ReturnType<Api['addWorkspace']>>;
  beforeAll(async () => {
    api = await startApi();
    caller = await api.addWorkspace();
  });
  afterAll(() => api.close());

  const create = (steps: unknown, more: object = {}, headers: Record<string, string> = {}) =>
    caller.post(path, { steps, ...more }, headers);
  const reserved = async () => (await api.ledger.balance(caller.workspaceId)).reservedMicros;
  async function created(steps: unknown, more: object = {}) {
    const response = await create(steps, more);
    const body = await readJson(response);
    expect([response.status, body.detail]).toEqual([202, undefined]);
    return { id: String(body.id), body, at: `${path}/${String(body.id)}` };
  }
  /** As the worker ends one. */
  async function end(id: string, state: 'failed' | 'canceled', run = 1): Promise<void> {
    const progress = createPipelineProgress(api.database);
    await progress.start({ pipelineId: id, run });
    await progress.finish({ pipelineId: id, run, state });
  }

  /** The link to what the first step has made. */
  async function linkOf(at: string): Promise<{ url: string }> {
    const body = linkedSchema.parse(await readJson(await caller.get(at)));
    return body.steps[0].data[0];
  }

  describe('POST /api/v1/videos/pipelines', () => {
    it('takes a whole film in any order, and reserves what all of it costs at most', async () => {
      const before = await reserved();
      const { body } = await created(film(), { max_parallel: 2, on_failure: 'continue', metadata: { film: 'boats' } });
      expect(body).toMatchObject({
        status: 'queued',
        run: 1,
        max_parallel: 2,
        on_failure: 'continue',
        metadata: { film: 'boats' },
        // 8 s, 4 s more, a remix of those 12 s, and 8 s from a still, at 0.10 USD.
        cost: { currency: 'USD', quoted: '3.200000', reserved: '3.200000', held: '0.000000', captured: '0.000000' },
        error: null,
      });
      expect(body.steps).toMatchObject([
        { name: 'film', kind: 'concat', sources: ['painted', 'next'], after: ['agreed'], status: 'pending' },
        { name: 'shot', model: 'sora', prompt: 'a boat', duration_seconds: 8, job: null, cost: { quoted: '0.800000' } },
        { name: 'longer', source: 'shot', cost: { quoted: '0.400000' } },
        { name: 'painted', cost: { quoted: '1.200000' } },
        { name: 'still', at: 'last', cost: { quoted: '0.000000' } },
        { name: 'next', source: 'still', cost: { quoted: '0.800000' } },
        { name: 'agreed', kind: 'approval' },
      ]);
      expect((await reserved()) - before).toBe(3_200_000);
      expect(await api.countJobs()).toBe(0);
    });

    it('takes a chain of a hundred steps, each of which several providers may make', async () => {
      const chain = Array.from({ length: 99 }, (_, index) =>
        remix({ name: `remix-${index}`, source: index === 0 ? 'shot' : `remix-${index - 1}` }),
      );
      const response = await caller.post(`${path}/quote`, { steps: [shot({ seconds: 1 }), ...chain] });
      expect([response.status, await readJson(response)]).toMatchObject([200, { reserve: '10.000000' }]);
    });

    it('is one pipeline under one idempotency key', async () => {
      const headers = { 'idempotency-key': 'one-film' };
      const first = await create([shot()], {}, headers);
      const before = await reserved();
      const second = await create([shot()], {}, headers);
      expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
      expect((await readJson(second)).id).toBe((await readJson(first)).id);
      expect(await reserved()).toBe(before);
      const other = await create([shot({ seconds: 4 })], {}, headers);
      expect([other.status, (await readJson(other)).code]).toEqual([422, 'idempotency_key_reused']);
      const job = await caller.post('/api/v1/videos/jobs', { model, prompt, seconds: 8 }, headers);
      expect([job.status, (await readJson(job)).code]).toEqual([422, 'idempotency_key_reused']);
    });

    it('answers 402 when the balance cannot cover all of it, and stores nothing', async () => {
      const poor = await api.addWorkspace({ micros: 1_199_999 });
      const response = await poor.post(path, { steps: [shot(), extend()] });
      expect([response.status, await readJson(response)]).toMatchObject([
        402,
        { code: 'insufficient_funds', detail: 'The pipeline needs 1.200000 USD; 1.199999 USD are available.' },
      ]);
      expect(await readJson(await poor.get(path))).toMatchObject({ data: [] });
      const enough = await poor.post(path, { steps: [shot(), extend({ seconds: 3 })] });
      expect(enough.status).toBe(202);
    });

    it('keeps the images that come with steps, for when these begin', async () => {
      const files = await api.countFiles();
      const { id } = await created([animate({ source: undefined, start_frame: anImage.dataUrl })]);
      expect((await api.countFiles()) - files).toBe(1);
      const rows = await api.database.queries
        .selectFrom('artifacts')
        .selectAll()
        .where('pipeline_id', '=', id)
        .execute();
      expect(rows).toMatchObject([{ role: 'input', pipeline_step: 'next', width: 1, job_id: null }]);
    });

    const job = 'job_01kaz0000000000000000000zz';
    it.each<[string, Step[], string, RegExp]>([
      ['two steps of one name', [shot(), shot()], 'steps[1].name', /^step "shot": steps\[0\] has the same name$/],
      [
        'a step made of itself',
        [shot(), extend({ source: 'longer' })],
        'steps[1].source',
        /^step "longer": a step cannot need itself$/,
      ],
      ['a source that nobody is', [extend()], 'steps[0].source', /^step "longer": no step is named shot$/],
      [
        'steps that go round',
        [extend({ source: 'painted' }), remix()],
        'steps[1].source',
        /^step "painted": the steps go round: longer → painted → longer$/,
      ],
      [
        'a kind of source that does not fit',
        [shot(), frame({ source: 'shot' }), extend({ source: 'still' })],
        'steps[2].source',
        /^step "longer": extend needs a video/,
      ],
      ['a job that is not there', [extend({ source: job })], 'steps[0].source', /^step "longer": is not known$/],
      [
        'a job to be joined that is not there',
        [shot(), concat({ sources: ['shot', job] })],
        'steps[1].sources[1]',
        /^step "film": is not known$/,
      ],
      [
        'a field of another kind',
        [shot(), concat({ sources: ['shot', job], prompt })],
        'steps[1].prompt',
        /^step "film": is not a known field$/,
      ],
      ['a start frame for a text', [shot({ start_frame: 'data:,' })], 'steps[0].start_frame', /is not a known field/],
      [
        'a source beside a start frame',
        [shot(), frame({ source: 'shot' }), animate({ start_frame: 'data:,' })],
        'steps[2].start_frame',
        /another way to say source/,
      ],
      ['an image that is missing', [animate({ source: undefined })], 'steps[0].source', /^step "next": is required/],
      ['a source that is missing', [extend({ source: undefined })], 'steps[0].source', /^step "longer": is required$/],
      ['a kind that is not known', [shot({ kind: 'dance' })], 'steps[0].kind', /^step "shot": /],
      ['no name', [shot({ name: undefined })], 'steps[0].name', /is required/],
      [
        'a model that is not known',
        [shot(), extend({ model: 'sara' })],
        'steps[1].model',
        /^step "longer": must be one of sora$/,
      ],
      [
        'a field with two names',
        [shot({ duration_seconds: 8 })],
        'steps[0].seconds',
        /another name of duration_seconds/,
      ],
      [
        'an image that is none',
        [animate({ source: undefined, start_frame: 'data:image/png;base64,AAAA' })],
        'steps[0].start_frame',
        /^step "next": /,
      ],
      [
        'a size other than the source’s',
        [shot({ size: '1280x720' }), extend({ size: '720x1280' })],
        'steps[1].size',
        /^step "longer": must be that of the source, 1280x720$/,
      ],
      [
        'a length that a remix cannot have',
        [shot(), remix({ source: 'shot', seconds: 4 })],
        'steps[1].seconds',
        /^step "painted": a remix is as long as its source: 8 seconds$/,
      ],
      ['one video to be joined', [shot(), concat({ sources: ['shot'] })], 'steps[1].sources', /^step "film": /],
    ])('refuses %s, and names the step', async (_, steps, field, message) => {
      const response = await create(steps);
      expect(response.status).toBe(400);
      const body = await readJson(response);
      expect(body).toMatchObject({ code: 'request_invalid' });
      expect(body.errors).toMatchObject([{ field, message: expect.stringMatching(message) }]);
      expect(body.detail).toContain(field);
    });

    it.each<[string, Step[], string]>([
      ['the first', [shot({ generate_audio: true, seed: 3, n_variants: 4 })], 'steps[0]'],
      ['one that goes on from another', [shot(), extend({ seconds: 29.5, n_variants: 3 })], 'steps[1]'],
    ])('answers 422 when nobody can do %s step', async (_, steps, place) => {
      const response = await create(steps);
      const body = await readJson(response);
      expect([response.status, body.code]).toEqual([422, 'no_route']);
      expect(String(body.detail).startsWith(`${place}.`)).toBe(true);
    });

    it('refuses the hundred and first step by its name', async () => {
      const steps = Array.from({ length: 101 }, (_, index) => shot({ name: `shot-${index}`, seconds: 1 }));
      const response = await create(steps);
      expect([response.status, await readJson(response)]).toMatchObject([
        400,
        { errors: [{ field: 'steps[100]', message: 'step "shot-100": a pipeline has at most 100 steps' }] },
      ]);
      expect((await create(steps.slice(0, 100))).status).toBe(202);
    });

    it('refuses what another workspace has made', async () => {
      const other = await api.addWorkspace();
      const source = await createJob(other);
      await livesOf(api).succeed(source);
      for (const steps of [
        [extend({ source })],
        [frame({ source })],
        [shot(), concat({ sources: ['shot', source] })],
      ]) {
        const response = await create(steps);
        expect([response.status, await readJson(response)]).toMatchObject([
          400,
          { errors: [{ message: expect.stringMatching(/is not known$/) }] },
        ]);
      }
    });

    it('goes on from a finished job, and waits for one that is open', async () => {
      const source = await createJob(caller);
      const early = await create([extend({ source })]);
      expect([early.status, await readJson(early)]).toMatchObject([
        409,
        { code: 'job_not_finished', errors: [{ field: 'steps[0].source' }] },
      ]);
      await livesOf(api).succeed(source);
      const { body } = await created([extend({ source }), concat({ sources: [source, 'longer'] })]);
      expect(body.cost).toMatchObject({ quoted: '0.400000' });
    });

    it('takes files of the caller’s as sources, and nobody else’s', async () => {
      const upload = async (owner: Pick<typeof caller, 'send'>, bytes: Uint8Array) =>
        String((await readJson(await owner.send('POST', '/api/v1/files', { body: new Uint8Array(bytes) }))).id);
      const [image, video] = [await upload(caller, aPng()), await upload(caller, anMp4())];
      await created([
        animate({ source: image }),
        frame({ source: video }),
        concat({ sources: [video, 'next'], after: ['still'] }),
        approval({ source: image }),
      ]);
      const other = await api.addWorkspace();
      const foreign = await upload(other, anMp4());
      for (const [step, field, message] of [
        [frame({ source: foreign }), 'steps[0].source', /not known/],
        [concat({ sources: [video, image] }), 'steps[0].sources[1]', /must be a video/],
        [animate({ source: foreign }), 'steps[0].source', /not known/],
        [animate({ source: video }), 'steps[0].source', /image/],
      ] as const) {
        const response = await create([step]);
        expect([response.status, await readJson(response)]).toMatchObject([
          400,
          { errors: [{ field, message: expect.stringMatching(message) }] },
        ]);
      }
    });

    it.each<[object, string]>([
      [{ steps: [] }, 'steps'],
      [{ steps: [shot()], max_parallel: 11 }, 'max_parallel'],
      [{ steps: [shot()], on_failure: 'panic' }, 'on_failure'],
      [{ steps: [shot()], callback_url: 'http://127.0.0.1/hook' }, 'callback_url'],
      [{ steps: [shot()], retries: 3 }, 'retries'],
      [{}, 'steps'],
    ])('refuses %j', async (body, field) => {
      const response = await caller.post(path, body);
      expect([response.status, await readJson(response)]).toMatchObject([400, { errors: [{ field }] }]);
    });
  });

  it('prices a pipeline as it would be reserved, and takes nothing', async () => {
    const before = await reserved();
    const response = await caller.post(`${path}/quote`, { steps: film() });
    expect([response.status, await readJson(response)]).toMatchObject([
      200,
      {
        currency: 'USD',
        reserve: '3.200000',
        steps: [
          { name: 'film', hold: '0.000000' },
          { name: 'shot', hold: '0.800000', providers: ['omixa'] },
          {},
          {},
          {},
          {},
          {},
        ],
      },
    ]);
    expect(await reserved()).toBe(before);
  });

  it('lists pipelines, newest first, page by page and by state', async () => {
    const own = await api.addWorkspace();
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1) {
      ids.push(String((await readJson(await own.post(path, { steps: [shot({ seconds: 1 })] }))).id));
    }
    const page = await readJson(await own.get(`${path}?limit=2`));
    expect(page).toMatchObject({ data: [{ id: ids[2] }, { id: ids[1] }], has_more: true, next_cursor: ids[1] });
    const rest = await readJson(await own.get(`${path}?limit=2&after=${String(page.next_cursor)}`));
    expect(rest).toMatchObject({ data: [{ id: ids[0] }], has_more: false, next_cursor: null });
    await end(ids[0] ?? '', 'failed');
    expect(await readJson(await own.get(`${path}?status=failed`))).toMatchObject({ data: [{ id: ids[0] }] });
    expect((await own.get(`${path}?after=nonsense`)).status).toBe(400);
  });

  it('is nobody else’s', async () => {
    const { at } = await created([shot(), approval()]);
    const other = await api.addWorkspace();
    expect((await other.get(at)).status).toBe(404);
    expect((await other.get(`${at}/events`)).status).toBe(404);
    for (const verb of ['cancel', 'retry', 'approve', 'reject']) {
      const response = await other.post(
        `${at}/${verb}`,
        verb === 'cancel' || verb === 'retry' ? {} : { step: 'agreed' },
      );
      expect([verb, response.status]).toEqual([verb, 404]);
    }
    expect((await other.get(`${at}/steps/agreed/content`)).status).toBe(404);
    const reader = await api.addWorkspace({ scopes: ['jobs:read'] });
    expect((await reader.post(path, { steps: [shot()] })).status).toBe(403);
    expect((await caller.get(`${path}/pipe_nonsense`)).status).toBe(404);
  });

  it('tells what happened, page by page', async () => {
    const { at } = await created([shot()]);
    await caller.post(`${at}/cancel`, {});
    const { id } = await readJson(await caller.get(at));
    await end(String(id), 'canceled');
    const first = await readJson(await caller.get(`${at}/events?limit=2`));
    expect(first).toMatchObject({
      data: [
        { pipeline_id: id, sequence: 1, type: 'pipeline.queued' },
        { sequence: 2, type: 'pipeline.started', data: { run: 1 } },
      ],
      has_more: true,
      next_cursor: 2,
    });
    expect(await readJson(await caller.get(`${at}/events?last_event_id=2`))).toMatchObject({
      data: [
        { type: 'step.canceled', data: { step: 'shot' } },
        { type: 'pipeline.canceled', pipeline: { id, status: 'canceled', steps: [{ name: 'shot' }] } },
      ],
      has_more: false,
    });
  });

  it('is cancelled once, and says so', async () => {
    const { id, at } = await created([shot()]);
    const wakes = api.wakeCount();
    const response = await caller.post(`${at}/cancel`, {});
    expect([response.status, await readJson(response)]).toMatchObject([202, { cancel_requested: true }]);
    expect(api.wakeCount()).toBe(wakes + 1);
    await end(id, 'canceled');
    const again = await caller.post(`${at}/cancel`, {});
    expect([again.status, await readJson(again)]).toMatchObject([
      200,
      { status: 'canceled', cost: { reserved: '0.000000', quoted: '0.800000' }, steps: [{ status: 'canceled' }] },
    ]);
  });

  describe('a decision', () => {
    async function waiting(): Promise<string> {
      const { id, at } = await created([shot(), approval({ message: 'Does it float?', deadline_seconds: 60 })]);
      await createPipelineProgress(api.database).start({ pipelineId: id, run: 1 });
      await createPipelineProgress(api.database).ask({ pipelineId: id, step: 'agreed', seconds: 60 });
      return at;
    }

    it('is taken while somebody waits for it, and may be said twice', async () => {
      const at = await waiting();
      expect((await readJson(await caller.get(at))).steps).toMatchObject([
        {},
        { status: 'waiting_approval', message: 'Does it float?', deadline_at: expect.any(String), decision: null },
      ]);
      const response = await caller.post(`${at}/approve`, { step: 'agreed', note: 'it does' });
      expect([response.status, await readJson(response)]).toMatchObject([
        202,
        { steps: [{}, { decision: { decision: 'approved', note: 'it does', decided_at: expect.any(String) } }] },
      ]);
      expect((await caller.post(`${at}/approve`, { step: 'agreed' })).status).toBe(202);
      const other = await caller.post(`${at}/reject`, { step: 'agreed' });
      expect([other.status, await readJson(other)]).toMatchObject([
        409,
        { code: 'step_not_waiting', detail: 'The step agreed was approved.' },
      ]);
    });

    it('is refused while nobody waits for it, and of a step that is none', async () => {
      const { at } = await created([shot(), approval()]);
      const early = await caller.post(`${at}/reject`, { step: 'agreed' });
      expect([early.status, await readJson(early)]).toMatchObject([
        409,
        { code: 'step_not_waiting', detail: 'The step agreed is pending.' },
      ]);
      for (const step of ['shot', 'nobody']) {
        const response = await caller.post(`${at}/approve`, { step });
        expect([response.status, await readJson(response)]).toMatchObject([400, { errors: [{ field: 'step' }] }]);
      }
      expect((await caller.post(`${at}/approve`, {})).status).toBe(400);
    });
  });

  describe('a retry', () => {
    it('runs again what has not succeeded, with steps changed by name, and reserves for that only', async () => {
      const { id, at } = await created([shot(), extend(), approval({ after: ['longer'] })]);
      await end(id, 'failed');
      const before = await reserved();
      const response = await caller.post(`${at}/retry`, { steps: [extend({ seconds: 6, prompt: 'on and on' })] });
      expect([response.status, await readJson(response)]).toMatchObject([
        202,
        {
          status: 'queued',
          run: 2,
          cost: { quoted: '1.400000', reserved: '1.400000' },
          steps: [{ status: 'pending', run: 2 }, { prompt: 'on and on', duration_seconds: 6 }, { name: 'agreed' }],
        },
      ]);
      expect((await reserved()) - before).toBe(1_400_000);
      const again = await caller.post(`${at}/retry`, {});
      expect([again.status, await readJson(again)]).toMatchObject([409, { code: 'pipeline_not_retryable' }]);
    });

    it('keeps the images of steps that are not changed', async () => {
      const { id, at } = await created([animate({ source: undefined, start_frame: anImage.dataUrl })]);
      await end(id, 'failed');
      const files = await api.countFiles();
      expect((await caller.post(`${at}/retry`, {})).status).toBe(202);
      expect(await api.countFiles()).toBe(files);
    });

    it.each<[object[], string, RegExp]>([
      [[extend({ name: 'nobody' })], 'steps[0].name', /no step is named nobody/],
      [[extend(), extend()], 'steps[0].name', /named twice/],
      [[extend({ source: 'longer' })], 'steps[0].source', /cannot need itself/],
      [[extend({ seconds: 0 })], 'steps[0].seconds', /step "longer"/],
    ])('is refused with %j', async (steps, field, message) => {
      const { id, at } = await created([shot(), extend()]);
      await end(id, 'failed');
      const response = await caller.post(`${at}/retry`, { steps });
      expect([response.status, await readJson(response)]).toMatchObject([
        400,
        { errors: [{ field, message: expect.stringMatching(message) }] },
      ]);
      expect(await readJson(await caller.get(at))).toMatchObject({ status: 'failed', run: 1 });
    });

    it('is refused while the pipeline runs, and when there is no money', async () => {
      const { at } = await created([shot()]);
      const early = await caller.post(`${at}/retry`, {});
      expect([early.status, await readJson(early)]).toMatchObject([409, { code: 'pipeline_not_retryable' }]);
      const poor = await api.addWorkspace({ micros: 800_000 });
      const { id } = await readJson(await poor.post(path, { steps: [shot()] }));
      await end(String(id), 'failed');
      await createJob(poor);
      const short = await poor.post(`${path}/${String(id)}/retry`, {});
      expect([short.status, (await readJson(short)).code]).toEqual([402, 'insufficient_funds']);
    });
  });

  it.each(['extend', 'remix'])('goes on from a job by its address, as by %s of a new one', async (operation) => {
    const source = await createJob(caller);
    await livesOf(api).succeed(source);
    const at = `/api/v1/videos/jobs/${source}/${operation}`;
    const response = await caller.post(at, { model, prompt }, { 'idempotency-key': `by-address-${operation}` });
    const job = await readJson(response);
    expect([response.status, job]).toMatchObject([
      202,
      { video_operation: operation, request: { source_video: source } },
    ]);
    const again = await caller.post(at, { model, prompt }, { 'idempotency-key': `by-address-${operation}` });
    expect((await readJson(again)).id).toBe(job.id);
    const other = await api.addWorkspace();
    expect((await other.post(at, { model, prompt })).status).toBe(404);
    const refused = await caller.post(at, { model, prompt, source_video: source });
    expect([refused.status, await readJson(refused)]).toMatchObject([400, { errors: [{ field: 'source_video' }] }]);
  });

  it('gives the file of a step to its workspace and to who holds its link', async () => {
    const source = await createJob(caller);
    await livesOf(api).succeed(source);
    const { id, at } = await created([frame({ source })]);
    const early = await caller.get(`${at}/steps/still/content`);
    expect([early.status, (await readJson(early)).code]).toEqual([409, 'content_not_ready']);

    const progress = createPipelineProgress(api.database);
    await progress.start({ pipelineId: id, run: 1 });
    const { bytes } = anImage;
    const location = 'ab/abcdefghijklmnop.png';
    const draft = await api.store.create(location);
    await draft.append(bytes);
    const { stored } = await draft.commit();
    const facts = { width: 64, height: 64, durationSeconds: null, framesPerSecond: null, retentionDays: 30 };
    const artifact = {
      id: 'art_1',
      role: 'frame' as const,
      location,
      bytes: stored.bytes,
      sha256: stored.sha256,
      contentType: 'image/png',
      ...facts,
    };
    await progress.begin({ pipelineId: id, step: 'still' });
    await progress.succeed({ pipelineId: id, step: 'still', run: 1, artifact });

    const { steps } = await readJson(await caller.get(at));
    expect(steps).toMatchObject([
      { status: 'succeeded', data: [{ content_type: 'image/png', width: 64, sha256: stored.sha256 }] },
    ]);
    const file = await caller.get(`${at}/steps/still/content`);
    expect([file.status, file.headers.get('content-type')]).toEqual([200, 'image/png']);
    expect(Buffer.from(await file.arrayBuffer()).equals(bytes)).toBe(true);
    const { url } = await linkOf(at);
    const { pathname, search } = new URL(url);
    expect((await fetch(new URL(`${pathname}${search}`, api.url))).status).toBe(200);
    expect((await fetch(new URL(`${pathname}${search.replace('signature=', 'signature=x')}`, api.url))).status).toBe(
      403,
    );
    expect((await fetch(new URL(pathname, api.url))).status).toBe(401);
  });
});
