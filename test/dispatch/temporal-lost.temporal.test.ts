import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { createDispatcher } from '../../dispatch/dispatcher.js';
import { createLogger } from '../../runtime/logger.js';
import { createTemporalClient, registerSearchAttributes } from '../../runtime/temporal.js';
import { startTemporal } from '../../standalone/engine.js';
import { findProgram } from '../../standalone/find-program.js';
import { type Child, stopProcess } from '../../standalone/processes.js';
import { temporalCli } from '../../standalone/releases.js';
import { createCallbacks } from '../../store/callbacks.js';
import type { Database } from '../../store/database.js';
import { createDispatchQueue } from '../../store/dispatch-queue.js';
import { createJobs } from '../../store/jobs.js';
import { createSettlement } from '../../store/settlement.js';
import { createSweepList } from '../../store/sweep.js';
import { aNewJob } from '../support/jobs.js';
import { pipelinesIn } from '../support/pipelines.js';
import { createTestPorts } from '../support/ports.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { until } from '../support/until.js';
import { webhooksIn } from '../support/webhooks.js';

jest.setTimeout(120_000);

/** A Temporal server of its own, to be stopped and robbed of its file. No worker runs. */
describe('two dispatchers, while Temporal', () => {
  let database: Database;
  let closeDatabase: () => Promise<void>;
  const ports = createTestPorts();
  let folder: string;
  let startServer: () => Promise<Child>;
  let server: Child;
  let client: Client;
  beforeAll(async () => {
    ({ database, close: closeDatabase } = await openTestDatabase());
    folder = mkdtempSync(join(tmpdir(), 'reelay-temporal-'));
    const program = await findProgram(temporalCli, { environment: process.env, say: () => {} });
    const port = await ports.choose();
    const files = { databaseFile: join(folder, 'temporal.db'), logFile: join(folder, 'temporal.log') };
    startServer = () => startTemporal({ program, port, ...files });
    server = await startServer();
    client = createTemporalClient({ TEMPORAL_ADDRESS: `127.0.0.1:${port}`, TEMPORAL_NAMESPACE: 'default' });
    await registerSearchAttributes(client, createLogger('test', 'silent'));
  });
  afterAll(async () => {
    await client.connection.close();
    await stopProcess(server);
    await closeDatabase();
    rmSync(folder, { recursive: true });
    ports.release();
  });

  const aDispatcher = () =>
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
      sweepIntervalMs: 500,
    });
  async function whileDispatching(work: () => Promise<void>): Promise<void> {
    const dispatchers = [aDispatcher(), aDispatcher()];
    for (const dispatcher of dispatchers) dispatcher.start();
    try {
      await work();
    } finally {
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.close()));
    }
  }
  async function accept(count: number): Promise<string[]> {
    const owner = await aWorkspace(database, { credits: count });
    const accepted = Array.from({ length: count }, () => createJobs(database).accept(aNewJob(owner)));
    return (await Promise.all(accepted)).map(({ job }) => job.id);
  }
  const haveWorkflows = (ids: string[]) => async () => {
    const described = await Promise.all(ids.map((id) => client.workflow.getHandle(id).describe()));
    return described.every(({ status }) => status.name === 'RUNNING');
  };
  const revived = async () => {
    const events = database.queries
      .selectFrom('job_events')
      .select('job_id')
      .distinct()
      .where('type', '=', 'job.revived');
    return (await events.execute()).map((event) => event.job_id);
  };

  it('is away: what was accepted meanwhile is started when it is back, and what ran is left alone', async () => {
    const before = await accept(3);
    await whileDispatching(async () => {
      await until(haveWorkflows(before));
      await stopProcess(server);
      const meanwhile = await accept(3);
      await until(async () => {
        const claimed = database.queries.selectFrom('jobs').select('id').where('claimed_until', 'is not', null);
        return (await claimed.execute()).length === 0;
      });
      server = await startServer();
      await until(haveWorkflows([...before, ...meanwhile]));
    });
    expect(await revived()).toEqual([]);
  });

  it('has lost its file: every open job has a workflow again, under the search attributes that were lost, too', async () => {
    const before = await accept(5);
    await whileDispatching(async () => {
      await until(haveWorkflows(before));
      await stopProcess(server);
      for (const name of readdirSync(folder)) if (name.startsWith('temporal.db')) rmSync(join(folder, name));
      server = await startServer();
      const after = await accept(2);
      await until(haveWorkflows([...before, ...after]));
    });
    const [first = ''] = before;
    const { searchAttributes } = await client.workflow.getHandle(first).describe();
    expect(searchAttributes).toMatchObject({ ReelayModel: ['sora'], ReelayStatus: ['running'] });
    expect(await revived()).toEqual(expect.arrayContaining(before));
  });
});
