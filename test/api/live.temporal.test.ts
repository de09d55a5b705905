import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { workflowQueue } from '../../contract/queues.js';
import { newId } from '../../runtime/ids.js';
import { createJobs } from '../../store/jobs.js';
import type { videoJob } from '../../workflows/video-job.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { aNewJob } from '../support/jobs.js';
import { aPlan } from '../support/plans.js';
import { until } from '../support/until.js';
import { startWorkflowWorld } from '../support/workflow-world.js';

type Live = {
  job: { id: string; status: string };
  workflow: { status: string; history_events: number; state: Record<string, unknown> | null } | null;
  pending: { activity: string; attempt: number; next_look_at: string | null; last_failure: unknown }[];
};

let world: Awaited<ReturnType<typeof startWorkflowWorld>>;
let api: Api;
let caller: Awaited<ReturnType<Api['addWorkspace']>>;
beforeAll(async () => {
  world = await startWorkflowWorld(['first', 'second']);
  api = await startApi({ jobs: { temporal: world.client } });
  caller = await api.addWorkspace();
}, 60_000);
afterAll(async () => {
  await api.close();
  await world.close();
});

const live = async (id: string) => {
  const response = await caller.get(`/api/v1/videos/jobs/${id}/live`);
  if (response.status !== 200) throw new Error(`live: ${response.status}`);
  return (await response.json()) as Live;
};

/** The row of a job, as the api leaves it. */
async function addJob(id = newId('job')): Promise<string> {
  const { workspaceId, keyId: apiKeyId } = caller;
  await createJobs(api.database).accept(aNewJob({ workspaceId, apiKeyId }, { id }));
  return id;
}

describe('the live view', () => {
  it('of a job that nobody has started has no workflow', async () => {
    const id = await addJob();

    expect(await live(id)).toMatchObject({ job: { id, status: 'queued' }, workflow: null, pending: [] });
  });

  it('tells what the workflow does and when it looks again', async () => {
    const pollTask = async () => {
      throw ApplicationFailure.create({ type: 'NotReady', message: 'running, 40 %', nextRetryDelay: '30 seconds' });
    };
    const { jobId, handle } = await world.start(aPlan(), { pollTask });
    await addJob(jobId);

    const seen = await until(async () => {
      const view = await live(jobId);
      return view.pending[0]?.last_failure ? view : undefined;
    });
    await handle.terminate();

    expect(seen.workflow).toMatchObject({
      status: 'running',
      state: { step: expect.any(String), phase: 'polling', attempt: 1, provider: 'first', cancel_requested: false },
    });
    expect(seen.workflow?.history_events).toBeGreaterThan(5);
    expect(seen.pending).toEqual([
      {
        activity: 'pollTask',
        attempt: 2,
        next_look_at: expect.stringMatching(/^2.*Z$/),
        last_failure: { type: 'NotReady', message: 'running, 40 %' },
      },
    ]);
    expect(Date.parse(seen.pending[0]?.next_look_at ?? '')).toBeGreaterThan(Date.now());
  }, 30_000);

  it('knows what the server knows while no worker is there', async () => {
    const id = await addJob();
    await world.client.workflow.start<typeof videoJob>('videoJob', {
      workflowId: id,
      taskQueue: `${workflowQueue}-nobody`,
      args: [{ jobId: id, workspaceId: caller.workspaceId, ...aPlan() }],
    });

    const seen = await live(id);

    expect(seen).toMatchObject({ workflow: { status: 'running', state: null }, pending: [] });
  }, 30_000);
});

describe('the live view while Temporal is away', () => {
  it('says so, and the job can be read all the same', async () => {
    const lonely = await startApi();
    const someone = await lonely.addWorkspace();
    const id = newId('job');
    const { workspaceId, keyId: apiKeyId } = someone;
    await createJobs(lonely.database).accept(aNewJob({ workspaceId, apiKeyId }, { id }));

    const response = await someone.get(`/api/v1/videos/jobs/${id}/live`);
    const answer = await readJson(response);
    const job = await someone.get(`/api/v1/videos/jobs/${id}`);
    await lonely.close();

    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(answer).toMatchObject({ code: 'service_unavailable' });
    expect(job.status).toBe(200);
  }, 30_000);
});
