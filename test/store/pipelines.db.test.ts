import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { TerminalState } from '../../contract/states.js';
import { newId } from '../../runtime/ids.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { createLedger } from '../../store/ledger.js';
import { checkLedger } from '../../store/ledger-check.js';
import { createPipelineControl } from '../../store/pipeline-control.js';
import { createPipelineEvents } from '../../store/pipeline-events.js';
import { createPipelineJobs } from '../../store/pipeline-jobs.js';
import { createPipelineProgress, type NewStepArtifact } from '../../store/pipeline-progress.js';
import { createPipelineQueue } from '../../store/pipeline-queue.js';
import { createPipelines, type NewPipeline } from '../../store/pipelines.js';
import { createSettlement } from '../../store/settlement.js';
import { aNewJob } from '../support/jobs.js';
import { aNewPipeline, aStep } from '../support/pipelines.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

describe('a pipeline in the store', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());
  afterEach(async () => {
    expect(await checkLedger(database)).toEqual([]);
  });

  type Owner = { workspaceId: string; apiKeyId: string };

  function actorsOf(owner: Owner) {
    const pipelines = createPipelines(database);
    const events = createPipelineEvents(database);
    const progress = createPipelineProgress(database);
    const settlement = createSettlement(database);
    const { workspaceId } = owner;
    const rowOf = async (id: string) => {
      const row = await pipelines.find({ id, workspaceId });
      if (!row) throw new Error(`no pipeline ${id}`);
      return row;
    };
    return {
      pipelines,
      progress,
      settlement,
      rowOf,
      balance: () => createLedger(database).balance(workspaceId),
      stepsOf: (id: string) => pipelines.stepsOf([id]),
      eventsOf: async (id: string) => (await events.newer([{ id, after: 0 }], 100)).map(({ type }) => type),

      async accept(changes: Partial<NewPipeline> = {}): Promise<string> {
        const pipeline = aNewPipeline(owner, changes);
        await pipelines.accept(pipeline);
        await progress.start({ pipelineId: pipeline.id, run: 1 });
        return pipeline.id;
      },

      /** The job of a step, which wants to hold so much. */
      async make(pipelineId: string, step: string, holdMicros = 800_000): Promise<string | undefined> {
        const { run } = await rowOf(pipelineId);
        const { openJobLimit: _, ...job } = aNewJob(owner, { holdMicros });
        const made = await createPipelineJobs(database).accept({ pipelineId, step, run, job });
        return made?.jobId;
      },

      async end(jobId: string | undefined, state: TerminalState): Promise<void> {
        const failed = state === 'failed' ? { errorCode: 'generation_failed' as const } : {};
        await settlement.settle({ jobId: jobId ?? '', state, ...failed, providerCancel: null });
      },

      finish: async (pipelineId: string, state: TerminalState) =>
        progress.finish({ pipelineId, run: (await rowOf(pipelineId)).run, state }),
    };
  }

  it('takes the whole quote out of what is available, and nothing more for its jobs', async () => {
    const owner = await aWorkspace(database, { credits: 2 });
    const { accept, make, balance, rowOf, eventsOf } = actorsOf(owner);
    const id = await accept();
    expect(await balance()).toEqual({ availableMicros: 0, heldMicros: 0, reservedMicros: 1_600_000 });

    await make(id, 'shot');
    expect(await balance()).toEqual({ availableMicros: 0, heldMicros: 800_000, reservedMicros: 800_000 });
    expect(await rowOf(id)).toMatchObject({ state: 'running', run: 1, reserved_micros: 1_600_000 });
    expect(await eventsOf(id)).toEqual(['pipeline.queued', 'pipeline.started', 'step.started']);
  });

  it('is refused, and leaves nothing, when the balance is short by a micro', async () => {
    const owner = await aWorkspace(database, { credits: 2 });
    const { pipelines, balance } = actorsOf(owner);
    const dear = [aStep('shot'), aStep('longer', 'extend', { reservedMicros: 800_001 })];
    const pipeline = aNewPipeline(owner, { steps: dear, idempotency: { key: 'one', requestSha256: Buffer.alloc(32) } });
    await expect(pipelines.accept(pipeline)).rejects.toMatchObject({
      code: 'insufficient_funds',
      message: 'The pipeline needs 1.600001 USD; 1.600000 USD are available.',
    });
    expect(await pipelines.find(pipeline)).toBeUndefined();
    expect(await balance()).toEqual({ availableMicros: 1_600_000, heldMicros: 0, reservedMicros: 0 });
    // The key is free again.
    const cheap = aNewPipeline(owner, { idempotency: { key: 'one', requestSha256: Buffer.alloc(32, 1) } });
    expect(await pipelines.accept(cheap)).toMatchObject({ isReplay: false });
  });

  it('gives back what a failed job held to its reserve, and the rest to the workspace at the end', async () => {
    const owner = await aWorkspace(database, { credits: 3 });
    const { accept, make, end, finish, balance, rowOf, stepsOf, eventsOf, progress } = actorsOf(owner);
    const id = await accept();
    await end(await make(id, 'shot'), 'failed');
    expect(await balance()).toEqual({ availableMicros: 800_000, heldMicros: 0, reservedMicros: 1_600_000 });
    const ended = await progress.record({ pipelineId: id, run: 1, skip: ['longer'], cancel: [] });
    expect(ended).toEqual([
      { name: 'shot', state: 'failed', provider: 'first', costMicros: 0, errorCode: 'generation_failed' },
    ]);
    expect(await finish(id, 'failed')).toBe(true);
    expect(await finish(id, 'canceled')).toBe(true);
    expect(await balance()).toEqual({ availableMicros: 2_400_000, heldMicros: 0, reservedMicros: 0 });
    expect(await rowOf(id)).toMatchObject({ state: 'failed' });
    expect((await stepsOf(id)).map(({ state }) => state)).toEqual(['failed', 'skipped']);
    expect(await eventsOf(id)).toEqual([
      'pipeline.queued',
      'pipeline.started',
      'step.started',
      'step.failed',
      'step.skipped',
      'pipeline.failed',
    ]);
  });

  it('does not end while a job of its own is open', async () => {
    const owner = await aWorkspace(database, { credits: 2 });
    const { accept, make, end, finish, rowOf } = actorsOf(owner);
    const id = await accept();
    const job = await make(id, 'shot');
    expect(await finish(id, 'canceled')).toBe(false);
    expect(await rowOf(id)).toMatchObject({ state: 'running' });
    await end(job, 'canceled');
    expect(await finish(id, 'canceled')).toBe(true);
  });

  it('makes one job of a step, however often it is told, and holds no more for it than was quoted', async () => {
    const owner = await aWorkspace(database, { credits: 2 });
    const { accept, make, balance } = actorsOf(owner);
    const id = await accept();
    const [first, second] = await Promise.all([make(id, 'shot', 900_000), make(id, 'shot', 900_000)]);
    expect(first).toBe(second);
    expect(await balance()).toEqual({ availableMicros: 0, heldMicros: 800_000, reservedMicros: 800_000 });
  });

  it('makes no job any more once it is to stop', async () => {
    const owner = await aWorkspace(database, { credits: 2 });
    const { accept, make } = actorsOf(owner);
    const id = await accept();
    const job = await make(id, 'shot');
    await createPipelineControl(database).requestCancel({ id, workspaceId: owner.workspaceId });
    expect(await make(id, 'longer')).toBeUndefined();
    const row = await createJobs(database).find({ id: job ?? '', workspaceId: owner.workspaceId });
    expect(row?.cancel_requested_at).toBeInstanceOf(Date);
  });

  it('tells nothing after its end, not even that it was begun again meanwhile', async () => {
    const { accept, finish, eventsOf } = actorsOf(await aWorkspace(database, { credits: 2 }));
    const { recordRevival } = createPipelineQueue(database);
    const id = await accept();

    await recordRevival({ id, workflow: 'terminated' });
    await finish(id, 'canceled');
    await recordRevival({ id, workflow: 'terminated' });

    const told = await eventsOf(id);
    expect(told.filter((type) => type === 'pipeline.revived')).toHaveLength(1);
    expect(told.at(-1)).toBe('pipeline.canceled');
  });

  it('runs again with what has succeeded kept, and reserves only for the rest', async () => {
    const owner = await aWorkspace(database, { credits: 2 });
    const { accept, make, end, finish, balance, rowOf, stepsOf, pipelines, progress } = actorsOf(owner);
    const { workspaceId } = owner;
    const id = await accept();
    const kept = await make(id, 'shot');
    // Nothing was delivered in this test, so nothing is charged.
    await end(kept, 'succeeded');
    await end(await make(id, 'longer'), 'failed');
    await finish(id, 'failed');

    const again = aStep('longer', 'remix', { reservedMicros: 500_000 });
    const retried = await pipelines.retry({ id, workspaceId, steps: [again], inputs: [] });
    expect(retried).toMatchObject({ state: 'queued', run: 2, reserved_micros: 500_000, finished_at: null });
    expect(await balance()).toMatchObject({ reservedMicros: 500_000 });
    expect(await stepsOf(id)).toMatchObject([
      { name: 'shot', state: 'succeeded', job_id: kept, run: 1 },
      { name: 'longer', kind: 'remix', state: 'pending', job_id: null, error_code: null, run: 2 },
    ]);
    // Who of the first run is still about can do nothing.
    expect(await progress.finish({ pipelineId: id, run: 1, state: 'canceled' })).toBe(true);
    expect(await rowOf(id)).toMatchObject({ state: 'queued' });

    await progress.start({ pipelineId: id, run: 2 });
    await end(await make(id, 'longer'), 'failed');
    await finish(id, 'failed');
    expect(await balance()).toEqual({ availableMicros: 1_600_000, heldMicros: 0, reservedMicros: 0 });
  });

  it('takes nothing from whoever is still at work on a step for a run that is over', async () => {
    const owner = await aWorkspace(database, { credits: 1 });
    const { accept, finish, stepsOf, pipelines, progress } = actorsOf(owner);
    const steps = [aStep('film', 'concat')];
    const id = await accept({ steps });
    const ofRun = (run: number) => ({ pipelineId: id, step: 'film', run });
    const late = { ...ofRun(1), artifact: aFilm('of the first run') };
    await progress.begin(ofRun(1));
    await progress.fail({ ...ofRun(1), code: 'media_failed', detail: 'It came to no end.' });
    await progress.succeed(late);
    await finish(id, 'failed');
    await progress.succeed(late);
    expect(await pipelines.filesOf(id)).toEqual([]);

    await pipelines.retry({ id, workspaceId: owner.workspaceId, steps, inputs: [] });
    await progress.start({ pipelineId: id, run: 2 });
    await progress.begin(ofRun(2));
    await progress.succeed(late);
    await progress.fail({ ...ofRun(1), code: 'media_failed', detail: 'It came to no end.' });
    expect(await stepsOf(id)).toMatchObject([{ state: 'running', artifact_id: null, error_code: null }]);
    const artifact = aFilm('of the second run');
    await progress.succeed({ ...ofRun(2), artifact });
    await progress.succeed({ ...ofRun(2), artifact: { ...artifact, id: newId('art') } });
    expect(await stepsOf(id)).toMatchObject([{ state: 'succeeded', artifact_id: artifact.id }]);
    expect(await pipelines.filesOf(id)).toMatchObject([{ id: artifact.id, sha256: 'of the second run' }]);
    await finish(id, 'succeeded');
  });

  it('is run again once by two who ask at the same time, and not at all while it runs', async () => {
    const owner = await aWorkspace(database, { credits: 4 });
    const { accept, finish, pipelines, balance } = actorsOf(owner);
    const id = await accept();
    const retry = () => pipelines.retry({ id, workspaceId: owner.workspaceId, steps: [aStep('shot')], inputs: [] });
    expect(await retry()).toBeUndefined();
    await finish(id, 'failed');
    const answers = await Promise.all([retry(), retry()]);
    expect(answers.filter((row) => row !== undefined)).toHaveLength(1);
    expect(await balance()).toMatchObject({ reservedMicros: 800_000 });
  });

  it('stays as it ended when there is no money to run it again', async () => {
    const owner = await aWorkspace(database, { credits: 2 });
    const { accept, finish, pipelines, rowOf, stepsOf } = actorsOf(owner);
    const id = await accept();
    await finish(id, 'failed');
    const dear = aStep('shot', 'text_to_video', { reservedMicros: 9_000_000 });
    const retry = pipelines.retry({ id, workspaceId: owner.workspaceId, steps: [dear], inputs: [] });
    await expect(retry).rejects.toMatchObject({ code: 'insufficient_funds' });
    expect(await rowOf(id)).toMatchObject({ state: 'failed', run: 1 });
    expect((await stepsOf(id))[0]).toMatchObject({ state: 'skipped', reserved_micros: 800_000 });
  });

  it('is one pipeline under one idempotency key, and the key is no job’s then', async () => {
    const owner = await aWorkspace(database, { credits: 8 });
    const { pipelines, balance } = actorsOf(owner);
    const idempotency = { key: 'film', requestSha256: Buffer.alloc(32, 7) };
    const [one, two] = await Promise.all([0, 1].map(() => pipelines.accept(aNewPipeline(owner, { idempotency }))));
    expect(one?.pipeline.id).toBe(two?.pipeline.id);
    expect([one?.isReplay, two?.isReplay].filter(Boolean)).toHaveLength(1);
    expect(await balance()).toMatchObject({ reservedMicros: 1_600_000 });
    const other = { key: 'film', requestSha256: Buffer.alloc(32, 8) };
    const jobs = createJobs(database);
    await expect(jobs.accept(aNewJob(owner, { idempotency: other }))).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
    await expect(pipelines.accept(aNewPipeline(owner, { idempotency: other }))).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
  });

  it('counts as one of the open jobs of its workspace', async () => {
    const owner = await aWorkspace(database, { credits: 8 });
    const { pipelines } = actorsOf(owner);
    await pipelines.accept(aNewPipeline(owner, { openJobLimit: 1 }));
    await expect(pipelines.accept(aNewPipeline(owner, { openJobLimit: 1 }))).rejects.toMatchObject({
      code: 'too_many_jobs',
    });
  });

  it('takes one decision of a person, in time', async () => {
    const owner = await aWorkspace(database, { credits: 1 });
    const { accept, progress, stepsOf, finish } = actorsOf(owner);
    const control = createPipelineControl(database);
    const { workspaceId, apiKeyId } = owner;
    const id = await accept({ steps: ['one', 'two', 'three'].map((name) => aStep(name, 'approval')) });
    const decide = (step: string, decision: 'approved' | 'rejected') =>
      control.decide({ id, workspaceId, step, decision, note: 'why', apiKeyId });
    expect(await decide('one', 'approved')).toBe(false);
    const asked = await progress.ask({ pipelineId: id, step: 'one', seconds: 60 });
    expect(asked).toMatchObject({ state: 'waiting_approval' });
    expect(asked.remainingMs).toBeGreaterThan(50_000);
    expect(await progress.answer({ pipelineId: id, step: 'one' })).toMatchObject({ state: 'waiting_approval' });
    expect(
      await control.decide({ id, workspaceId: newId('ws'), step: 'one', decision: 'approved', note: null, apiKeyId }),
    ).toBe(false);
    expect(await decide('one', 'approved')).toBe(true);
    expect(await decide('one', 'rejected')).toBe(false);
    expect(await progress.answer({ pipelineId: id, step: 'one' })).toMatchObject({ state: 'succeeded' });

    await progress.ask({ pipelineId: id, step: 'two', seconds: 60 });
    await decide('two', 'rejected');
    expect(await progress.answer({ pipelineId: id, step: 'two' })).toMatchObject({ state: 'failed' });
    await progress.ask({ pipelineId: id, step: 'three', seconds: 0 });
    expect(await decide('three', 'approved')).toBe(false);
    expect(await progress.answer({ pipelineId: id, step: 'three' })).toMatchObject({ state: 'failed' });
    expect(await stepsOf(id)).toMatchObject([
      { state: 'succeeded', decision: 'approved', decision_note: 'why' },
      { state: 'failed', error_code: 'approval_rejected' },
      { state: 'failed', error_code: 'approval_expired', decision: null },
    ]);
    await finish(id, 'failed');
  });
});

function aFilm(sha256: string): NewStepArtifact {
  const facts = { width: 64, height: 64, durationSeconds: 2, framesPerSecond: 24, retentionDays: 30 };
  return {
    id: newId('art'),
    role: 'video',
    location: `aa/${sha256}.mp4`,
    bytes: 1,
    sha256,
    contentType: 'video/mp4',
    ...facts,
  };
}
