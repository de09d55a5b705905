import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { reconcileSubmission } from '../../activities/reconcile-submission.js';
import { submitGeneration } from '../../activities/submit-generation.js';
import type { ProviderTask, Submission } from '../../contract/provider.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { scriptedProvider } from '../support/scripted-provider.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const task: ProviderTask = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };
const accepted: Submission = { outcome: 'accepted', task };
const route = aRoute();

let database: Database;
let close: () => Promise<void>;
beforeAll(async () => {
  ({ database, close } = await openTestDatabase());
});
afterAll(() => close());

async function aJob() {
  const owner = await aWorkspace(database, { credits: 1 });
  const { job } = await createJobs(database).accept(aNewJob(owner));
  const stateOf = async () => createJobs(database).find({ id: job.id, workspaceId: owner.workspaceId });
  return { jobId: job.id, stateOf, workspaceId: owner.workspaceId };
}
const submitInput = (jobId: string) => ({ jobId, attempt: 1, route, timeoutMs: 1_000 });

describe('submitGeneration', () => {
  it('sends once, and a second run answers what the first recorded', async () => {
    const { jobId } = await aJob();
    const { providers, calls } = scriptedProvider({ submit: async () => accepted });
    const deps = activityDeps(database, { providers });
    expect(await runActivity(submitGeneration, deps, submitInput(jobId))).toMatchObject({ kind: 'accepted', task });
    expect(await runActivity(submitGeneration, deps, submitInput(jobId))).toMatchObject({ kind: 'accepted', task });
    expect(calls.submits).toEqual([`${jobId}:1`]);
  });

  it('answers unknown, and sends nothing, where an earlier run left no answer', async () => {
    const { jobId, stateOf } = await aJob();
    const { providers, calls } = scriptedProvider({});
    const deps = activityDeps(database, { providers });
    await deps.attempts.intend({ jobId, attempt: 1, route });
    expect(await runActivity(submitGeneration, deps, submitInput(jobId))).toEqual({ kind: 'unknown' });
    expect(calls.submits).toEqual([]);
    expect(await stateOf()).toMatchObject({ state: 'running', phase: 'reconciling', held_micros: 800_000 });
  });

  it('sends nothing for a job that is to be cancelled', async () => {
    const { jobId, workspaceId } = await aJob();
    await createJobs(database).requestCancel({ id: jobId, workspaceId });
    const deps = activityDeps(database, scriptedProvider({}));
    expect(await runActivity(submitGeneration, deps, submitInput(jobId))).toEqual({ kind: 'stopped' });
  });

  it('knows that nothing was sent when the account cannot be used', async () => {
    const { jobId } = await aJob();
    const get = () => {
      throw new Error('no key');
    };
    const deps = activityDeps(database, { providers: { get, close: async () => {} } });
    const outcome = await runActivity(submitGeneration, deps, submitInput(jobId));
    expect(outcome).toMatchObject({ kind: 'not_sent', errorClass: 'AUTH' });
    expect(await deps.attempts.find({ jobId, attempt: 1 })).toMatchObject({ state: 'not_sent', charged: 'no' });
  });

  it('returns an accepted task although its row cannot be written just now', async () => {
    const { jobId } = await aJob();
    const { providers } = scriptedProvider({ submit: async () => accepted });
    const deps = activityDeps(database, { providers });
    let tries = 0;
    const recordSubmission: typeof deps.attempts.recordSubmission = async (record) => {
      tries += 1;
      if (tries < 3) throw new Error('the database is away');
      return deps.attempts.recordSubmission(record);
    };
    const shaky = { ...deps, attempts: { ...deps.attempts, recordSubmission } };
    expect(await runActivity(submitGeneration, shaky, submitInput(jobId))).toMatchObject({ kind: 'accepted' });
    expect(tries).toBe(3);
    expect(await deps.attempts.find({ jobId, attempt: 1 })).toMatchObject({ state: 'accepted', task });
  });
});

describe('reconcileSubmission', () => {
  const input = (jobId: string, changes: { graceMs?: number; submitTimeoutMs?: number } = {}) => ({
    jobId,
    attempt: 1,
    route,
    graceMs: 60_000,
    submitTimeoutMs: 60_000,
    timeoutMs: 1_000,
    ...changes,
  });

  it('waits for a slow first run as long as it may still be sending, and takes its late answer', async () => {
    const { jobId } = await aJob();
    const deps = activityDeps(database, scriptedProvider({}));
    await deps.attempts.intend({ jobId, attempt: 1, route });
    await deps.attempts.recordLost({ jobId, attempt: 1 });
    await expect(runActivity(reconcileSubmission, deps, input(jobId, { graceMs: 0 }))).rejects.toMatchObject({
      type: 'NotReady',
    });
    await deps.attempts.recordSubmission({ jobId, attempt: 1, submission: accepted });
    expect(await runActivity(reconcileSubmission, deps, input(jobId))).toMatchObject({ kind: 'accepted', task });
  });

  it('says that it stays unknown when the grace time is over and nobody can be asked', async () => {
    const { jobId } = await aJob();
    const deps = activityDeps(database, scriptedProvider({}));
    await deps.attempts.intend({ jobId, attempt: 1, route });
    await deps.attempts.recordLost({ jobId, attempt: 1 });
    const over = input(jobId, { graceMs: 0, submitTimeoutMs: 0 });
    expect(await runActivity(reconcileSubmission, deps, over)).toEqual({ kind: 'still_unknown' });
    const within = input(jobId, { submitTimeoutMs: 0 });
    await expect(runActivity(reconcileSubmission, deps, within)).rejects.toMatchObject({ type: 'NotReady' });
  });

  it('asks a provider that can be asked', async () => {
    const { jobId } = await aJob();
    const { providers } = scriptedProvider({ reconcile: async () => ({ outcome: 'accepted', task }) });
    const deps = activityDeps(database, { providers });
    await deps.attempts.intend({ jobId, attempt: 1, route });
    await deps.attempts.recordLost({ jobId, attempt: 1 });
    const outcome = await runActivity(reconcileSubmission, deps, input(jobId, { submitTimeoutMs: 0 }));
    expect(outcome).toMatchObject({ kind: 'accepted', task });
    expect(await deps.attempts.find({ jobId, attempt: 1 })).toMatchObject({ state: 'accepted', task });
  });

  it('knows that nothing was sent where no run had begun, and keeps a late one from sending', async () => {
    const { jobId } = await aJob();
    const { providers, calls } = scriptedProvider({ submit: async () => accepted });
    const deps = activityDeps(database, { providers });
    expect(await runActivity(reconcileSubmission, deps, input(jobId))).toEqual({ kind: 'never_existed' });
    expect(await runActivity(submitGeneration, deps, submitInput(jobId))).toMatchObject({ kind: 'not_sent' });
    expect(calls.submits).toEqual([]);
  });
});
