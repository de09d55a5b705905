import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { findProjectRoot } from '../../runtime/root.js';
import { checkLedger } from '../../store/ledger-check.js';
import type { NewStep } from '../../store/pipelines.js';
import { pipelineState } from '../../workflows/messages.js';
import { keepHistory } from '../support/keep-history.js';
import { type PipelineWorld, startPipelineWorld } from '../support/pipeline-world.js';
import { aStep } from '../support/pipelines.js';
import { until } from '../support/until.js';

const codePath = join(findProjectRoot(), 'dist', 'workflow-bundle.js');
const after = (...needs: string[]) => ({ definition: { ...aStep('any').definition, after: needs } });
const job = (name: string, ...needs: string[]) => aStep(name, 'text_to_video', after(...needs));
const approval = (name: string, { needs = [], seconds = 60 }: { needs?: string[]; seconds?: number } = {}) =>
  aStep(name, 'approval', { definition: { after: needs, deadlineSeconds: seconds } });

describe('videoPipeline', () => {
  let world: PipelineWorld;
  beforeAll(async () => {
    world = await startPipelineWorld();
  }, 60_000);
  afterAll(() => world.close(), 60_000);
  afterEach(async () => {
    world.continueAfter(undefined);
    expect(await checkLedger(world.database)).toEqual([]);
  });
  jest.setTimeout(60_000);

  it('carries a whole film through, every step once, and gives the rest of the money back', async () => {
    const film = await world.accept({
      steps: [
        job('shot'),
        job('other'),
        job('longer', 'shot'),
        aStep('still', 'frame', { definition: { source: 'longer', at: 'last' } }),
        aStep('film', 'concat', { definition: { sources: ['longer', 'other'], after: ['still'] } }),
      ],
    });
    expect(await film.untilEnded()).toMatchObject({ state: 'succeeded' });
    expect(film.bought().toSorted((left, right) => left.localeCompare(right))).toEqual(['longer', 'other', 'shot']);
    expect(film.bought().indexOf('longer')).toBeGreaterThan(film.bought().indexOf('shot'));
    const steps = await film.steps();
    expect(steps.map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => 'succeeded'));
    const files = await world.database.queries
      .selectFrom('artifacts')
      .selectAll()
      .where('pipeline_id', '=', film.id)
      .execute();
    expect(files.toSorted((left, right) => left.role.localeCompare(right.role))).toMatchObject([
      { role: 'frame', pipeline_step: 'still', content_type: 'image/png', width: 1280, height: 720 },
      { role: 'video', pipeline_step: 'film', content_type: 'video/mp4', duration_seconds: 16 },
    ]);
    const sequences = (await film.events()).map(({ sequence }) => sequence);
    expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  });

  it('names its children after their steps, and tells the tree with providers, cost and time', async () => {
    const film = await world.accept({ steps: [job('shot'), job('longer', 'shot')] });
    await film.untilEnded();
    await until(async () => (await film.handle.describe()).status.name === 'COMPLETED');
    const [first] = await film.jobsOf();
    const child = await world.client.workflow.getHandle(first?.id ?? '').describe();
    expect(await child.staticSummary()).toBe('shot · sora · text_to_video · 8 s');
    expect(child.searchAttributes).toMatchObject({ ReelayPipeline: [film.id], ReelayStatus: ['succeeded'] });
    expect((await film.handle.describe()).searchAttributes).toMatchObject({
      ReelayPipeline: [film.id],
      ReelayStatus: ['succeeded'],
    });
    const { currentDetails } = await film.handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    expect(currentDetails.split('\n')).toEqual([
      '**2 of 2 steps done**',
      '',
      '```',
      expect.stringMatching(/^✓ shot · text_to_video · succeeded · first · 0\.800000 USD · [\d.]+ s$/),
      expect.stringMatching(/^└ ✓ longer · text_to_video · succeeded · first · 0\.800000 USD · [\d.]+ s$/),
      '```',
    ]);
  });

  it('runs no more steps side by side than it may', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const hanging = Object.fromEntries(names.map((name) => [name, 'hangs' as const]));
    const film = await world.accept({ steps: names.map((name) => job(name)), maxParallel: 2 }, hanging);
    await until(async () => film.bought().length === 2);
    expect(await film.states()).toMatchObject({ a: 'running', b: 'running', c: 'pending' });
    film.told({ a: 'made' });
    await until(async () => film.bought().length === 3);
    expect(Object.values(await film.states()).filter((state) => state === 'running')).toHaveLength(2);
    film.told(Object.fromEntries(names.map((name) => [name, 'made' as const])));
    expect(await film.untilEnded()).toMatchObject({ state: 'succeeded' });
  });

  it('begins nothing new after a failure, and waits for what runs', async () => {
    const film = await world.accept(
      { steps: [job('bad'), job('good'), job('next', 'good')], maxParallel: 2 },
      { bad: 'refused', good: 'hangs' },
    );
    await film.untilStates({ bad: 'failed', next: 'skipped' });
    expect(await film.row()).toMatchObject({ state: 'running' });
    film.told({ good: 'made' });
    expect(await film.untilEnded()).toMatchObject({ state: 'failed' });
    expect(await film.states()).toEqual({ bad: 'failed', good: 'succeeded', next: 'skipped' });
    expect(film.bought()).toEqual(['good']);
  });

  it('goes on with what does not need the failed step, where that is wished', async () => {
    const film = await world.accept(
      {
        steps: [job('bad'), job('good'), job('next', 'good'), job('lost', 'bad')],
        onFailure: 'continue',
        maxParallel: 1,
      },
      { bad: 'refused' },
    );
    expect(await film.untilEnded()).toMatchObject({ state: 'failed' });
    expect(await film.states()).toEqual({ bad: 'failed', good: 'succeeded', next: 'succeeded', lost: 'skipped' });
    const [bad] = await film.steps();
    expect(bad).toMatchObject({ error_code: 'prompt_rejected' });
  });

  it('stops its jobs when it is cancelled, waits for them, and charges nothing for what did not come', async () => {
    const film = await world.accept(
      { steps: [job('shot'), job('slow', 'shot'), job('never', 'slow')] },
      { slow: 'hangs' },
    );
    await until(async () => film.bought().includes('slow'));
    await film.cancel();
    expect(await film.untilEnded()).toMatchObject({ state: 'canceled' });
    expect(await film.states()).toEqual({ shot: 'succeeded', slow: 'canceled', never: 'canceled' });
    const jobs = await film.jobsOf();
    expect(jobs.map(({ state, captured_micros }) => [state, captured_micros])).toEqual([
      ['succeeded', 800_000],
      ['canceled', 0],
    ]);
  });

  it('cancels before anything has begun', async () => {
    await world.stopWorkers();
    const film = await world.accept({ steps: [job('shot')] });
    await film.cancel();
    await world.startWorkers();
    expect(await film.untilEnded()).toMatchObject({ state: 'canceled' });
    expect(film.bought()).toEqual([]);
  });

  it('waits for a person and goes on as they say', async () => {
    const steps = [job('shot'), approval('agreed', { needs: ['shot'] }), job('next', 'agreed')];
    const good = await world.accept({ steps });
    await good.untilStates({ agreed: 'waiting_approval' });
    expect(await good.states()).toEqual({ shot: 'succeeded', agreed: 'waiting_approval', next: 'pending' });
    expect(await good.decide('agreed', 'approved')).toBe(true);
    expect(await good.untilEnded()).toMatchObject({ state: 'succeeded' });

    const bad = await world.accept({ steps });
    await bad.untilStates({ agreed: 'waiting_approval' });
    await bad.decide('agreed', 'rejected');
    expect(await bad.untilEnded()).toMatchObject({ state: 'failed' });
    expect((await bad.steps()).map(({ error_code }) => error_code)).toEqual([null, 'approval_rejected', null]);
    expect(bad.bought()).toEqual(['shot']);
  });

  it('waits for a person as long as it was told to', async () => {
    const film = await world.accept({ steps: [approval('agreed', { seconds: 1 }), job('next', 'agreed')] });
    expect(await film.untilEnded()).toMatchObject({ state: 'failed' });
    expect(await film.steps()).toMatchObject([{ error_code: 'approval_expired' }, { state: 'skipped' }]);
  });

  it('goes on as a new workflow between steps, also while a person is waited for', async () => {
    world.continueAfter(2);
    const chain = ['a', 'b', 'c', 'd', 'e'].map((name, index, names) => job(name, ...names.slice(index - 1, index)));
    const film = await world.accept({ steps: [...chain, approval('agreed'), job('last', 'agreed', 'e')] });
    await film.untilStates({ e: 'succeeded', agreed: 'waiting_approval' });
    // What is listed comes a moment later than what is.
    await until(async () => {
      const runs = new Set<string>();
      for await (const { runId } of world.client.workflow.list({ query: `WorkflowId = '${film.id}'` })) runs.add(runId);
      return runs.size >= 3;
    });
    expect((await film.handle.describe()).searchAttributes).toMatchObject({ ReelayPipeline: [film.id] });
    await film.decide('agreed', 'approved');
    expect(await film.untilEnded()).toMatchObject({ state: 'succeeded' });
    expect(film.bought()).toEqual(['a', 'b', 'c', 'd', 'e', 'last']);
    expect((await film.events()).filter(({ type }) => type === 'step.waiting_approval')).toHaveLength(1);
  });

  it('runs again from what failed, with what has succeeded kept, under the same id', async () => {
    const film = await world.accept(
      { steps: [job('shot'), job('bad', 'shot'), job('after', 'bad')] },
      { bad: 'refused' },
    );
    expect(await film.untilEnded()).toMatchObject({ state: 'failed', run: 1 });
    film.told({ bad: 'made' });
    await film.retry([job('bad', 'shot'), job('after', 'bad')]);
    expect(await film.untilEnded()).toMatchObject({ state: 'succeeded', run: 2 });
    expect(film.bought()).toEqual(['shot', 'bad', 'after']);
    expect(await film.jobsOf()).toHaveLength(4);
    expect((await film.events()).filter(({ type }) => type === 'pipeline.revived')).toEqual([]);
  });

  it('goes on where it stood when its workflow is lost, and buys nothing twice', async () => {
    const film = await world.accept(
      {
        steps: [
          job('shot'),
          job('slow', 'shot'),
          approval('agreed', { needs: ['shot'] }),
          job('last', 'slow', 'agreed'),
        ],
      },
      { slow: 'hangs' },
    );
    await until(async () => film.bought().includes('slow'));
    await film.untilStates({ agreed: 'waiting_approval' });
    await film.handle.terminate('by hand');
    await until(async () => (await film.events()).some(({ type }) => type === 'pipeline.revived'));
    await film.decide('agreed', 'approved');
    film.told({ slow: 'made' });
    expect(await film.untilEnded()).toMatchObject({ state: 'succeeded' });
    expect(film.bought()).toEqual(['shot', 'slow', 'last']);
  });

  it('starts a job again whose own workflow was ended from outside', async () => {
    const film = await world.accept({ steps: [job('slow')] }, { slow: 'hangs' });
    await until(async () => film.bought().includes('slow'));
    const [slow] = await film.jobsOf();
    await world.client.workflow.getHandle(slow?.id ?? '').terminate('by hand');
    film.told({ slow: 'made' });
    expect(await film.untilEnded()).toMatchObject({ state: 'succeeded' });
    expect(film.bought()).toEqual(['slow']);
  });

  it('goes on with the others while a step cannot be begun, and begins it when it can', async () => {
    const film = await world.accept(
      {
        steps: [job('good'), job('odd'), job('next', 'good'), job('later', 'next'), job('last', 'odd', 'later')],
        maxParallel: 1,
      },
      { odd: 'stumbles' },
    );
    await film.untilStates({ later: 'succeeded' });
    expect(await film.states()).toMatchObject({ odd: 'pending', last: 'pending' });
    await until(async () => film.stumbles() > 1);
    film.told({ odd: 'made' });
    expect(await film.untilEnded()).toMatchObject({ state: 'succeeded' });
    expect(film.bought()).toEqual(['good', 'next', 'later', 'odd', 'last']);
  });

  it('passes over a step that cannot be begun when another has failed, or all is cancelled', async () => {
    const failed = await world.accept({ steps: [job('odd'), job('bad')] }, { odd: 'stumbles', bad: 'refused' });
    expect(await failed.untilEnded()).toMatchObject({ state: 'failed' });
    expect(await failed.states()).toEqual({ odd: 'skipped', bad: 'failed' });

    const canceled = await world.accept({ steps: [job('odd')] }, { odd: 'stumbles' });
    await until(async () => canceled.stumbles() > 0);
    await canceled.cancel();
    expect(await canceled.untilEnded()).toMatchObject({ state: 'canceled' });
    expect([...failed.bought(), ...canceled.bought()]).toEqual([]);
  });

  it('answers what it is doing, and keeps prompts and addresses out of its history', async () => {
    const film = await world.accept({ steps: [job('slow')] }, { slow: 'hangs' });
    await until(async () => film.bought().includes('slow'));
    expect(await film.handle.query(pipelineState)).toEqual({
      steps: [{ name: 'slow', state: 'running' }],
      isCancelRequested: false,
    });
    film.told({ slow: 'made' });
    await film.untilEnded();
    expect(JSON.stringify(await film.handle.fetchHistory())).not.toMatch(/https?:|prompt/);
  });

  type Played = Awaited<ReturnType<PipelineWorld['accept']>>;
  const untilOver = async (film: Played) => {
    await film.untilEnded();
    await film.handle.result();
  };
  const scenes: Record<
    string,
    { steps: NewStep[]; does?: Parameters<PipelineWorld['accept']>[1]; play: (film: Played) => Promise<unknown> }
  > = {
    succeeded: {
      steps: [
        job('shot'),
        job('longer', 'shot'),
        aStep('still', 'frame', { definition: { source: 'longer' } }),
        aStep('film', 'concat', { definition: { sources: ['shot', 'longer'], after: ['still'] } }),
      ],
      play: untilOver,
    },
    'failed-with-skips': { steps: [job('bad'), job('next', 'bad')], does: { bad: 'refused' }, play: untilOver },
    canceled: {
      steps: [job('slow'), job('next', 'slow')],
      does: { slow: 'hangs' },
      async play(film) {
        await until(async () => film.bought().includes('slow'));
        await film.cancel();
        await untilOver(film);
      },
    },
    'with-a-delay': {
      steps: [job('odd'), job('good')],
      does: { odd: 'stumbles' },
      async play(film) {
        await film.untilStates({ good: 'succeeded' });
        film.told({ odd: 'made' });
        await untilOver(film);
      },
    },
    'waiting-for-a-person': {
      steps: [job('shot'), approval('agreed', { needs: ['shot'] })],
      play: (film) => film.untilStates({ agreed: 'waiting_approval' }),
    },
    approved: {
      steps: [approval('agreed'), job('next', 'agreed')],
      async play(film) {
        await film.untilStates({ agreed: 'waiting_approval' });
        await film.decide('agreed', 'approved');
        await untilOver(film);
      },
    },
  };

  /** `RECORD_HISTORIES=1` keeps those that are not kept yet, for every later version of the workflow to replay. */
  it.each(Object.entries(scenes))('replays a history of today: %s', async (name, { steps, does = {}, play }) => {
    const film = await world.accept({ steps }, does);
    await play(film);
    const history = JSON.parse(historyToJSON(await film.handle.fetchHistory()));
    await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, film.id);
    if ((await film.row()).finished_at === null) {
      await film.cancel();
      await untilOver(film);
    }
    const file = join(findProjectRoot(), 'test', 'workflows', 'histories', `pipeline-${name}.json`);
    keepHistory(file, history);
  });
});
