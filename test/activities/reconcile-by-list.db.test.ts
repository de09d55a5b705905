import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ActivityDeps } from '../../activities/deps.js';
import { type ReconcileInput, reconcileSubmission } from '../../activities/reconcile-submission.js';
import type { ListedTask, VideoProvider } from '../../contract/provider.js';
import { LookError } from '../../contract/provider-errors.js';
import { newId } from '../../runtime/ids.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { createOperatorJobs } from '../../store/operator-jobs.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { scriptedProvider } from '../support/scripted-provider.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

let database: Database;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ database, close } = await openTestDatabase());
});
afterAll(() => close());

/** Every test has an account of its own, so that none sees another's attempts. */
function aWorld({ list, ...script }: Partial<VideoProvider> & { list: NonNullable<VideoProvider['list']> }) {
  const account = newId('ws');
  const route = aRoute({ account });
  const { providers } = scriptedProvider({ ...script, list });
  const deps = activityDeps(database, { providers });
  const reconcile = (jobId: string, changes: Partial<ReconcileInput> = {}, given: ActivityDeps = deps) =>
    runActivity(reconcileSubmission, given, {
      jobId,
      attempt: 1,
      route,
      graceMs: 600_000,
      submitTimeoutMs: 60_000,
      timeoutMs: 1_000,
      ...changes,
    });

  /** A job whose first submit was answered by nobody, so long ago. */
  async function aLostJob({ prompt = 'a paper boat', minutesAgo = 0 } = {}) {
    const owner = await aWorkspace(database, { credits: 1 });
    const newJob = aNewJob(owner);
    const { job } = await createJobs(database).accept({ ...newJob, request: { ...newJob.request, prompt } });
    await deps.attempts.intend({ jobId: job.id, attempt: 1, route });
    const error = { class: 'OUTCOME_UNKNOWN', message: 'the connection was cut' } as const;
    await deps.attempts.recordSubmission({ jobId: job.id, attempt: 1, submission: { outcome: 'unknown', error } });
    const { rows } = await setAge(job.id, minutesAgo);
    if (rows !== 1) throw new Error('the attempt has no row');
    return job.id;
  }

  const aTask = (id: string, { prompt = 'a paper boat', minutesAgo = 0 } = {}): ListedTask => ({
    task: { account, upstreamModel: 'model-1', id },
    createdAt: new Date(Date.now() - minutesAgo * 60_000 + 500),
    prompt,
    durationSeconds: 8,
    status: 'open',
  });
  const attemptOf = (jobId: string) => deps.attempts.find({ jobId, attempt: 1 });

  return { account, route, deps, reconcile, aLostJob, aTask, attemptOf };
}

async function setAge(jobId: string, minutes: number) {
  const moment = new Date(Date.now() - minutes * 60_000);
  const query = database.queries.updateTable('attempts').set({ intended_at: moment, answered_at: moment });
  const { numUpdatedRows } = await query.where('job_id', '=', jobId).executeTakeFirst();
  return { rows: Number(numUpdatedRows) };
}

async function eventsOf(jobId: string, type: string) {
  const query = database.queries.selectFrom('job_events').select('data');
  return (await query.where('job_id', '=', jobId).where('type', '=', type).execute()).map(({ data }) => data);
}

describe('reconcileSubmission by a list', () => {
  it('finds the task, from shortly before the attempt on, and the job goes on with it', async () => {
    let since: Date | undefined;
    const world = aWorld({
      list: async (from) => {
        since = from;
        return [world.aTask('task-1'), world.aTask('task-2', { prompt: 'a kite' })];
      },
    });
    const jobId = await world.aLostJob();
    const task = { account: world.account, upstreamModel: 'model-1', id: 'task-1' };
    expect(await world.reconcile(jobId)).toEqual({ kind: 'accepted', task });
    expect(await world.attemptOf(jobId)).toMatchObject({ state: 'accepted', task, charged: 'possibly' });
    expect(await eventsOf(jobId, 'attempt.accepted')).toEqual([{ attempt: 1 }]);
    expect(Date.now() - (since?.getTime() ?? 0)).toBeGreaterThan(60_000);
    // A second run, whose first did not come back, reads what that one wrote down.
    expect(await world.reconcile(jobId)).toEqual({ kind: 'accepted', task });
  });

  it('says that nothing was taken when the provider must have listed it, and the attempt costs nothing', async () => {
    const world = aWorld({ list: async () => [] });
    const young = await world.aLostJob();
    await expect(world.reconcile(young)).rejects.toMatchObject({ type: 'NotReady' });
    const old = await world.aLostJob({ minutesAgo: 2 });
    expect(await world.reconcile(old)).toEqual({ kind: 'never_existed' });
    expect(await world.attemptOf(old)).toMatchObject({ state: 'not_sent', charged: 'no' });
    expect(await world.reconcile(old)).toEqual({ kind: 'never_existed' });
  });

  it('does not believe a list that leaves out a task which the provider took meanwhile', async () => {
    const world = aWorld({ list: async () => [] });
    const jobId = await world.aLostJob({ minutesAgo: 3 });
    const other = await world.aLostJob({ prompt: 'a kite' });
    const { task } = world.aTask('task-9');
    await world.deps.attempts.recordSubmission({ jobId: other, attempt: 1, submission: { outcome: 'accepted', task } });
    await setAge(other, 2);
    await expect(world.reconcile(jobId)).rejects.toMatchObject({ type: 'NotReady' });
  });

  it('gives each of two equal jobs a task of its own, however close they ask', async () => {
    const world = aWorld({ list: async () => [world.aTask('task-1'), world.aTask('task-2')] });
    for (let round = 0; round < 5; round += 1) {
      const jobIds = [await world.aLostJob(), await world.aLostJob()];
      const outcomes = await Promise.all(jobIds.map((jobId) => world.reconcile(jobId)));
      const ids = outcomes.map((outcome) => (outcome.kind === 'accepted' ? outcome.task.id : outcome.kind));
      expect(ids.toSorted()).toEqual(['task-1', 'task-2']);
      await database.queries
        .updateTable('attempts')
        .set({ account: 'elsewhere' })
        .where('job_id', 'in', jobIds)
        .execute();
    }
  });

  it('gives one task to one of two equal jobs, and lets the other try again, once no more can be listed', async () => {
    const world = aWorld({ list: async () => [world.aTask('task-1', { minutesAgo: 3 })] });
    const jobIds = [await world.aLostJob({ minutesAgo: 3 }), await world.aLostJob({ minutesAgo: 3 })];
    const outcomes = await Promise.all(jobIds.map((jobId) => world.reconcile(jobId)));
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['accepted', 'never_existed']);
  });

  it('does not guess while an equal job is on its way', async () => {
    const world = aWorld({ list: async () => [world.aTask('task-1')] });
    const jobId = await world.aLostJob();
    const other = await world.aLostJob();
    await database.queries.updateTable('attempts').set({ state: 'intended' }).where('job_id', '=', other).execute();
    await expect(world.reconcile(jobId)).rejects.toMatchObject({ type: 'NotReady' });
    expect(await world.reconcile(jobId, { graceMs: 0 })).toEqual({ kind: 'still_unknown' });
    const { task } = world.aTask('task-1');
    await world.deps.attempts.recordSubmission({ jobId: other, attempt: 1, submission: { outcome: 'accepted', task } });
    await setAge(jobId, 2);
    expect(await world.reconcile(jobId)).toEqual({ kind: 'never_existed' });
  });

  it('does not let a very late answer take a task that another attempt was given', async () => {
    const world = aWorld({ list: async () => [world.aTask('task-1')] });
    const [late, found] = [await world.aLostJob(), await world.aLostJob({ prompt: 'a kite' })];
    const { task } = world.aTask('task-1');
    const submission = { outcome: 'accepted', task } as const;
    await world.deps.attempts.recordSubmission({ jobId: found, attempt: 1, submission });
    await world.deps.attempts.recordSubmission({ jobId: late, attempt: 1, submission });
    expect(await world.attemptOf(late)).toMatchObject({ state: 'unknown', task: null });
  });

  it('asks again after a list that failed, and gives up with the grace time', async () => {
    const world = aWorld({
      list: async () => {
        throw new LookError({ class: 'OVERLOADED', message: 'no' });
      },
    });
    const jobId = await world.aLostJob();
    await expect(world.reconcile(jobId)).rejects.toBeInstanceOf(LookError);
    expect(await world.reconcile(jobId, { graceMs: 0 })).toEqual({ kind: 'still_unknown' });
  });

  it('asks the account of the attempt, also where the job is on another route by now', async () => {
    const world = aWorld({ list: async () => [world.aTask('task-1')] });
    const jobId = await world.aLostJob();
    const asked: string[] = [];
    const { providers } = world.deps;
    const get = (account: string) => {
      asked.push(account);
      return providers.get(account);
    };
    const deps = { ...world.deps, providers: { ...providers, get } };
    const outcome = await world.reconcile(jobId, { route: aRoute({ account: 'another' }) }, deps);
    expect(outcome).toMatchObject({ kind: 'accepted', task: { account: world.account, id: 'task-1' } });
    expect(asked).toEqual([world.account]);
  });

  it('writes down once that nobody knows, and what the job does about it', async () => {
    const world = aWorld({ list: async () => [world.aTask('1'), world.aTask('2')] });
    const jobId = await world.aLostJob();
    const over = { graceMs: 0, unknownPolicy: 'failover' } as const;
    expect(await world.reconcile(jobId, over)).toEqual({ kind: 'still_unknown' });
    expect(await world.reconcile(jobId, over)).toEqual({ kind: 'still_unknown' });
    expect(await eventsOf(jobId, 'attempt.still_unknown')).toEqual([{ attempt: 1, policy: 'failover' }]);
    expect(await world.attemptOf(jobId)).toMatchObject({ state: 'unknown', charged: 'possibly' });
  });
});

describe('reconcileSubmission while an operator has the word', () => {
  const held = { graceMs: 0, isHeld: true } as const;
  const ambiguous = () => aWorld({ list: async () => [] });
  const decide = async (jobId: string, decision: Parameters<ReturnType<typeof createOperatorJobs>['decide']>[1]) =>
    createOperatorJobs(database).decide(jobId, decision);

  it('waits, and finds what comes to light meanwhile', async () => {
    const listed: ListedTask[] = [];
    const world = aWorld({ list: async () => listed });
    const jobId = await world.aLostJob();
    await expect(world.reconcile(jobId, held)).rejects.toMatchObject({ type: 'NotReady' });
    listed.push(world.aTask('task-1'));
    expect(await world.reconcile(jobId, held)).toMatchObject({ kind: 'accepted', task: { id: 'task-1' } });
  });

  it.each([
    ['fail', { kind: 'resolved', as: 'fail' }, { state: 'unknown', charged: 'possibly' }],
    ['failover', { kind: 'resolved', as: 'failover' }, { state: 'unknown', charged: 'possibly' }],
    ['never_existed', { kind: 'never_existed' }, { state: 'not_sent', charged: 'no' }],
  ] as const)('hears %s, with who said it', async (resolution, outcome, attempt) => {
    const world = ambiguous();
    const jobId = await world.aLostJob();
    expect(await decide(jobId, { resolution, by: 'mira' })).toBe('decided');
    expect(await world.reconcile(jobId, held)).toEqual(outcome);
    expect(await world.attemptOf(jobId)).toMatchObject({ ...attempt, resolution });
    expect(await eventsOf(jobId, 'attempt.resolved')).toEqual([{ attempt: 1, resolution, by: 'mira' }]);
  });

  it('hears which task it is, unless that is another attempt’s', async () => {
    const world = ambiguous();
    const [jobId, other] = [await world.aLostJob(), await world.aLostJob()];
    expect(await decide(jobId, { resolution: 'accepted', taskId: 'task-7', by: 'mira' })).toBe('decided');
    const task = { account: world.account, upstreamModel: 'model-1', id: 'task-7' };
    expect(await world.reconcile(jobId, held)).toEqual({ kind: 'accepted', task });
    expect(await decide(other, { resolution: 'accepted', taskId: 'task-7', by: 'mira' })).toBe('task_owned');
    expect(await world.attemptOf(other)).toMatchObject({ state: 'unknown', resolution: null });
  });

  it('hears one word only, and none about what is known', async () => {
    const world = ambiguous();
    const jobId = await world.aLostJob();
    expect(await decide('job_none', { resolution: 'fail', by: 'mira' })).toBe('no_job');
    const words = await Promise.all([
      decide(jobId, { resolution: 'fail', by: 'mira' }),
      decide(jobId, { resolution: 'failover', by: 'noor' }),
    ]);
    expect(words.toSorted()).toEqual(['decided', 'decided_before']);
    expect(await eventsOf(jobId, 'attempt.resolved')).toHaveLength(1);

    const known = await world.aLostJob();
    await decide(known, { resolution: 'never_existed', by: 'mira' });
    expect(await decide(known, { resolution: 'fail', by: 'mira' })).toBe('not_unknown');
  });
});
