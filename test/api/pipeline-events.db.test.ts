import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createDatabase } from '../../store/database.js';
import { createPipelineProgress } from '../../store/pipeline-progress.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { readEvents } from '../support/event-source.js';
import { countWaiting } from '../support/locks.js';
import { until } from '../support/until.js';

/** Nobody announces anything here: what is heard is found by the look that is the net under announcements. */
const path = '/api/v1/videos/pipelines';
const asStream = { accept: 'text/event-stream' };

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

type Caller = Awaited<ReturnType<Api['addWorkspace']>>;

async function createPipeline({ post }: Caller): Promise<string> {
  const steps = [
    { name: 'shot', kind: 'text_to_video', model: 'sora', prompt: 'a boat', seconds: 8 },
    { name: 'agreed', kind: 'approval', source: 'shot' },
  ];
  return String((await readJson(await post(path, { steps }))).id);
}

const listen = async ({ get }: Caller, id: string, { headers = {}, query = '' } = {}) =>
  readEvents(await get(`${path}/${id}/events${query}`, { ...asStream, ...headers }));

/** What the worker writes while it carries a pipeline, by the same functions. */
const lives = () => createPipelineProgress(api.database);

/** A run whose one job cannot be made. */
async function fail(id: string, run = 1): Promise<void> {
  const { start, fail: failStep, finish } = lives();
  await start({ pipelineId: id, run });
  await failStep({ pipelineId: id, step: 'shot', run, code: 'no_route', detail: 'nobody can do it' });
  await finish({ pipelineId: id, run, state: 'failed' });
}

/** What a statement of the store would do, without the money. */
async function happen(id: string, change: string, type: string): Promise<void> {
  const text = `with changed as (update pipelines set ${change} where id = $1 returning id)
    select pipeline_event(id, '${type}') from changed`;
  await api.database.run({ name: `${type}_for_test`, text }, [id]);
}

const failedRun = ['pipeline.started', 'step.failed', 'step.skipped', 'pipeline.failed'];
const wholeLife = ['pipeline.queued', ...failedRun];

describe('a stream of a pipeline’s events', () => {
  it('tells what happened and what happens, in order and each once, shows the ended pipeline, and ends', async () => {
    const caller = await api.addWorkspace();
    const id = await createPipeline(caller);

    const stream = await listen(caller, id);
    await stream.until(({ type }) => type === 'pipeline.queued');
    await fail(id);
    await stream.over;

    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.retries).toEqual([expect.any(Number)]);
    expect(stream.events.map(({ type }) => type)).toEqual(wholeLife);
    expect(stream.events.map((event) => event.id)).toEqual(['1', '2', '3', '4', '5']);
    for (const { id: sequence, type, data } of stream.events) {
      expect(data).toMatchObject({ pipeline_id: id, type, sequence: Number(sequence), created_at: expect.any(String) });
    }
    expect(stream.events.slice(0, -1).filter(({ data }) => 'pipeline' in data)).toEqual([]);
    expect(stream.events[2]?.data).toMatchObject({ data: { step: 'shot', error: 'no_route' } });
    expect(stream.events.at(-1)?.data.pipeline).toEqual(await readJson(await caller.get(`${path}/${id}`)));
  });

  it('goes on after the last event that was seen, by header, by query, or by both, of which the header counts', async () => {
    const caller = await api.addWorkspace();
    const id = await createPipeline(caller);
    await fail(id);

    const streams = [
      await listen(caller, id, { headers: { 'last-event-id': '3' } }),
      await listen(caller, id, { query: '?last_event_id=3' }),
      await listen(caller, id, { headers: { 'last-event-id': '3' }, query: '?last_event_id=1' }),
    ];

    for (const stream of streams) {
      await stream.over;
      expect(stream.events.map((event) => event.id)).toEqual(['4', '5']);
    }
  });

  it('answers 204 when the pipeline has ended and its last event was seen, until it is run again', async () => {
    const caller = await api.addWorkspace();
    const id = await createPipeline(caller);
    await fail(id);
    const seen = { headers: { 'last-event-id': '5' } };

    const again = await caller.get(`${path}/${id}/events`, { ...asStream, ...seen.headers });
    expect([again.status, await again.text()]).toEqual([204, '']);
    expect((await caller.post(`${path}/${id}/retry`, {})).status).toBe(202);
    const stream = await listen(caller, id, seen);
    await fail(id, 2);
    await stream.over;

    expect(stream.events.map(({ type }) => type)).toEqual(['pipeline.retried', ...failedRun]);
    expect(stream.events.at(-1)?.data).toMatchObject({ data: { run: 2 }, pipeline: { status: 'failed', run: 2 } });
  });

  it('tells of a run that failed and goes on with the next, whose end is the end', async () => {
    const caller = await api.addWorkspace();
    const id = await createPipeline(caller);
    await fail(id);
    await caller.post(`${path}/${id}/retry`, {});

    const stream = await listen(caller, id);
    await stream.until(({ type }) => type === 'pipeline.retried');
    await lives().start({ pipelineId: id, run: 2 });
    await lives().finish({ pipelineId: id, run: 2, state: 'canceled' });
    await stream.over;

    expect(stream.events.map(({ type }) => type)).toEqual([
      ...wholeLife,
      ...['pipeline.retried', 'pipeline.started', 'step.canceled', 'step.canceled', 'pipeline.canceled'],
    ]);
    expect(stream.events.map((event) => event.id)).toEqual(stream.events.map((_event, index) => String(index + 1)));
    const shown = stream.events.map(({ data }) => data.pipeline);
    expect(shown).toEqual([...Array(9).fill(undefined), expect.objectContaining({ status: 'canceled', run: 2 })]);
    const replayed = await listen(caller, id);
    await replayed.over;
    expect(replayed.events).toEqual(stream.events);
    const page = await readJson(await caller.get(`${path}/${id}/events`));
    expect(page.data).toEqual(stream.events.map(({ data }) => data));
  });

  it('tells nothing of the next run before the end of this, however long that takes to be shown', async () => {
    const caller = await api.addWorkspace();
    const id = await createPipeline(caller);
    const stream = await listen(caller, id);
    await stream.until(({ type }) => type === 'pipeline.queued');
    const aside = createDatabase(api.databaseUrl, { poolSize: 1 });

    // A pipeline cannot be shown without its jobs, but it can end and be run again.
    await aside.transaction(async (inOne) => {
      await inOne({ name: 'keep_jobs_for_test', text: 'lock table jobs in access exclusive mode' }, []);
      await happen(id, `state = 'failed', finished_at = now()`, 'pipeline.failed');
      await until(async () => (await countWaiting(api.database)) > 0, 5);
      await happen(id, `state = 'queued', finished_at = null`, 'pipeline.retried');
      const ahead = await listen(caller, id, { query: '?last_event_id=2' });
      await ahead.until(({ type }) => type === 'pipeline.retried');
    });
    await stream.over;
    await aside.close();

    expect(stream.events.map((event) => event.id)).toEqual(['1', '2']);
  });

  it('is of the own workspace only', async () => {
    const [mine, theirs] = [await api.addWorkspace(), await api.addWorkspace()];
    const id = await createPipeline(mine);

    const responses = [
      await theirs.get(`${path}/${id}/events`, asStream),
      await theirs.get(`${path}/${id}/events`),
      await mine.get(`${path}/pipe_01kaz0000000000000000000zz/events`, asStream),
      await mine.get(`${path}/nonsense/events`, asStream),
    ];

    expect(responses.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    expect(responses[0]?.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it.each([
    ['?last_event_id=one', {}, 'last_event_id'],
    ['', { 'last-event-id': 'msg_7' }, 'Last-Event-ID'],
  ])('with %j and %j names what is wrong', async (query, headers, field) => {
    const caller = await api.addWorkspace();
    const id = await createPipeline(caller);

    const response = await caller.get(`${path}/${id}/events${query}`, { ...asStream, ...headers });

    expect([response.status, await readJson(response)]).toMatchObject([400, { errors: [{ field }] }]);
  });
});
