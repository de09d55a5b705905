import { Writable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import type { ActivityDeps } from '../../activities/deps.js';
import { lookOnce } from '../../activities/look-once.js';
import { pollTask } from '../../activities/poll-task.js';
import { submitGeneration } from '../../activities/submit-generation.js';
import type { Look, ProviderTask, Submission } from '../../contract/provider.js';
import type { ProviderErrorClass } from '../../contract/provider-errors.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { scriptedProvider } from '../support/scripted-provider.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const task: ProviderTask = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };
const accepted: Submission = { outcome: 'accepted', task };
const refused = (errorClass: ProviderErrorClass): Submission => ({
  outcome: 'refused',
  error: { class: errorClass, message: 'their own words, with sk-secret' },
});
const route = aRoute();
const elsewhere = aRoute({ account: 'second', upstreamModel: 'model-2' });

let database: Database;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ database, close } = await openTestDatabase());
});
afterAll(() => close());
beforeEach(async () => {
  await database.queries.deleteFrom('provider_health').execute();
});

async function aJob() {
  const owner = await aWorkspace(database, { credits: 1 });
  const { job } = await createJobs(database).accept(aNewJob(owner));
  return job.id;
}
const aTry = (jobId: string, changes: Partial<Parameters<typeof submitGeneration>[1]> = {}) => ({
  jobId,
  attempt: 1,
  route,
  timeoutMs: 20_000,
  maySkip: true,
  ...changes,
});
const deps = (script: Parameters<typeof scriptedProvider>[0], given: Partial<ActivityDeps> = {}) => {
  const { providers, calls } = scriptedProvider(script);
  return { ...activityDeps(database, { providers, ...given }), calls };
};
/** A try of a new job that its provider answers so. */
async function submitted(submission: Submission, given: Partial<ActivityDeps> = {}) {
  const jobId = await aJob();
  const outcome = await runActivity(submitGeneration, deps({ submit: async () => submission }, given), aTry(jobId));
  return { jobId, outcome };
}
const rows = () => deps({}).health.list();
const timePasses = () =>
  database.queries
    .updateTable('provider_health')
    .set({ open_until: new Date(Date.now() - 60_000) })
    .execute();

describe('a submit', () => {
  it('that is refused for the credential has the next one skip the account: no row, no call', async () => {
    expect((await submitted(refused('AUTH'))).outcome).toMatchObject({ kind: 'refused' });
    const jobId = await aJob();
    const next = deps({});
    expect(await runActivity(submitGeneration, next, aTry(jobId))).toEqual({ kind: 'skipped' });
    expect(next.calls.submits).toEqual([]);
    expect(await next.attempts.find({ jobId, attempt: 1 })).toBeUndefined();
    const other = deps({ submit: async () => accepted });
    expect(await runActivity(submitGeneration, other, aTry(jobId, { route: elsewhere }))).toMatchObject({
      kind: 'accepted',
    });
  });

  it('that is told that the model is gone trips that model only', async () => {
    await submitted(refused('MODEL_RETIRED'));
    expect(await rows()).toMatchObject([{ account: 'first', upstreamModel: 'model-1', state: 'open' }]);
    const next = deps({ submit: async () => accepted });
    const otherModel = aRoute({ upstreamModel: 'model-9' });
    expect(await runActivity(submitGeneration, next, aTry(await aJob()))).toEqual({ kind: 'skipped' });
    expect(await runActivity(submitGeneration, next, aTry(await aJob(), { route: otherModel }))).toMatchObject({
      kind: 'accepted',
    });
  });

  it.each([
    ['lost answers', { outcome: 'unknown', error: { class: 'OUTCOME_UNKNOWN', message: 'cut' } }],
    ['calls that were not sent', { outcome: 'not_sent', error: { class: 'NETWORK', message: 'no connection' } }],
    ['refusals for the load', refused('OVERLOADED')],
  ] satisfies [string, Submission][])('opens the breaker at the third of three %s', async (_, submission) => {
    for (const expected of ['closed', 'closed', 'open']) {
      await submitted(submission);
      expect(await rows()).toMatchObject([{ state: expected }]);
    }
  });

  it('goes ahead where the job has nowhere else to go, and ends the trouble when it is taken', async () => {
    await submitted(refused('BALANCE'));
    const last = deps({ submit: async () => accepted });
    const outcome = await runActivity(submitGeneration, last, aTry(await aJob(), { maySkip: false }));
    expect(outcome).toMatchObject({ kind: 'accepted' });
    expect(await rows()).toEqual([]);
  });

  it('goes ahead in jobs that began before there were breakers', async () => {
    await submitted(refused('AUTH'));
    const { maySkip: _, ...old } = aTry(await aJob());
    const outcome = await runActivity(submitGeneration, deps({ submit: async () => accepted }), old);
    expect(outcome).toMatchObject({ kind: 'accepted' });
  });

  it('is the trial when the time is over: taken, all is well; failed, the account is left alone again', async () => {
    await submitted(refused('AUTH'));
    await timePasses();
    const { outcome } = await submitted({ outcome: 'unknown', error: { class: 'OUTCOME_UNKNOWN', message: 'cut' } });
    expect(outcome).toEqual({ kind: 'unknown' });
    expect(await rows()).toMatchObject([{ state: 'open', reason: 'submission: OUTCOME_UNKNOWN' }]);
    await timePasses();
    await submitted(accepted);
    expect(await rows()).toEqual([]);
  });

  it('is not skipped by a second run, as the first may be sending', async () => {
    await submitted(refused('AUTH'));
    const next = deps({ submit: async () => accepted });
    const input = aTry(await aJob());
    const secondRun = new MockActivityEnvironment({ attempt: 2 });
    expect(await secondRun.run(() => submitGeneration(next, input))).toMatchObject({ kind: 'accepted' });
  });

  it('is not skipped when it was sent in an earlier life of the job', async () => {
    const { jobId } = await submitted(accepted);
    await submitted(refused('AUTH'));
    const resumed = deps({});
    expect(await runActivity(submitGeneration, resumed, aTry(jobId))).toMatchObject({ kind: 'accepted', task });
  });

  it('is found on the route where an earlier life of the job made it', async () => {
    const jobId = await aJob();
    const { attempts } = deps({});
    await attempts.intend({ jobId, attempt: 1, route: elsewhere });
    await attempts.recordSubmission({
      jobId,
      attempt: 1,
      submission: { outcome: 'accepted', task: { ...task, account: 'second' } },
    });
    const resumed = deps({});
    expect(await runActivity(submitGeneration, resumed, aTry(jobId))).toEqual({ kind: 'skipped' });
    expect(
      await runActivity(submitGeneration, resumed, aTry(jobId, { route: elsewhere, maySkip: false })),
    ).toMatchObject({ kind: 'accepted', task: { account: 'second' } });
    expect(resumed.calls.submits).toEqual([]);
  });

  it('says nothing of the account when this worker could not prepare it', async () => {
    const get = () => {
      throw new Error('no key');
    };
    const worker = activityDeps(database, { providers: { get, close: async () => {} } });
    expect(await runActivity(submitGeneration, worker, aTry(await aJob()))).toMatchObject({ errorClass: 'AUTH' });
    expect(await rows()).toEqual([]);
  });

  it('is answered in time and in full when its account’s health cannot be read or recorded', async () => {
    const { health } = deps({});
    const admit = () => Promise.reject(new Error('the database is away'));
    const away: ActivityDeps['health'] = { ...health, admit, report: admit };
    expect((await submitted(accepted, { health: away })).outcome).toMatchObject({ kind: 'accepted', task });
    const hanging: ActivityDeps['health'] = { ...health, report: () => new Promise(() => {}) };
    expect((await submitted(accepted, { health: hanging })).outcome).toMatchObject({ kind: 'accepted', task });
  });

  it('is reported when its row is written, and not before', async () => {
    const { health, attempts } = deps({});
    const jobId = await aJob();
    const states: unknown[] = [];
    const watching: ActivityDeps['health'] = {
      ...health,
      report: async (said) => {
        states.push((await attempts.find({ jobId, attempt: 1 }))?.state);
        return health.report(said);
      },
    };
    await runActivity(submitGeneration, deps({ submit: async () => accepted }, { health: watching }), aTry(jobId));
    expect(states).toEqual(['accepted']);
  });

  it('warns the log that a breaker opened, with the class and without the provider’s words', async () => {
    const lines: string[] = [];
    const stream = new Writable({
      write(line, _, done) {
        lines.push(String(line));
        done();
      },
    });
    await submitted(refused('BALANCE'), { logger: pino({ level: 'warn' }, stream) });
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 40, provider: 'first', reason: 'BALANCE', msg: 'provider breaker opened' },
    ]);
    expect(lines.join()).not.toContain('sk-secret');
  });
});

describe('a task', () => {
  const failed: Look = {
    status: 'failed',
    error: { class: 'PROVIDER_INTERNAL', message: 'it broke' },
    charged: false,
  };
  async function looked(look: Look, activity: 'poll' | 'last look', isStalled = false) {
    const { jobId } = await submitted(accepted);
    const input = { jobId, attempt: 1, task, timeoutMs: 1_000, isStalled };
    const given = deps({ look: async () => look });
    if (activity === 'last look') return runActivity(lookOnce, given, input);
    return runActivity(pollTask, given, { ...input, intervalMs: 10, isCallersInterval: false });
  }

  it('that fails counts against its account, although every submit is taken', async () => {
    for (const expected of ['closed', 'closed', 'open']) {
      await looked(failed, 'poll');
      expect(await rows()).toMatchObject([{ account: 'first', upstreamModel: null, state: expected }]);
    }
  });

  it('that succeeds ends that trouble', async () => {
    await looked(failed, 'poll');
    await looked({ status: 'succeeded', files: [] }, 'poll');
    expect(await rows()).toEqual([]);
  });

  it('that stalls counts, whatever the last look finds but a success', async () => {
    await looked({ status: 'pending', providerStatus: 'running' }, 'last look', true);
    await looked(failed, 'last look', true);
    await looked({ status: 'succeeded', files: [] }, 'last look', true);
    expect(await rows()).toMatchObject([{ failures: 2, reason: 'generation: stalled' }]);
  });

  it('that the caller gave up, or whose look fails, says nothing', async () => {
    await looked({ status: 'pending', providerStatus: 'running' }, 'last look');
    await looked(failed, 'last look');
    const { jobId } = await submitted(accepted);
    const look = () => Promise.reject(new Error('the look failed'));
    const input = { jobId, attempt: 1, task, timeoutMs: 1_000, intervalMs: 10, isCallersInterval: false };
    await expect(runActivity(pollTask, deps({ look }), input)).rejects.toThrow('the look failed');
    expect(await rows()).toEqual([]);
  });
});
