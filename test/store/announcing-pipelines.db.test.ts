import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newId } from '../../runtime/ids.js';
import type { Announcer } from '../../store/announcements.js';
import {
  announcingPipelineControl,
  announcingPipelineJobs,
  announcingPipelineProgress,
  announcingPipelineQueue,
  announcingPipelines,
} from '../../store/announcing-pipelines.js';
import type { Database } from '../../store/database.js';
import { createPipelineControl } from '../../store/pipeline-control.js';
import { createPipelineJobs } from '../../store/pipeline-jobs.js';
import { createPipelineProgress } from '../../store/pipeline-progress.js';
import { createPipelineQueue } from '../../store/pipeline-queue.js';
import { createPipelines } from '../../store/pipelines.js';
import { aNewJob } from '../support/jobs.js';
import { aNewPipeline, aStep } from '../support/pipelines.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

describe('a change of a pipeline', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());

  const told: string[] = [];
  const toDispatch: string[] = [];
  const announcer: Announcer = {
    announce(id, { isToDispatch = false } = {}) {
      (isToDispatch ? toDispatch : told).push(id);
    },
    async close() {},
  };
  beforeEach(() => {
    told.length = 0;
    toDispatch.length = 0;
  });

  async function aPipeline() {
    const owner = await aWorkspace(database, { credits: 3 });
    const pipelines = announcingPipelines(createPipelines(database), announcer);
    const steps = [aStep('shot'), aStep('still', 'frame'), aStep('agreed', 'approval')];
    const pipeline = aNewPipeline(owner, { steps });
    await pipelines.accept(pipeline);
    return { ...owner, pipeline, id: pipeline.id, pipelines };
  }

  it('is told to dispatchers where it is theirs: taken, cancelled, decided, ended, run again', async () => {
    const { id, workspaceId, apiKeyId, pipeline, pipelines } = await aPipeline();
    const control = announcingPipelineControl(createPipelineControl(database), announcer);
    const progress = announcingPipelineProgress(createPipelineProgress(database), announcer);
    expect(toDispatch.splice(0)).toEqual([id]);

    const said = { id, workspaceId, apiKeyId, step: 'agreed', decision: 'approved', note: null } as const;
    await control.decide(said);
    expect(toDispatch).toEqual([]);
    await progress.start({ pipelineId: id, run: 1 });
    await progress.ask({ pipelineId: id, step: 'agreed', seconds: 60 });
    await control.decide(said);
    expect(toDispatch.splice(0)).toEqual([id]);
    await control.requestCancel({ id, workspaceId });
    expect(toDispatch.splice(0)).toEqual([id]);
    await progress.finish({ pipelineId: id, run: 1, state: 'canceled' });
    expect(toDispatch.splice(0)).toEqual([id]);

    await control.requestCancel({ id, workspaceId });
    expect(toDispatch).toEqual([]);
    await pipelines.retry({ id, workspaceId, steps: pipeline.steps, inputs: [] });
    await pipelines.retry({ id, workspaceId, steps: pipeline.steps, inputs: [] });
    expect(toDispatch).toEqual([id]);
  });

  it('is told to who waits, step by step', async () => {
    const { id } = await aPipeline();
    const progress = announcingPipelineProgress(createPipelineProgress(database), announcer);
    const ofStill = { pipelineId: id, step: 'still' };
    const ofApproval = { pipelineId: id, step: 'agreed' };

    for (const change of [
      () => progress.start({ pipelineId: id, run: 1 }),
      () => progress.begin(ofStill),
      () => progress.fail({ ...ofStill, run: 1, code: 'media_failed', detail: 'no' }),
      () => progress.ask({ ...ofApproval, seconds: 0 }),
      () => progress.answer(ofApproval),
      () => progress.record({ pipelineId: id, run: 1, skip: ['shot'], cancel: [] }),
      () => announcingPipelineQueue(createPipelineQueue(database), announcer).recordRevival({ id, workflow: 'lost' }),
    ]) {
      await change();
      expect(told.splice(0)).toEqual([id]);
    }
  });

  it('is told with that of its job, once', async () => {
    const { id, workspaceId, apiKeyId } = await aPipeline();
    await createPipelineProgress(database).start({ pipelineId: id, run: 1 });
    const { openJobLimit: _, ...job } = aNewJob({ workspaceId, apiKeyId });
    const { accept } = announcingPipelineJobs(createPipelineJobs(database), announcer);

    await accept({ pipelineId: id, step: 'shot', run: 1, job });
    await accept({ pipelineId: id, step: 'shot', run: 1, job });

    expect(told).toEqual([job.id, id]);
  });

  it('is told once under one idempotency key', async () => {
    const { pipelines, workspaceId, apiKeyId } = await aPipeline();
    const idempotency = { key: 'one-film', requestSha256: Buffer.alloc(32) };
    const first = aNewPipeline({ workspaceId, apiKeyId }, { idempotency, steps: [aStep('shot')] });
    toDispatch.length = 0;

    await pipelines.accept(first);
    await pipelines.accept({ ...first, id: newId('pipe') });

    expect(toDispatch).toEqual([first.id]);
  });
});
