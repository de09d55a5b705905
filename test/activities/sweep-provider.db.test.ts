import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { sweepProvider } from '../../activities/sweep-provider.js';
import type { ListedTask, VideoProvider } from '../../contract/provider.js';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { checkLedger } from '../../store/ledger-check.js';
import { createSettlement } from '../../store/settlement.js';
import { createWatchList } from '../../store/watch-list.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { scriptedProvider } from '../support/scripted-provider.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const MINUTE_MS = 60_000;
const prompt = 'a paper boat on a lake';
const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE_MS);

function aListedTask(id: string, changes: Partial<ListedTask> = {}): ListedTask {
  return {
    task: { account: 'first', upstreamModel: 'model-1', id },
    createdAt: ago(30),
    prompt,
    durationSeconds: 8,
    status: 'succeeded',
    ...changes,
  };
}

describe('sweepProvider', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeEach(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterEach(() => close());

  function sweepOf(listed: ListedTask[], more: Partial<VideoProvider> = {}) {
    const { providers, calls } = scriptedProvider({ list: async () => listed, ...more });
    const deps = activityDeps(database, { providers, costMicrosPerSecond: () => 100_000 });
    const times = { submitTimeoutMs: MINUTE_MS, listTimeoutMs: 1_000, cancelTimeoutMs: 1_000 };
    const input = { account: 'first', lookBackMs: 120 * MINUTE_MS, ...times };
    return { calls, sweep: () => runActivity(sweepProvider, deps, input) };
  }
  /** A job whose submit, 30 minutes ago, was never answered. */
  async function aLostJob({ hasEnded, sentAt = ago(30) }: { hasEnded: boolean; sentAt?: Date }) {
    const owner = await aWorkspace(database, { credits: 1 });
    const { job } = await createJobs(database).accept(aNewJob(owner));
    const ref = { jobId: job.id, attempt: 1 };
    const attempts = createAttempts(database);
    await attempts.intend({ ...ref, route: aRoute() });
    await attempts.recordLost(ref);
    await database.queries.updateTable('attempts').set({ intended_at: sentAt }).where('job_id', '=', job.id).execute();
    const ending = { jobId: job.id, state: 'failed', errorCode: 'submission_unknown', providerCancel: null } as const;
    if (hasEnded) await createSettlement(database).settle(ending);
    return ref;
  }
  const orphans = () =>
    database.queries
      .selectFrom('provider_orphans')
      .select(['task_id', 'resolution', 'job_id', 'cost_micros'])
      .orderBy('task_id')
      .execute();
  const costs = async () => {
    const rows = await database.queries
      .selectFrom('ledger_transfers')
      .select(['reference', 'amount_micros'])
      .where('kind', '=', 'provider_cost')
      .execute();
    return rows.map(({ reference, amount_micros }) => `${reference} ${amount_micros}`);
  };

  it('writes a task off that nobody owns, and books what it costs, once', async () => {
    const { sweep } = sweepOf([aListedTask('task-1')]);
    expect(await sweep()).toEqual({ adopted: 0, canceled: 0, writtenOff: 1 });
    expect(await sweep()).toEqual({ adopted: 0, canceled: 0, writtenOff: 0 });
    expect(await orphans()).toEqual([
      { task_id: 'task-1', resolution: 'written_off', job_id: null, cost_micros: 800_000 },
    ]);
    expect(await costs()).toEqual(['first/task-1 800000']);
    expect(await checkLedger(database)).toEqual([]);
  });

  it('books it once also when two sweeps meet', async () => {
    const { sweep } = sweepOf([aListedTask('task-1'), aListedTask('task-2')]);
    const outcomes = await Promise.all([sweep(), sweep(), sweep()]);
    expect(outcomes.reduce((sum, { writtenOff }) => sum + writtenOff, 0)).toBe(2);
    expect(await checkLedger(database)).toEqual([]);
  });

  it('cancels a task that nobody owns where that can be done, and books nothing for it', async () => {
    const open = aListedTask('task-1', { status: 'open' });
    const { sweep, calls } = sweepOf([open, aListedTask('task-2')], { cancel: async () => 'confirmed' });
    expect(await sweep()).toEqual({ adopted: 0, canceled: 1, writtenOff: 1 });
    expect(calls.cancels).toBe(1);
    expect(await costs()).toEqual(['first/task-2 800000']);
  });

  it('writes off what could not be cancelled any more, and takes a failed task for a free one', async () => {
    const listed = [aListedTask('task-1', { status: 'open' }), aListedTask('task-2', { status: 'failed' })];
    await sweepOf(listed, { cancel: async () => 'too_late' }).sweep();
    expect(await orphans()).toMatchObject([
      { task_id: 'task-1', resolution: 'written_off', cost_micros: 800_000 },
      { task_id: 'task-2', resolution: 'written_off', cost_micros: 0 },
    ]);
  });

  it('leaves a task for the next sweep when its cancel fails', async () => {
    const open = aListedTask('task-1', { status: 'open' });
    const failing = sweepOf([open], {
      cancel: async () => {
        throw new Error('away');
      },
    });
    expect(await failing.sweep()).toEqual({ adopted: 0, canceled: 0, writtenOff: 0 });
    expect(await orphans()).toEqual([]);
  });

  it('gives a task to the ended job whose answer was lost; what it costs is then learnt by the watch', async () => {
    const ref = await aLostJob({ hasEnded: true });
    const { sweep } = sweepOf([aListedTask('task-1')]);
    expect(await sweep()).toEqual({ adopted: 1, canceled: 0, writtenOff: 0 });
    expect(await orphans()).toEqual([{ task_id: 'task-1', resolution: 'adopted', job_id: ref.jobId, cost_micros: 0 }]);
    expect(await createAttempts(database).find(ref)).toMatchObject({
      state: 'accepted',
      charged: 'possibly',
      task: { id: 'task-1' },
    });
    const watched = createWatchList(database).claim(10, { firstPauseMs: 0, longestPauseMs: 1, watchMs: MINUTE_MS });
    expect(await watched).toMatchObject([{ job_id: ref.jobId, task: { id: 'task-1' } }]);
    expect(await sweep()).toEqual({ adopted: 0, canceled: 0, writtenOff: 0 });
    expect(await checkLedger(database)).toEqual([]);
  });

  it('writes off what may be of either of two ended jobs that asked for the same in other words', async () => {
    await aLostJob({ hasEnded: true });
    const other = await aLostJob({ hasEnded: true });
    const request = JSON.stringify({ ...aNewJob({ workspaceId: '', apiKeyId: '' }).request, seed: 7 });
    await database.queries.updateTable('jobs').set({ request }).where('id', '=', other.jobId).execute();
    expect(await sweepOf([aListedTask('task-1')]).sweep()).toEqual({ adopted: 0, canceled: 0, writtenOff: 1 });
  });

  it('leaves a task alone that an open job may still find', async () => {
    await aLostJob({ hasEnded: false });
    const { sweep, calls } = sweepOf([aListedTask('task-1', { status: 'open', prompt: undefined })], {
      cancel: async () => 'confirmed',
    });
    expect(await sweep()).toEqual({ adopted: 0, canceled: 0, writtenOff: 0 });
    expect(calls.cancels).toBe(0);
    expect(await orphans()).toEqual([]);
  });

  it('leaves alone what an attempt owns, what is young, and what says no time', async () => {
    const ref = await aLostJob({ hasEnded: false });
    const owned = aListedTask('task-1');
    const submission = { outcome: 'accepted', task: owned.task } as const;
    await createAttempts(database).recordSubmission({ ...ref, submission });
    const listed = [owned, aListedTask('task-2', { createdAt: ago(1) }), aListedTask('task-3', { createdAt: null })];
    expect(await sweepOf(listed).sweep()).toEqual({ adopted: 0, canceled: 0, writtenOff: 0 });
  });

  it('books nothing for a task whose owner writes its answer down at this very moment', async () => {
    const ref = await aLostJob({ hasEnded: true, sentAt: ago(600) });
    const orphan = aListedTask('task-1', { status: 'open' });
    const { sweep } = sweepOf([orphan], {
      cancel: async (task) => {
        await createAttempts(database).recordSubmission({ ...ref, submission: { outcome: 'accepted', task } });
        return 'too_late';
      },
    });
    expect(await sweep()).toEqual({ adopted: 0, canceled: 0, writtenOff: 0 });
    expect(await orphans()).toEqual([]);
  });

  it('asks nothing of a provider that cannot list', async () => {
    expect(await sweepOf([], { list: undefined }).sweep()).toEqual({ adopted: 0, canceled: 0, writtenOff: 0 });
  });
});
