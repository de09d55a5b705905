import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { Runtime, Worker } from '@temporalio/worker';
import type { WebhookTryInput, WebhookVerdict } from '../../activities/deliver-webhook.js';
import { searchAttributeNames, webhookQueue, workflowQueue } from '../../contract/queues.js';
import type { DeliverWebhookInput } from '../../contract/webhooks.js';
import { readConfig } from '../../runtime/config.js';
import { newId } from '../../runtime/ids.js';
import { findProjectRoot } from '../../runtime/root.js';
import { webhookTimingOf } from '../../runtime/webhook-timing.js';
import { findProgram } from '../../standalone/find-program.js';
import { temporalTestServer } from '../../standalone/releases.js';
import type { deliverWebhook } from '../../workflows/deliver-webhook.js';
import { keepHistory } from '../support/keep-history.js';
import { quietTemporal } from '../support/workflow-world.js';

jest.setTimeout(60_000);

const root = findProjectRoot();
const codePath = join(root, 'dist', 'workflow-bundle.js');
const KEYWORD = 2;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** Those of a deployment that sets none. */
const usualTiming = webhookTimingOf(
  readConfig({ DATABASE_URL: 'postgres://localhost/x', LINK_SECRET: 'a secret for tests, long enough for links' }),
);

/** A server on which days pass in a moment; only the tries are scripted. */
describe('the workflow deliverWebhook', () => {
  let environment: TestWorkflowEnvironment;
  let workers: Worker[];
  let running: Promise<unknown>;
  let answer: (input: WebhookTryInput) => WebhookVerdict;
  let tries: (WebhookTryInput & { atMs: number })[] = [];
  beforeAll(async () => {
    quietTemporal();
    const path = await findProgram(temporalTestServer);
    environment = await TestWorkflowEnvironment.createTimeSkipping({
      server: { executable: { type: 'existing-path', path } },
    });
    // It knows no list of them.
    const searchAttributes = { [searchAttributeNames.status]: KEYWORD };
    await environment.connection.operatorService.addSearchAttributes({ namespace: 'default', searchAttributes });
    const { nativeConnection: connection } = environment;
    const activities = {
      deliverWebhook: async (input: WebhookTryInput): Promise<WebhookVerdict> => {
        tries.push({ ...input, atMs: await environment.currentTimeMs() });
        return answer(input);
      },
    };
    workers = await Promise.all([
      Worker.create({ connection, taskQueue: workflowQueue, workflowBundle: { codePath } }),
      Worker.create({ connection, taskQueue: webhookQueue, activities }),
    ]);
    running = Promise.all(workers.map((one) => one.run()));
  });
  afterAll(async () => {
    for (const one of workers) one.shutdown();
    await running;
    await environment.teardown();
    await Runtime.instance().shutdown();
  });

  async function deliver(changes: Partial<DeliverWebhookInput> = {}) {
    tries = [];
    const deliveryId = newId('job').replace('job_', 'dlv_');
    const input = { ...usualTiming, deliveryId, sending: 1, step: 0, target: 'ws_1/caller.example', ...changes };
    const handle = await environment.client.workflow.start<typeof deliverWebhook>('deliverWebhook', {
      workflowId: deliveryId,
      taskQueue: workflowQueue,
      args: [input],
    });
    return { handle, ending: await handle.result() };
  }
  const again = (input: WebhookTryInput): WebhookVerdict =>
    input.nextInMs === null ? { kind: 'exhausted' } : { kind: 'again', afterMs: input.nextInMs };
  const pausesMs = () => tries.slice(1).map(({ atMs }, index) => atMs - (tries[index]?.atMs ?? 0));

  it('tries ten times within 75 hours and 35 minutes, a little late and never early, and then says so', async () => {
    answer = again;
    const { handle, ending } = await deliver();

    expect(ending).toBe('exhausted');
    expect(tries.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    const planned = [5_000, 5 * MINUTE_MS, 30 * MINUTE_MS, ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR_MS)];
    const pauses = pausesMs();
    expect(pauses).toHaveLength(planned.length);
    for (const [index, pauseMs] of pauses.entries()) {
      const plannedMs = planned[index] ?? 0;
      expect(pauseMs).toBeGreaterThanOrEqual(plannedMs);
      expect(pauseMs).toBeLessThanOrEqual(plannedMs * 1.05 + 5_000);
    }
    expect(new Set(pauses.map((pauseMs, index) => pauseMs / (planned[index] ?? 1))).size).toBeGreaterThan(5);

    const history = JSON.parse(historyToJSON(await handle.fetchHistory()));
    await Worker.runReplayHistory({ workflowBundle: { codePath } }, history, handle.workflowId);
    const kept = join(root, 'test', 'workflows', 'histories', 'webhook-exhausted.json');
    keepHistory(kept, history);
    expect(JSON.parse(readFileSync(kept, 'utf8')).events.length).toBeGreaterThan(100);
  });

  it('makes the first try at once, in a short history, and no more when it is taken', async () => {
    answer = () => ({ kind: 'delivered' });
    const { handle, ending } = await deliver();

    expect(ending).toBe('delivered');
    expect(tries).toMatchObject([{ step: 1, sending: 1, target: 'ws_1/caller.example', timeoutMs: 15_000 }]);
    const { events } = await handle.fetchHistory();
    expect(events?.length).toBeLessThanOrEqual(12);
  });

  it.each(['gone', 'ended'] as const)('makes no more tries when it is %s', async (kind) => {
    answer = ({ step }) => (step === 3 ? { kind } : { kind: 'again', afterMs: 10 });
    expect((await deliver()).ending).toBe(kind);
    expect(tries).toHaveLength(3);
  });

  it('waits for as long as a try says', async () => {
    answer = ({ step }) => (step === 1 ? { kind: 'again', afterMs: 3 * HOUR_MS } : { kind: 'delivered' });
    await deliver();
    const [pauseMs = 0] = pausesMs();
    expect(pauseMs).toBeGreaterThanOrEqual(3 * HOUR_MS);
    expect(pauseMs).toBeLessThan(3 * HOUR_MS + 5_000);
  });

  it('goes on at once, where another workflow of the delivery stood', async () => {
    answer = again;
    expect((await deliver({ step: 8, sending: 2 })).ending).toBe('exhausted');
    expect(tries).toMatchObject([
      { step: 9, sending: 2 },
      { step: 10, nextInMs: null },
    ]);
    expect(pausesMs()[0]).toBeGreaterThanOrEqual(24 * HOUR_MS);
  });
});
