import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { advancePipeline } from '../../activities/advance-pipeline.js';
import type { PipelineDeps } from '../../activities/pipeline-deps.js';
import { ServiceError } from '../../contract/errors.js';
import type { Database } from '../../store/database.js';
import { createPipelineJobs } from '../../store/pipeline-jobs.js';
import { createPipelineProgress } from '../../store/pipeline-progress.js';
import { createPipelines } from '../../store/pipelines.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { aNewJob } from '../support/jobs.js';
import { aNewPipeline, aStep } from '../support/pipelines.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { until } from '../support/until.js';
import { quietTemporal } from '../support/workflow-world.js';

describe('beginning the steps of a pipeline', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    quietTemporal();
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());

  const steps = ['good', 'odd'];

  type Circumstances = {
    before?: Error;
    after?: Error;
    held?: Promise<void>;
    mayDelay?: boolean;
    beginWithinMs?: number;
  };

  /** Two steps, of which `odd` meets this before, or after, it has a job. */
  async function begin({ before, after, held, mayDelay = true, beginWithinMs = 30_000 }: Circumstances) {
    const owner = await aWorkspace(database, { credits: 2 });
    const pipeline = aNewPipeline(owner, { steps: steps.map((name) => aStep(name)) });
    const { id: pipelineId } = pipeline;
    await createPipelines(database).accept(pipeline);
    const makeJob: PipelineDeps['makeJob'] = async ({ run, step }) => {
      if (step === 'odd' && before) throw before;
      if (step === 'odd') await held;
      const { openJobLimit: _, ...job } = aNewJob(owner);
      const made = await createPipelineJobs(database).accept({ pipelineId, run, step, job });
      if (step === 'odd' && after) throw after;
      return made;
    };
    const { pipelines } = activityDeps(database, {});
    const deps = activityDeps(database, { pipelines: { ...pipelines, makeJob, beginWithinMs } });
    const input = { pipelineId, run: 1, begin: steps, skip: [], cancel: [], fail: [], mayDelay };
    return {
      advanced: runActivity(advancePipeline, deps, input),
      again: (names: string[]) => runActivity(advancePipeline, deps, { ...input, begin: names }),
      stepOdd: () => createPipelineProgress(database).step({ pipelineId, step: 'odd' }),
    };
  }

  it('begins the others where one cannot be begun, and leaves that as it was', async () => {
    const { advanced, stepOdd } = await begin({ before: new TypeError('nobody has thought of this') });
    const { begun } = await advanced;
    expect(begun).toMatchObject([
      { name: 'good', kind: 'job' },
      { name: 'odd', kind: 'delayed' },
    ]);
    expect(await stepOdd()).toMatchObject({ state: 'pending', job_id: null });
  });

  it('begins the others where one takes for ever, and finds it when it was begun later', async () => {
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const { advanced, again, stepOdd } = await begin({ held, beginWithinMs: 4_000 });
    expect((await advanced).begun).toMatchObject([
      { name: 'good', kind: 'job' },
      { name: 'odd', kind: 'delayed' },
    ]);
    goOn();
    const { job_id: jobId } = await until(async () => {
      const step = await stepOdd();
      return step?.job_id ? step : undefined;
    });
    expect((await again(['odd'])).begun).toMatchObject([{ name: 'odd', kind: 'job', job: { input: { jobId } } }]);
  });

  it('fails the one that will never be possible, as ever', async () => {
    const { advanced } = await begin({ before: new ServiceError('no_route', { detail: 'nobody can' }) });
    const { begun } = await advanced;
    expect(begun).toMatchObject([{ kind: 'job' }, { kind: 'ended', end: { state: 'failed', errorCode: 'no_route' } }]);
  });

  it.each([
    ['has a job that somebody must carry', { after: new TypeError('nobody has thought of this') }],
    ['met a database that is away', { before: new ServiceError('service_unavailable') }],
    ['is of a workflow that knows no delay', { before: new TypeError('no'), mayDelay: false }],
  ])('is tried again as a whole where one %s', async (_, circumstances) => {
    const { advanced } = await begin(circumstances);
    await expect(advanced).rejects.toThrow();
  });
});
