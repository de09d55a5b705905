import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createCallbackDelivery } from '../../dispatch/callbacks.js';
import { createCalls } from '../../dispatch/calls.js';
import { createLogger } from '../../runtime/logger.js';
import { createTemporalClient } from '../../runtime/temporal.js';
import { createAttempts } from '../../store/attempts.js';
import { createCallbacks } from '../../store/callbacks.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { createTestNamespace } from '../support/temporal.js';
import { until } from '../support/until.js';

jest.setTimeout(30_000);

/** Real rows and a real Temporal, on which no worker runs: signals are seen in the histories. */
describe('the delivery of callbacks', () => {
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

  const aDelivery = (client = temporal.client) =>
    createCallbackDelivery({
      callbacks: createCallbacks(database),
      client,
      calls: createCalls(client),
      logger: createLogger('test', 'silent'),
    });

  async function aCalledJob({ hasWorkflow = true } = {}) {
    const owner = await aWorkspace(database, { credits: 1 });
    const { job } = await createJobs(database).accept(aNewJob(owner));
    const tokenSha256 = randomBytes(32);
    const route = aRoute();
    await createAttempts(database).intend({ jobId: job.id, attempt: 1, route, callbackTokenSha256: tokenSha256 });
    if (hasWorkflow) {
      const options = { workflowId: job.id, taskQueue: 'nobody', args: [] };
      await temporal.client.workflow.start('videoJob', options);
    }
    const callBack = () =>
      createCallbacks(database).receiveByToken({
        account: route.account,
        tokenSha256,
        taskId: null,
        excerpt: '',
        bodySha256: randomBytes(32),
      });
    const signals = async () => {
      const { events } = await temporal.client.workflow.getHandle(job.id).fetchHistory();
      return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
        signal ? [`${signal.signalName} ${Buffer.from(signal.input?.payloads?.[0]?.data ?? []).toString()}`] : [],
      );
    };
    const marks = () =>
      database.queries
        .selectFrom('attempts')
        .select(['callback_wakes_wanted', 'callback_wakes_delivered', 'callback_claimed_until'])
        .where('job_id', '=', job.id)
        .executeTakeFirstOrThrow();
    return { callBack, signals, marks };
  }
  const delivered = (count: number) => ({
    callback_wakes_wanted: count,
    callback_wakes_delivered: count,
    callback_claimed_until: null,
  });

  it('signals the workflow once for each wake, however many processes deliver', async () => {
    const jobs = await Promise.all(Array.from({ length: 20 }, () => aCalledJob()));
    const deliveries = [aDelivery(), aDelivery(), aDelivery()];
    for (const delivery of deliveries) delivery.start();
    for (const { callBack } of jobs) {
      await callBack();
      for (const delivery of deliveries) delivery.wake();
    }
    await until(async () =>
      (await Promise.all(jobs.map(({ marks }) => marks()))).every((row) => row.callback_wakes_delivered === 1),
    );
    await Promise.all(deliveries.map((delivery) => delivery.close()));
    const signals = await Promise.all(jobs.map((job) => job.signals()));
    expect(signals).toEqual(jobs.map(() => ['providerCallback {"attempt":1}']));
    expect(await jobs[0]?.marks()).toEqual(delivered(1));
  });

  it('is found by a process that nobody woke', async () => {
    const job = await aCalledJob();
    const delivery = aDelivery();
    delivery.start();
    await job.callBack();
    await until(async () => (await job.signals()).length === 1);
    await job.callBack();
    await until(async () => (await job.signals()).length === 2);
    await delivery.close();
    expect(await job.marks()).toEqual(delivered(2));
  });

  it('comes to an end where there is no workflow', async () => {
    const job = await aCalledJob({ hasWorkflow: false });
    await job.callBack();
    const delivery = aDelivery();
    delivery.start();
    await until(async () => (await job.marks()).callback_wakes_delivered === 1);
    await delivery.close();
  });

  it('waits for a Temporal that is away', async () => {
    const job = await aCalledJob();
    const away = createTemporalClient({ TEMPORAL_ADDRESS: '127.0.0.1:9', TEMPORAL_NAMESPACE: 'default' });
    const delivery = aDelivery(away);
    await job.callBack();
    delivery.start();
    await until(async () => (await job.marks()).callback_claimed_until !== null);
    await until(async () => (await job.marks()).callback_claimed_until === null);
    await delivery.close();
    await away.connection.close();
    expect(await job.marks()).toMatchObject({ callback_wakes_delivered: 0 });

    const later = aDelivery();
    later.start();
    await until(async () => (await job.signals()).length === 1);
    await later.close();
    expect(await job.marks()).toEqual(delivered(1));
  });
});
