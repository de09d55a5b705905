import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ActivityDeps } from '../../activities/deps.js';
import { reconcileSubmission } from '../../activities/reconcile-submission.js';
import { submitGeneration } from '../../activities/submit-generation.js';
import { ServiceError } from '../../contract/errors.js';
import type { Generation } from '../../contract/generation.js';
import type { ProviderTask, Submission } from '../../contract/provider.js';
import { newId } from '../../runtime/ids.js';
import type { StoredInput } from '../../store/artifacts.js';
import type { Database } from '../../store/database.js';
import { createJobs, type NewJob } from '../../store/jobs.js';
import type { HealthReport } from '../../store/provider-health.js';
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

async function aJob({ asked = {}, inputs = [] }: { asked?: Partial<NewJob['request']>; inputs?: StoredInput[] } = {}) {
  const owner = await aWorkspace(database, { credits: 1 });
  const newJob = aNewJob(owner, { inputs });
  const { job } = await createJobs(database).accept({ ...newJob, request: { ...newJob.request, ...asked } });
  const stateOf = async () => createJobs(database).find({ id: job.id, workspaceId: owner.workspaceId });
  return { jobId: job.id, stateOf, workspaceId: owner.workspaceId };
}
function aStoredInput({ bytes }: { bytes: number }): StoredInput {
  const id = newId('art');
  return {
    id,
    location: `${id}.png`,
    bytes,
    sha256: 'ab',
    content_type: 'image/png',
    width: 1280,
    height: 720,
    expires_at: new Date(Date.now() + 60_000).toISOString(),
  };
}
const submitInput = (jobId: string) => ({ jobId, attempt: 1, route, timeoutMs: 20_000 });

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

  it('sends nothing when its time is over before it is ready: others may have gone on without it', async () => {
    const image = aStoredInput({ bytes: 4 });
    const { jobId } = await aJob({
      asked: { inputs: { firstFrame: { artifactId: image.id }, references: [] } },
      inputs: [image],
    });
    const { providers, calls } = scriptedProvider({ submit: async () => accepted });
    const base = activityDeps(database, { providers });
    const read = async () => {
      await pause(200);
      return Readable.from([Buffer.from('slow')]);
    };
    const deps = { ...base, store: { ...base.store, read } };
    const outcome = await runActivity(submitGeneration, deps, { ...submitInput(jobId), timeoutMs: 100 });
    expect(outcome).toMatchObject({ kind: 'not_sent', errorClass: 'NETWORK' });
    expect(calls.submits).toEqual([]);
  });

  it('lets a try that could not read its input be made again, and blames no account for it', async () => {
    const image = aStoredInput({ bytes: 4 });
    const inputs = { firstFrame: { artifactId: image.id }, references: [] };
    const { jobId } = await aJob({ asked: { inputs }, inputs: [image] });
    const { providers, calls } = scriptedProvider({ submit: async () => accepted });
    const base = activityDeps(database, { providers });
    const reports: HealthReport[] = [];
    const report: typeof base.health.report = (said) => {
      reports.push(said);
      return base.health.report(said);
    };
    const read = () => Promise.reject(new ServiceError('service_unavailable', { detail: 'away' }));
    const deps = { ...base, health: { ...base.health, report }, store: { ...base.store, read } };
    const outcome = await runActivity(submitGeneration, deps, submitInput(jobId));
    expect(outcome).toMatchObject({ kind: 'not_sent', errorClass: 'OVERLOADED' });
    expect({ submits: calls.submits, reports }).toEqual({ submits: [], reports: [] });
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

describe('what submitGeneration hands to the provider', () => {
  const bytes = Buffer.from('a picture');

  async function aJobWithImages() {
    const frame = aStoredInput({ bytes: bytes.length });
    const reference = aStoredInput({ bytes: bytes.length });
    const artifact = ({ id }: StoredInput) => ({ artifactId: id });
    const inputs = { firstFrame: artifact(frame), references: [artifact(reference)] };
    const { jobId } = await aJob({ asked: { operation: 'image_to_video', inputs }, inputs: [frame, reference] });
    return { jobId, frame, reference };
  }

  /** Every location holds the same picture. */
  function receiver(given: Partial<ActivityDeps> = {}) {
    const received: Generation[] = [];
    const { providers } = scriptedProvider({
      submit: async (generation) => {
        received.push(generation);
        return accepted;
      },
    });
    const deps = activityDeps(database, { providers });
    const store = { ...deps.store, read: async () => Readable.from([bytes]) };
    return { received, deps: { ...deps, store, ...given } };
  }

  it('is each image with its bytes and the address at which it can be fetched', async () => {
    const { jobId, frame, reference } = await aJobWithImages();
    const { received, deps } = receiver({ inputAddress: (id) => `https://reelay.example/inputs/${id}?sig=1` });
    await runActivity(submitGeneration, deps, submitInput(jobId));
    const image = ({ id }: StoredInput) => ({
      contentType: 'image/png',
      bytes,
      url: `https://reelay.example/inputs/${id}?sig=1`,
    });
    expect(received[0]?.inputs).toEqual({ firstFrame: image(frame), references: [image(reference)] });
  });

  it('is an image without an address where there is none to give', async () => {
    const { jobId } = await aJobWithImages();
    const { received, deps } = receiver();
    await runActivity(submitGeneration, deps, submitInput(jobId));
    expect(received[0]?.inputs.firstFrame).toEqual({ contentType: 'image/png', bytes });
    expect(received[0]?.inputs.firstFrame).not.toHaveProperty('url');
  });

  it('is the task and the length of a source video, and not the id of our own job', async () => {
    const source = { task: { ...task, more: { region: 'eu' } }, durationSeconds: 8 };
    const inputs = { references: [], sourceVideo: { jobId: 'job_source', ...source } };
    const { jobId } = await aJob({ asked: { operation: 'extend', inputs } });
    const { received, deps } = receiver();
    await runActivity(submitGeneration, deps, submitInput(jobId));
    expect(received[0]).toMatchObject({ operation: 'extend', upstreamModel: 'model-1' });
    expect(received[0]?.inputs).toEqual({ references: [], sourceVideo: source });
  });

  it('is nothing when an address cannot be made: that is known not to have been sent', async () => {
    const { jobId } = await aJobWithImages();
    const inputAddress = () => {
      throw new Error('no signing key');
    };
    const { received, deps } = receiver({ inputAddress });
    expect(await runActivity(submitGeneration, deps, submitInput(jobId))).toMatchObject({ kind: 'not_sent' });
    expect(received).toEqual([]);
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
    const late = { ...task, id: 'task-late' };
    const submission: Submission = { outcome: 'accepted', task: late };
    await deps.attempts.recordSubmission({ jobId, attempt: 1, submission });
    expect(await runActivity(reconcileSubmission, deps, input(jobId))).toMatchObject({ kind: 'accepted', task: late });
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
    const found = { ...task, id: 'task-found' };
    const { providers } = scriptedProvider({ reconcile: async () => ({ outcome: 'accepted', task: found }) });
    const deps = activityDeps(database, { providers });
    await deps.attempts.intend({ jobId, attempt: 1, route });
    await deps.attempts.recordLost({ jobId, attempt: 1 });
    const outcome = await runActivity(reconcileSubmission, deps, input(jobId, { submitTimeoutMs: 0 }));
    expect(outcome).toMatchObject({ kind: 'accepted', task: found });
    expect(await deps.attempts.find({ jobId, attempt: 1 })).toMatchObject({ state: 'accepted', task: found });
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
