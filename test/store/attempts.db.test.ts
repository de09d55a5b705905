import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ProviderTask } from '../../contract/provider.js';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { createSettlement } from '../../store/settlement.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const task: ProviderTask = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };

describe('an attempt', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());

  async function aJob() {
    const { job } = await createJobs(database).accept(aNewJob(await aWorkspace(database, { credits: 1 })));
    return job;
  }

  it('may be sent by one of ten runs at once, and leaves one event', async () => {
    const { id } = await aJob();
    const attempts = createAttempts(database);
    const intents = await Promise.all(
      Array.from({ length: 10 }, () => attempts.intend({ jobId: id, attempt: 1, route: aRoute() })),
    );
    expect(intents.filter(({ kind }) => kind === 'inserted')).toHaveLength(1);
    expect(intents.filter(({ kind }) => kind === 'recorded')).toHaveLength(9);
    const events = await database.queries.selectFrom('job_events').selectAll().where('job_id', '=', id).execute();
    expect(events).toHaveLength(2);
  });

  it('is not begun once the job is to be cancelled', async () => {
    const { id, workspace_id: workspaceId } = await aJob();
    await createJobs(database).requestCancel({ id, workspaceId });
    const intent = await createAttempts(database).intend({ jobId: id, attempt: 1, route: aRoute() });
    expect(intent).toEqual({ kind: 'stopped' });
  });

  it('takes an answer that comes after it was given up for lost, and no second one', async () => {
    const { id: jobId, workspace_id: workspaceId } = await aJob();
    const attempts = createAttempts(database);
    await attempts.intend({ jobId, attempt: 1, route: aRoute() });
    await attempts.recordLost({ jobId, attempt: 1 });
    expect(await createJobs(database).find({ id: jobId, workspaceId })).toMatchObject({ phase: 'reconciling' });
    await attempts.recordSubmission({ jobId, attempt: 1, submission: { outcome: 'accepted', task } });
    const error = { class: 'AUTH', message: 'too late' } as const;
    await attempts.recordSubmission({ jobId, attempt: 1, submission: { outcome: 'refused', error } });
    expect(await attempts.find({ jobId, attempt: 1 })).toMatchObject({ state: 'accepted', task });
    expect(await createJobs(database).find({ id: jobId, workspaceId })).toMatchObject({ phase: 'waiting' });
  });

  async function aFinishedTask() {
    const { id: jobId, workspace_id: workspaceId } = await aJob();
    const attempts = createAttempts(database);
    const own = { ...task, id: `task of ${jobId}` };
    await attempts.intend({ jobId, attempt: 1, route: aRoute() });
    await attempts.recordSubmission({ jobId, attempt: 1, submission: { outcome: 'accepted', task: own } });
    const files = [{ url: 'https://provider.example/boat.mp4' }];
    await attempts.recordVerdict({ jobId, attempt: 1, task: own, verdict: { status: 'succeeded', files } });
    const jobNow = () => createJobs(database).find({ id: jobId, workspaceId });
    return { jobId, task: own, files, attempts, jobNow };
  }
  const loss = { class: 'PROVIDER_INTERNAL', message: 'after all not' } as const;

  it('stays succeeded when its provider later says that it runs, or that it failed', async () => {
    const { jobId, task: own, files, attempts, jobNow } = await aFinishedTask();
    await attempts.recordLook({ jobId, progress: 40 });
    await attempts.recordVerdict({
      jobId,
      attempt: 1,
      task: own,
      verdict: { status: 'failed', error: loss, charged: false },
    });
    await attempts.abandon({ jobId, attempt: 1, task: own });
    expect(await attempts.find({ jobId, attempt: 1 })).toMatchObject({ state: 'succeeded', files, charged: 'yes' });
    expect(await jobNow()).toMatchObject({ state: 'running', phase: 'downloading', progress: null });
  });

  it('changes nothing of a job that has ended, whatever its provider says later', async () => {
    const { jobId, task: own, attempts, jobNow } = await aFinishedTask();
    await createSettlement(database).settle({
      jobId,
      state: 'failed',
      errorCode: 'result_unavailable',
      providerCancel: null,
    });
    const ended = await jobNow();
    await attempts.recordLook({ jobId, progress: 40 });
    await attempts.recordVerdict({ jobId, attempt: 1, task: own, verdict: { status: 'succeeded', files: [] } });
    await attempts.recordStillUnknown({ jobId, attempt: 1, policy: 'hold' });
    expect(await jobNow()).toEqual(ended);
  });

  it('names the provider of a job anew when an earlier one makes the video after all', async () => {
    const { id: jobId, workspace_id: workspaceId } = await aJob();
    const attempts = createAttempts(database);
    const early = { ...task, id: `early task of ${jobId}` };
    await attempts.intend({ jobId, attempt: 1, route: aRoute() });
    await attempts.recordSubmission({ jobId, attempt: 1, submission: { outcome: 'accepted', task: early } });
    await attempts.abandon({ jobId, attempt: 1, task: early });
    await attempts.intend({ jobId, attempt: 2, route: aRoute({ account: 'second' }) });
    await attempts.recordSubmission({ jobId, attempt: 2, submission: { outcome: 'refused', error: loss } });
    const jobNow = () => createJobs(database).find({ id: jobId, workspaceId });
    expect(await jobNow()).toMatchObject({ provider: 'second' });
    await attempts.recordVerdict({ jobId, attempt: 1, task: early, verdict: { status: 'succeeded', files: [] } });
    expect(await jobNow()).toMatchObject({ provider: 'first', phase: 'downloading' });
  });
});
