import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogueSchema } from '../../contract/catalogue.js';
import { createLogger } from '../../runtime/logger.js';
import { createArtifacts } from '../../store/artifacts.js';
import { createStepFiles } from '../../store/step-files.js';
import { createHousekeeping } from '../../worker/housekeeping.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';
import { stepLivesOf } from '../support/step-lives.js';
import { anMp4, aPng } from '../support/uploads.js';

const path = '/api/v1/videos/pipelines';
const prompt = 'a boat';

const sold = { priceMicrosPerSecond: 100_000, minimumHoldMicros: 10_000, defaultSeconds: 8 };
const routeTo = (account: string, upstreamModel: string) => ({ account, upstreamModel, costMicrosPerSecond: 100_000 });
const catalogue = catalogueSchema.parse({
  accounts: {
    omixa: { adapter: 'omixa', baseUrl: 'https://omixa.test', credential: 'OMIXA_API_KEY' },
    apixo: { adapter: 'apixo', baseUrl: 'https://apixo.test', credential: 'APIXO_API_KEY' },
    openai: { adapter: 'openai-videos', baseUrl: 'https://openai.test', credential: 'OPENAI_API_KEY' },
  },
  models: {
    sora: { ...sold, routes: [routeTo('omixa', 'sora'), routeTo('apixo', 'sora-2')] },
    // Goes on from its own by 16 s, and makes nothing else that long.
    'sora-2': { ...sold, routes: [routeTo('openai', 'sora-2')] },
  },
});

const job = (name: string, kind: string, more: object = {}) => ({ name, kind, model: 'sora', prompt, ...more });
const shot = (name: string, more: object = {}) => job(name, 'text_to_video', { seconds: 8, size: '1280x720', ...more });
const film = { name: 'film', kind: 'concat', sources: ['one', 'two'] };

let api: Api;
let caller: Awaited<ReturnType<Api['addWorkspace']>>;
let lives: ReturnType<typeof stepLivesOf>;
beforeAll(async () => {
  api = await startApi({ catalogue });
  caller = await api.addWorkspace();
  lives = stepLivesOf(api);
});
afterAll(() => api.close());

async function begun(steps: object[]): Promise<string> {
  const response = await caller.post(path, { steps });
  const { id, detail } = await readJson(response);
  expect([response.status, detail]).toEqual([202, undefined]);
  await lives.start(String(id));
  return String(id);
}

const jobRow = (id: string) =>
  api.database.queries.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

describe('a step that goes on from joined videos', () => {
  it('is quoted with those who can bridge it, and a remix is as long as all that was joined', async () => {
    const response = await caller.post(`${path}/quote`, {
      steps: [
        shot('one'),
        shot('two', { seconds: 4 }),
        film,
        { name: 'agreed', kind: 'approval', source: 'film' },
        job('longer', 'extend', { source: 'film', seconds: 10 }),
        job('painted', 'remix', { source: 'agreed' }),
      ],
    });
    expect([response.status, await readJson(response)]).toMatchObject([
      200,
      {
        reserve: '3.400000',
        steps: [
          { name: 'one', hold: '0.800000' },
          { name: 'two', hold: '0.400000' },
          { name: 'film', hold: '0.000000', providers: [] },
          { name: 'agreed', hold: '0.000000' },
          { name: 'longer', hold: '1.000000', providers: ['omixa', 'apixo'] },
          // Nobody but the first makes 12 s.
          { name: 'painted', hold: '1.200000', providers: ['omixa'] },
        ],
      },
    ]);
  });

  it('is refused by its name where only the maker of a video could do it', async () => {
    const model = 'sora-2';
    const steps = [shot('one', { model }), shot('two', { model }), film];
    const longer = job('longer', 'extend', { model, seconds: 16 });
    const native = await caller.post(`${path}/quote`, { steps: [...steps, { ...longer, source: 'one' }] });
    expect(native.status).toBe(200);
    const response = await caller.post(`${path}/quote`, { steps: [...steps, { ...longer, source: 'film' }] });
    expect([response.status, await readJson(response)]).toMatchObject([
      422,
      {
        code: 'no_route',
        errors: [{ field: 'steps[3].seconds', message: 'step "longer": no provider of the model sora-2 can do this' }],
      },
    ]);
  });

  it.each([
    ['extend', { seconds: 4 }, 4],
    ['remix', {}, 16],
  ])('is a job that only bridges can make, from our copy of them: %s', async (kind, more, durationSeconds) => {
    const pipelineId = await begun([
      shot('one'),
      shot('two'),
      film,
      { name: 'agreed', kind: 'approval', source: 'film' },
      job('next', kind, { source: 'agreed', ...more }),
    ]);
    await lives.make({ pipelineId, step: 'one' });
    await lives.make({ pipelineId, step: 'two' });
    const artifactId = await lives.join({ pipelineId, step: 'film' }, { durationSeconds: 16 });

    const { request, plan, held_micros } = await jobRow(await lives.begin({ pipelineId, step: 'next' }));
    expect(request).toMatchObject({ operation: kind, durationSeconds, size: { width: 1280, height: 720 } });
    expect(request.inputs.sourceVideo).toEqual({ artifactId, durationSeconds: 16 });
    expect(plan.routes.map(({ account, isBridged }) => [account, isBridged])).toEqual([['omixa', true]]);
    expect(held_micros).toBe(durationSeconds * 100_000);
  });

  it('goes on from them again when it has failed, and they are kept', async () => {
    const pipelineId = await begun([shot('one'), shot('two'), film, job('next', 'extend', { source: 'film' })]);
    await lives.make({ pipelineId, step: 'one' });
    await lives.make({ pipelineId, step: 'two' });
    const artifactId = await lives.join({ pipelineId, step: 'film' }, { durationSeconds: 16 });
    await lives.fail({ pipelineId, step: 'next' });
    await lives.end(pipelineId, 'failed');

    const response = await caller.post(`${path}/${pipelineId}/retry`, {});
    expect([response.status, await readJson(response)]).toMatchObject([202, { run: 2, cost: { quoted: '0.800000' } }]);
    await lives.start(pipelineId, 2);
    const { request } = await jobRow(await lives.begin({ pipelineId, step: 'next' }, 2));
    expect(request.inputs.sourceVideo).toEqual({ artifactId, durationSeconds: 16 });
  });
});

describe('what a step takes from outside', () => {
  let seed = 0;
  async function upload(bytes: typeof anMp4): Promise<string> {
    seed += 1;
    const response = await caller.send('POST', '/api/v1/files', { body: new Uint8Array(bytes({ seed })) });
    return String((await readJson(response)).id);
  }

  /** As a caller does it, and the hourly round after it. */
  async function removed(...paths: string[]): Promise<void> {
    for (const one of paths) expect((await caller.send('DELETE', one)).status).toBe(204);
    const artifacts = createArtifacts(api.database);
    const logger = createLogger('test', 'silent');
    const ages = { unfinishedFilesLiveMs: 60_000, unownedFilesLiveMs: 60_000 };
    await createHousekeeping({ artifacts, store: api.store, logger, ...ages }).tidy();
  }

  /** Whether a step could read it now. */
  async function isThere(pipelineId: string, source: string): Promise<boolean> {
    const { file } = await createStepFiles(api.database).find({ pipelineId, source });
    return file?.is_kept === true && (await api.store.stat(file.location)) !== undefined;
  }

  const agreed = { name: 'agreed', kind: 'approval' };

  it('stays for it when its caller deletes it meanwhile, whatever kind of step it is', async () => {
    const [video, joined, still, shown, image] = [
      await upload(anMp4),
      await upload(anMp4),
      await upload(anMp4),
      await upload(anMp4),
      await upload(aPng),
    ];
    const files = [video, joined, still, shown, image];
    const pipelineId = await begun([
      agreed,
      job('longer', 'extend', { source: video, seconds: 4, after: ['agreed'] }),
      { name: 'film', kind: 'concat', sources: ['longer', joined] },
      { name: 'still', kind: 'frame', source: still, after: ['agreed'] },
      { name: 'seen', kind: 'approval', source: shown, after: ['agreed'] },
      job('next', 'remix', { source: 'seen' }),
      job('moving', 'image_to_video', { source: image, seconds: 4, after: ['agreed'] }),
    ]);

    await removed(...files.map((id) => `/api/v1/files/${id}`));

    for (const source of files) expect([source, await isThere(pipelineId, source)]).toEqual([source, true]);
    expect((await caller.get(`/api/v1/files/${video}`)).status).toBe(404);
    const longer = await jobRow(await lives.begin({ pipelineId, step: 'longer' }));
    expect(longer.request.inputs.sourceVideo).toEqual({ artifactId: video, durationSeconds: 8 });
    const next = await jobRow(await lives.begin({ pipelineId, step: 'next' }));
    expect(next.request.inputs.sourceVideo).toEqual({ artifactId: shown, durationSeconds: 8 });
    expect(await createArtifacts(api.database).sourceOf(longer.id)).toMatchObject({ is_kept: true });
    await lives.begin({ pipelineId, step: 'moving' });
  });

  it('is bridged when it is a job that was deleted meanwhile', async () => {
    const source = await createJob(caller);
    await livesOf(api).succeed(source);
    const pipelineId = await begun([
      agreed,
      job('longer', 'extend', { source, seconds: 4, after: ['agreed'] }),
      { name: 'still', kind: 'frame', source, after: ['agreed'] },
    ]);

    await removed(`/api/v1/videos/jobs/${source}`);

    expect(await isThere(pipelineId, source)).toBe(true);
    const { request, plan } = await jobRow(await lives.begin({ pipelineId, step: 'longer' }));
    expect(request.inputs.sourceVideo).toEqual({ artifactId: expect.stringMatching(/^art_/), durationSeconds: 8 });
    expect(plan.routes.map(({ isBridged }) => isBridged)).toEqual([true]);
  });

  it('is there for a second run as well, and for no other pipeline', async () => {
    const [video, image] = [await upload(anMp4), await upload(aPng)];
    const steps = [
      { name: 'still', kind: 'frame', source: video },
      job('moving', 'image_to_video', { source: image, seconds: 4 }),
      job('longer', 'extend', { source: video, seconds: 4 }),
    ];
    const pipelineId = await begun(steps);
    await lives.fail({ pipelineId, step: 'still' });
    await lives.end(pipelineId, 'failed');
    await removed(`/api/v1/files/${video}`, `/api/v1/files/${image}`);

    const response = await caller.post(`${path}/${pipelineId}/retry`, {});
    expect([response.status, await readJson(response)]).toMatchObject([202, { run: 2 }]);
    await lives.start(pipelineId, 2);
    await lives.begin({ pipelineId, step: 'moving' }, 2);
    await lives.begin({ pipelineId, step: 'longer' }, 2);
    expect(await isThere(pipelineId, video)).toBe(true);

    const other = await caller.post(path, { steps: [job('longer', 'extend', { source: video, seconds: 4 })] });
    expect([other.status, await readJson(other)]).toMatchObject([400, { errors: [{ field: 'steps[0].source' }] }]);
  });

  it('is refused at once where it is a job whose video is no longer kept', async () => {
    const source = await createJob(caller);
    await livesOf(api).succeed(source);
    await api.database.queries
      .updateTable('artifacts')
      .set({ expires_at: new Date(0) })
      .where('job_id', '=', source)
      .execute();
    const response = await caller.post(path, { steps: [{ name: 'still', kind: 'frame', source }] });
    expect([response.status, await readJson(response)]).toMatchObject([
      400,
      {
        errors: [{ field: 'steps[0].source', message: 'step "still": the video of this job is no longer kept' }],
      },
    ]);
  });
});
