import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createDispatcher } from '../../dispatch/dispatcher.js';
import { createLogger } from '../../runtime/logger.js';
import { createTemporalClient } from '../../runtime/temporal.js';
import { createCallbacks } from '../../store/callbacks.js';
import type { Database } from '../../store/database.js';
import { createDispatchQueue } from '../../store/dispatch-queue.js';
import { createJobs } from '../../store/jobs.js';
import { createPipelines } from '../../store/pipelines.js';
import { createSettlement } from '../../store/settlement.js';
import { createSweepList } from '../../store/sweep.js';
import { aNewJob } from '../support/jobs.js';
import { aNewPipeline, pipelinesIn } from '../support/pipelines.js';
import { aPlan } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { createTestNamespace } from '../support/temporal.js';
import { until } from '../support/until.js';
import { webhooksIn } from '../support/webhooks.js';

jest.setTimeout(30_000);

const SWEEP_INTERVAL_MS = 300;
const MINUTE_MS = 60_000;

/** Real rows and a real Temporal, on which no worker runs: what is started stays as it was started. */
describe('the sweep for lost workflows', () => {
  let database: Database;
  let closeDatabase: () => Promise<void>;
  let temporal: Awaited<ReturnType<typeof createTestNamespace>>;
  beforeAll(async () => {
    ({ database, close: closeDatabase } = await openTestDatabase());
    temporal = await createTestNamespace();
  });
  afterAll(async () => {
    await temporal.close();
    await closeDatabase();
  });

  const aDispatcher = (client = temporal.client) =>
    createDispatcher({
      webhooks: webhooksIn(database),
      pipelines: pipelinesIn(database),
      queue: createDispatchQueue(database),
      callbacks: createCallbacks(database),
      sweepList: createSweepList(database),
      settlement: createSettlement(database),
      client,
      logger: createLogger('test', 'silent'),
      startsPerSecond: 1_000,
      sweepIntervalMs: SWEEP_INTERVAL_MS,
    });
  async function whileDispatching<Result>(work: () => Promise<Result>, dispatchers = [aDispatcher()]): Promise<Result> {
    for (const dispatcher of dispatchers) dispatcher.start();
    try {
      return await work();
    } finally {
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.close()));
    }
  }
  const rowOf = (id: string) =>
    database.queries.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();
  async function aStartedJob(deadlineMs = 10 * MINUTE_MS) {
    const owner = await aWorkspace(database, { credits: 1 });
    const plan = aPlan({ timing: { deadlineMs } });
    const { job } = await createJobs(database).accept(aNewJob(owner, { plan }));
    await whileDispatching(() => until(async () => (await rowOf(job.id)).dispatched_at !== null));
    return { ...owner, id: job.id, handle: temporal.client.workflow.getHandle(job.id) };
  }
  const runsOf = async (id: string) => {
    const runs = [];
    for await (const run of temporal.client.workflow.list({ query: `WorkflowId = '${id}'` }))
      runs.push(run.status.name);
    return runs;
  };
  const revivalsOf = async (id: string) => {
    const events = await database.queries
      .selectFrom('job_events')
      .select(['type', 'data'])
      .where('job_id', '=', id)
      .orderBy('sequence')
      .execute();
    return events.filter(({ type }) => type === 'job.revived').map(({ data }) => data);
  };
  const isRunning = async (id: string) =>
    (await temporal.client.workflow.getHandle(id).describe()).status.name === 'RUNNING';
  const isSweptTwice = async (id: string) => {
    const first = (await rowOf(id)).swept_at?.getTime() ?? 0;
    return until(async () => ((await rowOf(id)).swept_at?.getTime() ?? 0) > first + SWEEP_INTERVAL_MS);
  };

  it('starts a job again whose workflow was terminated by hand, once, however many sweep', async () => {
    const { id, handle } = await aStartedJob();
    await handle.terminate('by hand');
    await whileDispatching(async () => {
      await until(() => isRunning(id));
      await isSweptTwice(id);
    }, [aDispatcher(), aDispatcher(), aDispatcher()]);
    expect(await revivalsOf(id)).toEqual([{ workflow: 'terminated' }]);
    // What is listed comes a moment later than what is.
    await until(async () => (await runsOf(id)).toSorted().join() === 'RUNNING,TERMINATED');
  });

  it('starts a job again of which Temporal knows nothing', async () => {
    const { id, handle } = await aStartedJob();
    const { namespace, client } = temporal;
    await client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId: id } });
    await until(() =>
      handle.describe().then(
        () => false,
        () => true,
      ),
    );
    await whileDispatching(() => until(() => isRunning(id)));
    expect(await revivalsOf(id)).toEqual([{ workflow: 'not_found' }]);
  });

  it('leaves a job alone whose workflow runs', async () => {
    const { id } = await aStartedJob();
    await whileDispatching(() => isSweptTwice(id));
    expect(await revivalsOf(id)).toEqual([]);
    expect(await isRunning(id)).toBe(true);
  });

  it('leaves a job alone that has ended, and one that a pipeline started', async () => {
    const ended = await aStartedJob();
    const step = await aStartedJob();
    await createSettlement(database).settle({ jobId: ended.id, state: 'canceled', providerCancel: null });
    const pipeline = aNewPipeline(await aWorkspace(database, { credits: 2 }));
    await createPipelines(database).accept(pipeline);
    const ofPipeline = { started_by: 'pipeline' as const, pipeline_id: pipeline.id, pipeline_step: 'shot' };
    await database.queries.updateTable('jobs').set(ofPipeline).where('id', '=', step.id).execute();
    await ended.handle.terminate();
    await step.handle.terminate();
    const other = await aStartedJob();
    await whileDispatching(() => isSweptTwice(other.id));
    expect(await isRunning(ended.id)).toBe(false);
    expect(await revivalsOf(step.id)).toEqual([]);
  });

  it('tells the new workflow of a cancel that the lost one was told of', async () => {
    const { id, workspaceId, handle } = await aStartedJob();
    await createJobs(database).requestCancel({ id, workspaceId });
    await whileDispatching(() => until(async () => (await rowOf(id)).cancel_delivered_at !== null));
    await handle.terminate();
    await whileDispatching(() =>
      until(async () => {
        const { events } = await handle.fetchHistory();
        return events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes) && (await isRunning(id));
      }),
    );
    expect((await rowOf(id)).cancel_delivered_at).not.toBeNull();
  });

  it.each([
    ['what is left of its time', 10 * MINUTE_MS, 4 * MINUTE_MS, 6 * MINUTE_MS],
    ['a minute, when its time is over', 10 * MINUTE_MS, 60 * MINUTE_MS, MINUTE_MS],
    ['its whole time, when that is shorter', 30_000, 60 * MINUTE_MS, 30_000],
  ])('gives a revived job %s', async (_, deadlineMs, startedAgoMs, expectedMs) => {
    const { id, handle } = await aStartedJob(deadlineMs);
    const dispatchedAt = new Date(Date.now() - startedAgoMs);
    await database.queries.updateTable('jobs').set({ dispatched_at: dispatchedAt }).where('id', '=', id).execute();
    await handle.terminate();
    await whileDispatching(() => until(() => isRunning(id)));
    const { events } = await handle.fetchHistory();
    const [payload] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    const { timing } = JSON.parse(Buffer.from(payload?.data ?? []).toString());
    expect(timing.deadlineMs).toBeLessThanOrEqual(expectedMs);
    expect(timing.deadlineMs).toBeGreaterThan(expectedMs - 20_000);
  });

  it('asks again at the next sweep when Temporal was away at this one', async () => {
    const { id, handle } = await aStartedJob();
    await handle.terminate();
    const away = createTemporalClient({ TEMPORAL_ADDRESS: '127.0.0.1:1', TEMPORAL_NAMESPACE: temporal.namespace });
    await whileDispatching(async () => {
      await until(async () => (await rowOf(id)).swept_at !== null, 5);
      await until(async () => (await rowOf(id)).swept_at === null, 5);
    }, [aDispatcher(away)]);
    await away.connection.close();
    await whileDispatching(() => until(() => isRunning(id)));
    expect(await revivalsOf(id)).toEqual([{ workflow: 'terminated' }]);
  });
});
