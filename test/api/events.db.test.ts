import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Api, readJson, startApi } from '../support/api.js';
import { readEvents } from '../support/event-source.js';
import { createJob, livesOf } from '../support/lives.js';

/** Nobody announces anything here: what is heard is found by the look that is the net under announcements. */
const path = '/api/v1/videos/jobs';
const asStream = { accept: 'text/event-stream' };

let api: Api;
let lives: ReturnType<typeof livesOf>;
beforeAll(async () => {
  api = await startApi();
  lives = livesOf(api);
});
afterAll(() => api.close());

type Caller = Awaited<ReturnType<Api['addWorkspace']>>;
const listen = async ({ get }: Caller, id: string, { headers = {}, query = '' } = {}) =>
  readEvents(await get(`${path}/${id}/events${query}`, { ...asStream, ...headers }));

type Page = {
  data: { type: string; sequence: number; job?: { status: string } }[];
  has_more: boolean;
  next_cursor: number | null;
};
const readPage = async (response: Response) => (await response.json()) as Page;

const wholeLife = [
  'job.queued',
  'attempt.submitting',
  'attempt.accepted',
  'job.progress',
  'attempt.succeeded',
  'artifact.stored',
  'job.succeeded',
];

describe('a stream of events', () => {
  it('tells what happened and what happens, in order and each once, shows the finished job, and ends', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);

    const stream = await listen(caller, id);
    await stream.until(({ type }) => type === 'job.queued');
    const { sha256 } = await lives.succeed(id);
    await stream.over;

    expect(stream.response.status).toBe(200);
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.response.headers.get('cache-control')).toBe('no-store');
    expect(stream.retries).toEqual([expect.any(Number)]);
    expect(stream.events.map(({ type }) => type)).toEqual(wholeLife);
    expect(stream.events.map((event) => event.id)).toEqual(['1', '2', '3', '4', '5', '6', '7']);
    for (const { id: sequence, type, data } of stream.events) {
      expect(data).toMatchObject({ job_id: id, type, sequence: Number(sequence), created_at: expect.any(String) });
    }
    expect(stream.events.slice(0, -1).filter(({ data }) => 'job' in data)).toEqual([]);
    const [, submitting, , progress, , stored, succeeded] = stream.events;
    expect(submitting?.data).toMatchObject({ data: { attempt: 1, provider: 'omixa' } });
    expect(progress?.data).toMatchObject({ data: { progress: 40 } });
    expect(stored?.data).toMatchObject({ data: { variant: 0, sha256 } });
    const { data, ...job } = await readJson(await caller.get(`${path}/${id}`));
    expect(succeeded?.data.job).toMatchObject({ ...job, data: [{ sha256 }] });
    expect(data).toHaveLength(1);
  });

  it('goes on after the last event that was seen, by header, by query, or by both, of which the header counts', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.succeed(id);

    const streams = [
      await listen(caller, id, { headers: { 'last-event-id': '5' } }),
      await listen(caller, id, { query: '?last_event_id=5' }),
      await listen(caller, id, { headers: { 'last-event-id': '5' }, query: '?last_event_id=2' }),
    ];

    for (const stream of streams) {
      await stream.over;
      expect(stream.events.map((event) => event.id)).toEqual(['6', '7']);
    }
  });

  it('answers 204 when the job has ended and its last event was seen, so that a browser does not come again', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.fail(id, 'prompt_rejected');
    const stream = await listen(caller, id);
    await stream.over;
    const last = stream.events.at(-1);

    const again = await caller.get(`${path}/${id}/events`, { ...asStream, 'last-event-id': last?.id ?? '' });

    expect(last).toMatchObject({
      type: 'job.failed',
      data: { data: { error: 'prompt_rejected' }, job: { status: 'failed', error: { code: 'prompt_rejected' } } },
    });
    expect([again.status, await again.text()]).toEqual([204, '']);
  });

  it('goes on with what comes next when more was seen than there is', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);

    const stream = await listen(caller, id, { headers: { 'last-event-id': '99' } });
    await lives.start(id);

    expect((await stream.until(() => true)).id).toBe('2');
    await caller.send('POST', `${path}/${id}/cancel`);
    await api.settlement.settle({ jobId: id, state: 'canceled', providerCancel: 'unsupported' });
    await stream.over;
    expect(stream.events.at(-1)).toMatchObject({ type: 'job.canceled', data: { job: { status: 'canceled' } } });
  });

  it('tells all who listen, wherever each begins', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.start(id);

    const streams = await Promise.all(
      ['0', '1', '2', '3', '4'].map((seen) => listen(caller, id, { headers: { 'last-event-id': seen } })),
    );
    await api.settlement.settle({ jobId: id, state: 'failed', errorCode: 'generation_failed', providerCancel: null });

    for (const [seen, stream] of streams.entries()) {
      await stream.over;
      expect(stream.events.map((event) => Number(event.id))).toEqual([1, 2, 3, 4, 5].slice(seen));
    }
  });

  it('is of the own workspace only', async () => {
    const [mine, theirs] = [await api.addWorkspace(), await api.addWorkspace()];
    const id = await createJob(mine);

    const responses = [
      await theirs.get(`${path}/${id}/events`, asStream),
      await theirs.get(`${path}/${id}/events`),
      await mine.get(`${path}/job_01kaz0000000000000000000zz/events`, asStream),
      await mine.get(`${path}/nonsense/events`, asStream),
    ];

    expect(responses.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
    expect(responses[0]?.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  });

  it.each([
    ['?last_event_id=one', {}, 'last_event_id'],
    ['?last_event_id=-1', {}, 'last_event_id'],
    ['?from=1', {}, 'from'],
    ['?limit=0', {}, 'limit'],
    ['?limit=1001', {}, 'limit'],
    ['', { 'last-event-id': 'msg_7' }, 'Last-Event-ID'],
  ])('with %j and %j names what is wrong', async (query, headers, field) => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);

    for (const more of [asStream, { accept: 'application/json' }]) {
      const response = await caller.get(`${path}/${id}/events${query}`, { ...more, ...headers });
      expect([response.status, await readJson(response)]).toMatchObject([400, { errors: [{ field }] }]);
    }
  });

  it('does not tell what is for operators', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.start(id);
    await api.database.run(
      {
        name: 'resolve_for_test',
        text: `with job as (update jobs set last_sequence = last_sequence + 1 where id = $1 returning id, last_sequence)
          insert into job_events (job_id, sequence, type, data)
          select id, last_sequence, 'attempt.resolved', '{"attempt": 1, "resolution": "fail", "by": "somebody"}' from job`,
      },
      [id],
    );

    const text = await (await caller.get(`${path}/${id}/events`)).text();

    expect(text).toContain('attempt.resolved');
    expect(text).not.toContain('somebody');
  });
});

describe('a page of events', () => {
  it('is what JSON is asked for, or nothing in particular', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.succeed(id);

    for (const accept of ['*/*', 'application/json', 'application/json, text/event-stream']) {
      const page = await readPage(await caller.get(`${path}/${id}/events`, { accept }));
      const events = page.data;
      expect(page).toMatchObject({ object: 'list', has_more: false, next_cursor: null });
      expect(events.map(({ type }) => type)).toEqual(wholeLife);
      expect(events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(events.map(({ job }) => job?.status)).toEqual([...Array(6).fill(undefined), 'succeeded']);
    }
    const head = await caller.send('HEAD', `${path}/${id}/events`, { headers: asStream });
    expect([head.status, head.headers.get('vary')]).toEqual([200, 'Accept']);
  });

  it('comes piece by piece', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.succeed(id);

    const first = await readPage(await caller.get(`${path}/${id}/events?limit=3`));
    const second = await readPage(await caller.get(`${path}/${id}/events?limit=4&last_event_id=${first.next_cursor}`));

    expect(first).toMatchObject({ has_more: true, next_cursor: 3, data: [{ sequence: 1 }, {}, { sequence: 3 }] });
    expect(second).toMatchObject({ has_more: false, next_cursor: null });
    expect(second.data.map(({ sequence }) => sequence)).toEqual([4, 5, 6, 7]);
  });
});
