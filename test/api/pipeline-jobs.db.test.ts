import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createArtifacts } from '../../store/artifacts.js';
import { checkLedger } from '../../store/ledger-check.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob } from '../support/lives.js';
import { stepLivesOf } from '../support/step-lives.js';

const path = '/api/v1/videos/pipelines';
const jobs = '/api/v1/videos/jobs';
const secret = 'a secret boat';
const shot = (name: string) => ({ name, kind: 'text_to_video', model: 'sora', prompt: secret, seconds: 8 });

let api: Api;
let caller: Awaited<ReturnType<Api['addWorkspace']>>;
let lives: ReturnType<typeof stepLivesOf>;
beforeAll(async () => {
  api = await startApi();
  caller = await api.addWorkspace();
  lives = stepLivesOf(api);
});
afterAll(() => api.close());

async function begun(steps: object[], more: object = {}): Promise<string> {
  const response = await caller.post(path, { steps, ...more });
  expect(response.status).toBe(202);
  const { id } = await readJson(response);
  await lives.start(String(id));
  return String(id);
}

describe('the jobs of a pipeline', () => {
  it('tell which step they carry out, and are listed by their pipeline', async () => {
    const id = await begun([shot('one'), shot('two')]);
    const first = await lives.begin({ pipelineId: id, step: 'one' });
    const second = await lives.begin({ pipelineId: id, step: 'two' });
    const alone = await createJob(caller);

    expect(await readJson(await caller.get(`${jobs}/${second}`))).toMatchObject({ pipeline: { id, step: 'two' } });
    expect(await readJson(await caller.get(`${jobs}/${alone}`))).toMatchObject({ pipeline: null });
    const list = await readJson(await caller.get(`${jobs}?pipeline=${id}`));
    expect(list).toMatchObject({ data: [{ id: second }, { id: first, pipeline: { id, step: 'one' } }] });
    const other = await api.addWorkspace();
    expect(await readJson(await other.get(`${jobs}?pipeline=${id}`))).toMatchObject({ data: [] });
  });
});

describe('DELETE of a pipeline', () => {
  const film = { name: 'film', kind: 'concat', sources: ['one', 'two'] };
  const agreed = { name: 'agreed', kind: 'approval', message: secret };
  const remove = (id: string, { send } = caller) => send('DELETE', `${path}/${id}`);

  async function succeeded() {
    const id = await begun([shot('one'), shot('two'), film, { ...agreed, after: ['film'] }], {
      metadata: { film: secret },
      callback_url: 'https://caller.example/hook',
    });
    const made = [await lives.make({ pipelineId: id, step: 'one' }), await lives.make({ pipelineId: id, step: 'two' })];
    await lives.join({ pipelineId: id, step: 'film' }, { durationSeconds: 16 });
    await lives.end(id, 'failed');
    return { id, made };
  }

  it('takes it, its jobs, files and prompts out of everybody’s sight, and leaves the money as it was', async () => {
    const { id, made } = await succeeded();
    const other = await succeeded();
    const { steps } = (await readJson(await caller.get(`${path}/${id}`))) as unknown as {
      steps: { data: { url: string }[] }[];
    };
    const links = steps.flatMap(({ data }) => data.map(({ url }) => url.replace('https://reelay.test', api.url)));
    expect(links).toHaveLength(3);
    const balance = await api.ledger.balance(caller.workspaceId);

    expect((await remove(id)).status).toBe(204);

    const gone = [`${path}/${id}`, `${path}/${id}/events`, `${path}/${id}/steps/film/content`];
    for (const at of [...gone, ...made.map((job) => `${jobs}/${job}`)]) {
      expect([at, (await caller.get(at)).status]).toEqual([at, 404]);
    }
    for (const link of links) expect((await fetch(link)).status).toBe(410);
    for (const verb of ['cancel', 'retry']) expect((await caller.post(`${path}/${id}/${verb}`, {})).status).toBe(404);
    const listed = await readJson(await caller.get(path));
    expect(JSON.stringify(listed)).not.toContain(id);
    expect(await readJson(await caller.get(`${jobs}?pipeline=${id}`))).toMatchObject({ data: [] });
    expect(await api.ledger.balance(caller.workspaceId)).toEqual(balance);
    expect(await checkLedger(api.database)).toEqual([]);

    const written = await Promise.all([
      api.database.run({ name: 'p', text: 'select * from pipelines where id = $1' }, [id]),
      api.database.run({ name: 's', text: 'select * from pipeline_steps where pipeline_id = $1' }, [id]),
      api.database.run({ name: 'j', text: 'select * from jobs where pipeline_id = $1' }, [id]),
    ]);
    expect(written.map((rows) => rows.length)).toEqual([1, 4, 2]);
    expect(JSON.stringify(written)).not.toMatch(/secret boat|caller\.example/);
    // What is over is swept with all other files whose time is over.
    expect(await createArtifacts(api.database).expired(100)).toHaveLength(3);
    const waiting = { name: 'd', text: `select 1 from webhook_deliveries where state = 'pending'` };
    expect(await api.database.run(waiting, [])).toHaveLength(1);

    // Nothing of another.
    expect(await readJson(await caller.get(`${path}/${other.id}`))).toMatchObject({ metadata: { film: secret } });
    expect((await caller.get(`${jobs}/${other.made[0]}/content`)).status).toBe(200);
    expect((await remove(id)).status).toBe(404);
  });

  it('waits for the end of the pipeline', async () => {
    const id = await begun([shot('one')]);
    const response = await remove(id);
    expect([response.status, await readJson(response)]).toMatchObject([
      409,
      { code: 'pipeline_not_finished', detail: 'The pipeline is running: cancel it, or wait for its end.' },
    ]);
    expect((await caller.get(`${path}/${id}`)).status).toBe(200);
  });

  it('is not for other workspaces, nor for keys that only read', async () => {
    const { id } = await succeeded();
    expect((await remove(id, await api.addWorkspace())).status).toBe(404);
    expect((await remove(id, await api.addWorkspace({ scopes: ['jobs:read'] }))).status).toBe(403);
    expect((await remove('pipe_nonsense')).status).toBe(404);
    expect((await caller.get(`${path}/${id}`)).status).toBe(200);
  });
});

describe('DELETE of the job of a step', () => {
  it('waits for the end of the pipeline, whose later steps may need it', async () => {
    const id = await begun([shot('one'), shot('two')]);
    const job = await lives.make({ pipelineId: id, step: 'one' });
    const early = await caller.send('DELETE', `${jobs}/${job}`);
    expect(early.status).toBe(409);
    expect(await readJson(early)).toMatchObject({
      code: 'pipeline_not_finished',
      detail: expect.stringContaining(id),
    });
    expect((await caller.get(`${jobs}/${job}/content`)).status).toBe(200);

    await lives.end(id, 'canceled');
    expect((await caller.send('DELETE', `${jobs}/${job}`)).status).toBe(204);
  });
});
