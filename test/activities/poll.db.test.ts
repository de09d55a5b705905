import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pollTask } from '../../activities/poll-task.js';
import type { Database } from '../../store/database.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { scriptedProvider } from '../support/scripted-provider.js';
import { openTestDatabase } from '../support/store.js';
import { aJudgedJob, aTakenJob, succeeded, takenTask } from '../support/taken-jobs.js';

describe('a poll', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());

  async function poll(jobId: string, said: { isFirstPoll?: boolean }) {
    const reads: string[] = [];
    const { providers, calls } = scriptedProvider({ look: async () => succeeded });
    const deps = activityDeps(database, { providers });
    const find: typeof deps.attempts.find = (ref) => {
      reads.push(ref.jobId);
      return deps.attempts.find(ref);
    };
    const input = { jobId, attempt: 1, task: takenTask, timeoutMs: 1_000, intervalMs: 10, isCallersInterval: false };
    const given = { ...deps, attempts: { ...deps.attempts, find } };
    const outcome = await runActivity(pollTask, given, { ...input, ...said });
    return { outcome, looks: calls.looks, reads: reads.length };
  }

  it.each([
    ['is not the first', { isFirstPoll: false }],
    ['is of a build that does not say', {}],
  ])('that %s takes a verdict that is recorded, and asks nobody', async (_, said) => {
    const { jobId } = await aJudgedJob(database);
    expect(await poll(jobId, said)).toEqual({ outcome: { kind: 'succeeded' }, looks: 0, reads: 1 });
  });

  it('that is the first asks the provider and reads nothing before', async () => {
    const { jobId } = await aTakenJob(database);
    expect(await poll(jobId, { isFirstPoll: true })).toEqual({ outcome: { kind: 'succeeded' }, looks: 1, reads: 0 });
  });
});
