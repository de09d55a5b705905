import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { SweepInput } from '../../activities/sweep-provider.js';
import { providerQueue, workflowQueue } from '../../contract/queues.js';
import { findProjectRoot } from '../../runtime/root.js';
import { accountsThatList, keepProviderSweep, setProviderSweep } from '../../worker/schedules.js';
import { scriptedProvider } from '../support/scripted-provider.js';
import { createTestNamespace } from '../support/temporal.js';
import { until } from '../support/until.js';
import { quietTemporal } from '../support/workflow-world.js';

jest.setTimeout(60_000);

const times = { lookBackMs: 7_200_000, submitTimeoutMs: 60_000, listTimeoutMs: 1_000, cancelTimeoutMs: 1_000 };
const aSweep = ({ everyMs = 300_000, accounts = ['first', 'second'] } = {}) => ({
  everyMs,
  input: { accounts, ...times },
});

describe('the schedule of the standing sweep', () => {
  let temporal: Awaited<ReturnType<typeof createTestNamespace>>;
  let connection: NativeConnection;
  let workers: Worker[];
  let running: Promise<unknown>;
  const swept: SweepInput[] = [];

  beforeAll(async () => {
    quietTemporal();
    temporal = await createTestNamespace();
    connection = await NativeConnection.connect({ address: temporal.address });
    const activities = {
      sweepProvider: async (input: SweepInput) => {
        swept.push(input);
        if (input.account === 'second') throw ApplicationFailure.nonRetryable('its list is away');
        return { adopted: 0, canceled: 0, writtenOff: 1 };
      },
    };
    const common = { connection, namespace: temporal.namespace };
    const codePath = join(findProjectRoot(), 'dist', 'workflow-bundle.js');
    workers = await Promise.all([
      Worker.create({ ...common, taskQueue: workflowQueue, workflowBundle: { codePath } }),
      ...['first', 'second'].map((account) =>
        Worker.create({ ...common, taskQueue: providerQueue(account), activities }),
      ),
    ]);
    running = Promise.all(workers.map((worker) => worker.run()));
  });
  afterEach(async () => {
    await setProviderSweep(temporal.client, aSweep({ everyMs: 0 }));
    swept.length = 0;
  });
  afterAll(async () => {
    for (const worker of workers) worker.shutdown();
    await running;
    await connection.close();
    await temporal.close();
    await Runtime.instance().shutdown();
  });

  const handle = () => temporal.client.schedule.getHandle('reelay-sweep-providers');
  const intervalMs = async () => (await handle().describe()).spec.intervals?.[0]?.every;

  it('sweeps every account, and what fails at one keeps no other from being swept', async () => {
    await setProviderSweep(temporal.client, aSweep());
    await handle().trigger();
    const run = await until(async () => (await handle().describe()).info.recentActions[0]);
    const { workflowId } = run.action.workflow;
    const result = await temporal.client.workflow.getHandle(workflowId).result();
    expect(result).toEqual({ first: { adopted: 0, canceled: 0, writtenOff: 1 }, second: 'failed' });
    expect(swept).toContainEqual({ account: 'first', ...times });
  });

  it('runs by itself at its interval', async () => {
    await setProviderSweep(temporal.client, aSweep({ everyMs: 1_000, accounts: ['first'] }));
    await until(() => swept.length >= 2);
  });

  it('is what the settings of the worker say that started last', async () => {
    await setProviderSweep(temporal.client, aSweep());
    await setProviderSweep(temporal.client, aSweep({ everyMs: 600_000, accounts: ['first'] }));
    expect(await intervalMs()).toBe(600_000);
    const { action } = await handle().describe();
    expect(action.args).toEqual([{ accounts: ['first'], ...times }]);
  });

  it('is kept as an operator left it, and made again when the server has lost it', async () => {
    await setProviderSweep(temporal.client, aSweep());
    await handle().pause('an operator looks');
    await keepProviderSweep(temporal.client, aSweep({ everyMs: 600_000 }));
    expect(await handle().describe()).toMatchObject({ state: { paused: true, note: 'an operator looks' } });
    expect(await intervalMs()).toBe(300_000);
    await handle().delete();
    await keepProviderSweep(temporal.client, aSweep());
    expect(await intervalMs()).toBe(300_000);
  });

  it('is gone when it is switched off, or no account can list', async () => {
    await setProviderSweep(temporal.client, aSweep());
    await setProviderSweep(temporal.client, aSweep({ accounts: [] }));
    await expect(handle().describe()).rejects.toThrow(/not found/i);
    await keepProviderSweep(temporal.client, aSweep({ everyMs: 0 }));
    await expect(handle().describe()).rejects.toThrow(/not found/i);
  });

  it('names the accounts that can list and whose key is there', () => {
    const listing = scriptedProvider({ list: async () => [] }).providers.get('first');
    const mute = scriptedProvider({}).providers.get('first');
    const get = (account: string) => {
      if (account === 'keyless') throw new Error('no key');
      return account === 'listing' ? listing : mute;
    };
    expect(accountsThatList({ get, close: async () => {} }, ['mute', 'keyless', 'listing'])).toEqual(['listing']);
  });
});
