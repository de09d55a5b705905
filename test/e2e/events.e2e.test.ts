import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { aRequest, createCaller } from '../support/caller.js';
import { followEvents, type ReceivedEvent } from '../support/event-source.js';
import { createFilmCaller } from '../support/film.js';
import { until } from '../support/until.js';

const JOBS = 12;
/** So long a job waits at least before it goes on. */
const waiting = { wait_seconds: 10 };

let stack: Stack;
let caller: ReturnType<typeof createCaller>;

async function start(settings: Record<string, string> = {}): Promise<void> {
  stack = await startStack({ SANDBOX_SPEED: '20', ...settings });
  caller = createCaller(stack);
}

function follow(id: string, kind: 'jobs' | 'pipelines' = 'jobs') {
  return followEvents({
    connect: (lastEventId) =>
      caller.get(`/api/v1/videos/${kind}/${id}/events`, {
        accept: 'text/event-stream',
        ...(lastEventId && { 'last-event-id': lastEventId }),
      }),
  });
}

async function createJobs(changes: object = {}) {
  const jobs = await Promise.all(Array.from({ length: JOBS }, () => caller.create(aRequest({ ...changes }))));
  return jobs.map(({ id }) => ({ id, followed: follow(id) }));
}

function aShot(changes: object = {}) {
  const { video_operation: kind, ...request } = aRequest({ ...changes });
  return { kind, ...request };
}

/** Of two shots, one after the other; the changes are of the first. */
async function createPipeline(changes: object = {}) {
  const steps = [
    { name: 'first', ...aShot(changes) },
    { name: 'second', after: ['first'], ...aShot() },
  ];
  const { id } = await createFilmCaller(caller).create({ steps });
  return { id, followed: follow(id, 'pipelines') };
}

/** Every event of a job that went well, each once. */
function expectWholeLife(events: ReceivedEvent[]): void {
  expect(events.map(({ id }) => Number(id))).toEqual(events.map((_event, index) => index + 1));
  const types = events.map(({ type }) => type);
  expect(types[0]).toBe('job.queued');
  expect(types).toContain('attempt.accepted');
  expect(types.filter((type) => /^job\.(succeeded|failed|canceled)$/.test(type))).toEqual(['job.succeeded']);
  expect(events.at(-1)).toMatchObject({ type: 'job.succeeded', data: { job: { status: 'succeeded' } } });
}

/** Every event of a pipeline that went well, each once. */
function expectWholeFilm(events: ReceivedEvent[]): void {
  expect(events.map(({ id }) => Number(id))).toEqual(events.map((_event, index) => index + 1));
  const ofShot = ['step.started', 'step.succeeded'];
  expect(events.map(({ type }) => type)).toEqual([
    ...['pipeline.queued', 'pipeline.started', ...ofShot, ...ofShot, 'pipeline.succeeded'],
  ]);
  expect(events.at(-1)).toMatchObject({ data: { pipeline: { status: 'succeeded' } } });
}

const allWait = (jobs: Awaited<ReturnType<typeof createJobs>>) =>
  until(() => jobs.every(({ followed }) => followed.events().some(({ type }) => type === 'attempt.accepted')));

describe('who follows jobs and pipelines', () => {
  let database: pg.Pool;
  beforeAll(async () => {
    await start();
    database = new pg.Pool({ connectionString: stack.databaseUrl });
    database.on('error', () => {});
  }, 120_000);
  afterAll(async () => {
    await database.end();
    await stack.stop();
  }, 60_000);

  it('misses nothing and hears nothing twice when the api is killed', async () => {
    const film = await createPipeline(waiting);
    const jobs = await createJobs(waiting);
    await allWait(jobs);
    await until(() => film.followed.events().some(({ type }) => type === 'step.started'));

    process.kill(stack.pidOf('api'), 'SIGKILL');

    for (const { followed } of jobs) {
      expectWholeLife(await followed.done);
      expect(followed.streams.length).toBeGreaterThanOrEqual(2);
    }
    expectWholeFilm(await film.followed.done);
    expect(film.followed.streams.length).toBeGreaterThanOrEqual(2);
  }, 90_000);

  it('is told to come again when the api is stopped, and who waits for a job is answered', async () => {
    const jobs = await createJobs(waiting);
    await allWait(jobs);
    const waited = caller.get(`/api/v1/videos/jobs/${jobs[0]?.id}`, { prefer: 'wait=60' });
    // Asked on another connection after it, and answered: then it is in hand, too.
    await caller.job(jobs[1]?.id ?? '');

    process.kill(stack.pidOf('api'), 'SIGTERM');
    const response = await waited;

    expect([response.status, response.headers.get('preference-applied')]).toEqual([200, 'wait=60']);
    for (const { followed } of jobs) {
      expectWholeLife(await followed.done);
      expect(followed.streams[0]?.retries).toHaveLength(2);
    }
  }, 90_000);

  it('keeps the same stream while Postgres is killed and comes back', async () => {
    const jobs = await createJobs(waiting);
    await allWait(jobs);

    process.kill(stack.pidOf('postgres'), 'SIGKILL');

    for (const { followed } of jobs) {
      expectWholeLife(await followed.done);
      expect(followed.streams).toHaveLength(1);
    }
    await until(async () => (await listeners()) === 2);
  }, 90_000);

  it('hears of the worker by announcements, one connection for each process', async () => {
    const ears = new pg.Client({ connectionString: stack.databaseUrl });
    const heard: string[] = [];
    ears.on('notification', ({ payload = '' }) => heard.push(...payload.split(',')));
    await ears.connect();
    await ears.query('listen reelay_changes');

    const { id } = await caller.create(aRequest());
    await follow(id).done;

    await until(() => heard.filter((told) => told === id).length >= 4);
    const film = await createPipeline();
    await film.followed.done;
    // Its beginning, the end of its first shot, and its own.
    await until(() => heard.filter((told) => told === film.id).length >= 4);
    expect(await listeners()).toBe(2);
    await ears.end();
  }, 90_000);

  async function listeners(): Promise<number> {
    const { rowCount } = await database.query(
      `select from pg_stat_activity where application_name = 'reelay listener' and datname = current_database()`,
    );
    return rowCount ?? 0;
  }
});

describe('without announcements', () => {
  beforeAll(() => start({ DATABASE_NOTIFY: 'false' }), 120_000);
  afterAll(() => stack.stop(), 60_000);

  it('they are followed, and jobs waited for, all the same', async () => {
    const film = await createPipeline();
    const jobs = await createJobs();
    const response = await caller.post('/api/v1/videos/jobs', aRequest(), { prefer: 'wait=60' });

    expect([response.status, await response.json()]).toMatchObject([201, { status: 'succeeded' }]);
    for (const { followed } of jobs) expectWholeLife(await followed.done);
    expectWholeFilm(await film.followed.done);
  }, 60_000);
});
