import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Look, ProviderTask } from '../../contract/provider.js';
import { LookError } from '../../contract/provider-errors.js';
import { createLogger } from '../../runtime/logger.js';
import { createAttempts } from '../../store/attempts.js';
import { createCallbacks } from '../../store/callbacks.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { checkLedger } from '../../store/ledger-check.js';
import { createSettlement } from '../../store/settlement.js';
import { createWatchList } from '../../store/watch-list.js';
import { lookAtLeftTasks } from '../../worker/watch.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { scriptedProvider } from '../support/scripted-provider.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const task: ProviderTask = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };
const times = { firstPauseMs: MINUTE_MS, longestPauseMs: HOUR_MS, watchMs: 24 * HOUR_MS };
const pending: Look = { status: 'pending', providerStatus: 'running' };
const succeeded: Look = { status: 'succeeded', files: [{ url: 'https://files.example/late' }], costMicros: 640_000 };

describe('the watch over tasks that jobs have left', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());

  /** A job that ended so long ago, with a task that was abandoned before. */
  async function aLeftTask({ endedAgoMs = 2 * MINUTE_MS, isAbandoned = true } = {}) {
    const owner = await aWorkspace(database, { credits: 1 });
    const { job } = await createJobs(database).accept(aNewJob(owner));
    const attempts = createAttempts(database);
    const ref = { jobId: job.id, attempt: 1 };
    await attempts.intend({ ...ref, route: aRoute() });
    await attempts.recordSubmission({ ...ref, submission: { outcome: 'accepted', task } });
    if (isAbandoned) await attempts.abandon({ ...ref, task });
    const ending = { jobId: job.id, state: 'failed', errorCode: 'deadline_exceeded', providerCancel: null } as const;
    await createSettlement(database).settle(ending);
    await passed(job.id, endedAgoMs);
    return job.id;
  }
  /** Moves the past of a job and its attempts back, as if so much time had passed. */
  const passed = (jobId: string, ms: number) =>
    database.run(
      {
        name: 'time_passed',
        text: `with job as (update jobs set finished_at = finished_at - $2 * interval '1 millisecond' where id = $1)
          update attempts set watched_at = watched_at - $2 * interval '1 millisecond' where job_id = $1`,
      },
      [jobId, ms],
    );
  function aWatch(look: () => Promise<Look>) {
    const { providers, calls } = scriptedProvider({ look });
    const deps = {
      watchList: createWatchList(database),
      attempts: createAttempts(database),
      providers,
      logger: createLogger('test', 'silent'),
      times,
      lookTimeoutMs: 1_000,
    };
    return { calls, sweep: () => lookAtLeftTasks(deps, new AbortController().signal) };
  }
  const attemptOf = async (jobId: string) => (await createAttempts(database).ofJob(jobId))[0];
  const costsOf = async (jobId: string) => {
    const rows = await database.queries
      .selectFrom('ledger_transfers')
      .select(['attempt', 'amount_micros'])
      .where('job_id', '=', jobId)
      .where('kind', '=', 'provider_cost')
      .execute();
    return rows;
  };

  it('books what a late success cost, once, and leaves the job as it ended', async () => {
    const jobId = await aLeftTask();
    const { sweep, calls } = aWatch(async () => succeeded);
    await Promise.all([sweep(), sweep(), sweep()]);
    await passed(jobId, HOUR_MS);
    await sweep();
    expect(calls.looks).toBe(1);
    expect(await attemptOf(jobId)).toMatchObject({
      state: 'succeeded',
      charged: 'yes',
      watch_ended_at: expect.any(Date),
    });
    expect(await costsOf(jobId)).toEqual([{ attempt: 1, amount_micros: 640_000 }]);
    const job = database.queries.selectFrom('jobs').select(['state', 'captured_micros']).where('id', '=', jobId);
    expect(await job.executeTakeFirst()).toEqual({ state: 'failed', captured_micros: 0 });
    expect(await checkLedger(database)).toEqual([]);
  });

  it('books nothing for a task that failed without a charge, and looks no more', async () => {
    const jobId = await aLeftTask();
    const error = { class: 'PROVIDER_INTERNAL', message: 'lost' } as const;
    const { sweep, calls } = aWatch(async () => ({ status: 'failed', error, charged: false }));
    await sweep();
    await passed(jobId, HOUR_MS);
    await sweep();
    expect(calls.looks).toBe(1);
    expect(await attemptOf(jobId)).toMatchObject({ state: 'failed', charged: 'no' });
    expect(await costsOf(jobId)).toEqual([]);
  });

  it('also looks at a task whose acceptance was recorded when its job had ended', async () => {
    const jobId = await aLeftTask({ isAbandoned: false });
    await aWatch(async () => succeeded).sweep();
    expect(await costsOf(jobId)).toHaveLength(1);
  });

  describe('that only a callback knows of', () => {
    /** A job that ended without knowing whether its submit was taken, and was called back after that. */
    async function aLostTask(id: string) {
      const owner = await aWorkspace(database, { credits: 1 });
      const { job } = await createJobs(database).accept(aNewJob(owner));
      const ref = { jobId: job.id, attempt: 1 };
      const tokenSha256 = createHash('sha256').update(id).digest();
      await createAttempts(database).intend({ ...ref, route: aRoute(), callbackTokenSha256: tokenSha256 });
      await createAttempts(database).recordLost(ref);
      const ending = { jobId: job.id, state: 'failed', errorCode: 'submission_unknown', providerCancel: null } as const;
      await createSettlement(database).settle(ending);
      const received = { account: 'first', taskId: id, bodySha256: tokenSha256, excerpt: '{}', tokenSha256 };
      const callBack = () => createCallbacks(database).receiveByToken(received);
      await passed(job.id, 2 * MINUTE_MS);
      return { jobId: job.id, callBack };
    }

    it('is looked at once it has called back, and what it cost is booked', async () => {
      const { jobId, callBack } = await aLostTask('task-called');
      const { sweep, calls } = aWatch(async () => succeeded);
      await sweep();
      expect(calls.looks).toBe(0);
      await callBack();
      await sweep();
      await sweep();
      expect(calls.looks).toBe(1);
      expect(await attemptOf(jobId)).toMatchObject({ state: 'succeeded', charged: 'yes', task: { id: 'task-called' } });
      expect(await costsOf(jobId)).toEqual([{ attempt: 1, amount_micros: 640_000 }]);
      expect(await checkLedger(database)).toEqual([]);
    });

    it('is followed until it ends', async () => {
      const { jobId, callBack } = await aLostTask('task-running');
      await callBack();
      await aWatch(async () => pending).sweep();
      expect(await attemptOf(jobId)).toMatchObject({ state: 'accepted', task: { id: 'task-running' } });
      await passed(jobId, HOUR_MS);
      await aWatch(async () => succeeded).sweep();
      expect(await costsOf(jobId)).toHaveLength(1);
    });

    it('stays unknown where the provider never heard of it, or it is the task of another attempt', async () => {
      const invented = await aLostTask('task-invented');
      await invented.callBack();
      const failure = { class: 'NOT_FOUND', message: 'no such task' } as const;
      const asked = aWatch(() => Promise.reject(new LookError(failure)));
      await asked.sweep();
      await passed(invented.jobId, HOUR_MS);
      await asked.sweep();
      expect(asked.calls.looks).toBe(1);
      expect(await attemptOf(invented.jobId)).toMatchObject({ state: 'unknown', charged: 'possibly', task: null });

      const owned = await aLostTask(task.id);
      await aLeftTask();
      await owned.callBack();
      await aWatch(async () => succeeded).sweep();
      expect(await attemptOf(owned.jobId)).toMatchObject({ state: 'unknown', task: null });
      expect(await costsOf(owned.jobId)).toEqual([]);
    });
  });

  it('leaves alone what an open job looks at itself', async () => {
    const owner = await aWorkspace(database, { credits: 1 });
    const { job } = await createJobs(database).accept(aNewJob(owner));
    const ref = { jobId: job.id, attempt: 1 };
    await createAttempts(database).intend({ ...ref, route: aRoute() });
    await createAttempts(database).abandon({ ...ref, task });
    const { sweep, calls } = aWatch(async () => succeeded);
    await sweep();
    expect(calls.looks).toBe(0);
  });

  it('looks after one minute, then ever later, at least hourly, and once more after a day', async () => {
    const jobId = await aLeftTask({ endedAgoMs: 0 });
    const { sweep, calls } = aWatch(async () => pending);
    const lookedAtMinutes: number[] = [];
    for (let minute = 0; minute <= 26 * 60; minute += 1) {
      const before = calls.looks;
      await sweep();
      if (calls.looks > before) lookedAtMinutes.push(minute);
      await passed(jobId, MINUTE_MS);
    }
    const pauses = lookedAtMinutes.map((minute, index) => minute - (lookedAtMinutes[index - 1] ?? 0));
    expect(pauses[0]).toBe(1);
    expect(pauses.slice(0, 7)).toEqual(pauses.slice(0, 7).toSorted((one, other) => one - other));
    // Sweeps are a minute apart, so a pause may be a minute longer than it was to be.
    expect(pauses[6]).toBeGreaterThan(30);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(61);
    expect(lookedAtMinutes.at(-1)).toBeGreaterThanOrEqual(24 * 60);
    expect(lookedAtMinutes.at(-1)).toBeLessThanOrEqual(25 * 60 + 1);
    expect(await attemptOf(jobId)).toMatchObject({ state: 'abandoned', watch_ended_at: expect.any(Date) });
  }, 240_000);

  it('takes a failed look for no verdict', async () => {
    const jobId = await aLeftTask();
    const { sweep } = aWatch(async () => {
      throw new LookError({ class: 'NOT_FOUND', message: 'no such task' });
    });
    await sweep();
    expect(await attemptOf(jobId)).toMatchObject({ state: 'abandoned', watch_ended_at: null });
  });
});

describe('a cost that is learnt while its job is being settled', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());

  it('is booked once, whichever of the two comes first', async () => {
    const owner = await aWorkspace(database, { credits: 20 });
    for (let round = 0; round < 20; round += 1) {
      const { job } = await createJobs(database).accept(aNewJob(owner));
      const attempts = createAttempts(database);
      const ref = { jobId: job.id, attempt: 1 };
      await attempts.intend({ ...ref, route: aRoute() });
      await attempts.recordSubmission({ ...ref, submission: { outcome: 'accepted', task } });
      await Promise.all([
        createSettlement(database).settle({ jobId: job.id, state: 'canceled', providerCancel: 'unsupported' }),
        attempts.recordVerdict({ ...ref, task, verdict: { status: 'succeeded', files: [] } }),
      ]);
    }
    expect(await checkLedger(database)).toEqual([]);
    const { booked } = await database.queries
      .selectFrom('ledger_transfers')
      .select((of) => of.fn.countAll<string>().as('booked'))
      .where('kind', '=', 'provider_cost')
      .executeTakeFirstOrThrow();
    expect(Number(booked)).toBe(20);
  });
});
