import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createDispatcher } from '../../dispatch/dispatcher.js';
import { createLogger } from '../../runtime/logger.js';
import { createTemporalClient } from '../../runtime/temporal.js';
import { createCallbacks } from '../../store/callbacks.js';
import type { Database } from '../../store/database.js';
import { createDispatchQueue } from '../../store/dispatch-queue.js';
import { createJobs } from '../../store/jobs.js';
import { createSettlement } from '../../store/settlement.js';
import { createSweepList } from '../../store/sweep.js';
import { aNewJob } from '../support/jobs.js';
import { pipelinesIn } from '../support/pipelines.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { createTestNamespace } from '../support/temporal.js';
import { until } from '../support/until.js';
import { webhooksIn } from '../support/webhooks.js';

jest.setTimeout(30_000);

/** Real rows and a real Temporal, on which no worker runs: what is started stays as it was started. */
describe('the dispatcher', () => {
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

  const aDispatcher = ({ client = temporal.client, startsPerSecond = 1_000 } = {}) =>
    createDispatcher({
      webhooks: webhooksIn(database),
      pipelines: pipelinesIn(database),
      queue: createDispatchQueue(database),
      callbacks: createCallbacks(database),
      settlement: createSettlement(database),
      client,
      logger: createLogger('test', 'silent'),
      startsPerSecond,
      sweepList: createSweepList(database),
      sweepIntervalMs: 60_000,
    });
  async function someJobs(count: number) {
    const owner = await aWorkspace(database, { credits: count });
    const jobs = createJobs(database);
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) ids.push((await jobs.accept(aNewJob(owner))).job.id);
    return { ...owner, ids };
  }
  const rowsOf = (ids: string[]) =>
    database.queries
      .selectFrom('jobs')
      .select(['id', 'state', 'dispatched_at', 'cancel_delivered_at'])
      .where('id', 'in', ids)
      .orderBy('dispatched_at')
      .execute();
  const allDispatched = (ids: string[]) => async () => (await rowsOf(ids)).every((row) => row.dispatched_at !== null);

  it('starts each job once, under its own id, however many dispatchers there are', async () => {
    const { ids, workspaceId } = await someJobs(20);
    const dispatchers = [aDispatcher(), aDispatcher(), aDispatcher()];
    for (const dispatcher of dispatchers) dispatcher.start();
    await until(allDispatched(ids));
    for (const dispatcher of dispatchers) await dispatcher.close();
    for (const id of ids) {
      const { status, historyLength, searchAttributes } = await temporal.client.workflow.getHandle(id).describe();
      expect({ status: status.name, historyLength }).toEqual({ status: 'RUNNING', historyLength: 2 });
      expect(searchAttributes).toMatchObject({ ReelayWorkspace: [workspaceId], ReelayModel: ['sora'] });
    }
  });

  it('takes turns between workspaces, so that a burst of one does not keep another waiting', async () => {
    const many = await someJobs(12);
    const few = await someJobs(1);
    const claimed = await createDispatchQueue(database).claim(4);
    expect(claimed).toHaveLength(3);
    expect(claimed.map(({ id }) => id)).toContain(few.ids[0]);
    await createDispatchQueue(database).release(claimed.map(({ id }) => id));
    const dispatcher = aDispatcher();
    dispatcher.start();
    await until(allDispatched([...many.ids, ...few.ids]));
    await dispatcher.close();
  });

  it('goes on trying while Temporal is away, and lets another dispatcher have the jobs', async () => {
    const away = createTemporalClient({ TEMPORAL_ADDRESS: '127.0.0.1:1', TEMPORAL_NAMESPACE: temporal.namespace });
    const lost = aDispatcher({ client: away });
    const { ids } = await someJobs(3);
    lost.start();
    await until(async () => {
      const claims = await database.queries.selectFrom('jobs').select('claimed_until').where('id', 'in', ids).execute();
      return claims.some(({ claimed_until }) => claimed_until !== null);
    }, 5);
    const dispatcher = aDispatcher();
    dispatcher.start();
    await until(allDispatched(ids));
    await dispatcher.close();
    await lost.close();
    await away.connection.close();
  });

  it('ends a cancelled job that has no workflow, and tells the workflow of one that has', async () => {
    const { ids, workspaceId } = await someJobs(2);
    const [unstarted = '', started = ''] = ids;
    const jobs = createJobs(database);
    const queue = createDispatchQueue(database);
    await jobs.requestCancel({ id: unstarted, workspaceId });
    const dispatcher = aDispatcher();
    dispatcher.start();
    await until(allDispatched([started]));
    await jobs.requestCancel({ id: started, workspaceId });
    dispatcher.wake();
    await until(async () => (await queue.cancelRequests()).length === 0);
    await dispatcher.close();

    const rows = await rowsOf(ids);
    expect(rows.find(({ id }) => id === unstarted)).toMatchObject({ state: 'canceled', dispatched_at: null });
    expect(rows.find(({ id }) => id === started)).toMatchObject({
      state: 'queued',
      cancel_delivered_at: expect.any(Date),
    });
    const { events } = await temporal.client.workflow.getHandle(started).fetchHistory();
    expect(events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes)).toBe(true);
    await expect(temporal.client.workflow.getHandle(unstarted).describe()).rejects.toThrow('not found');
  });
});
