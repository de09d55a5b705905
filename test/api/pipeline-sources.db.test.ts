import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogueSchema } from '../../contract/catalogue.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { stepLivesOf } from '../support/step-lives.js';

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
