import { join } from 'node:path';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../../activities/index.js';
import { createWebhookTargets } from '../../activities/webhook-targets.js';
import { createGuardedFetch } from '../../artifacts/guarded-fetch.js';
import { webhookQueue, workflowQueue } from '../../contract/queues.js';
import type { WebhookTiming } from '../../contract/webhooks.js';
import { createCalls } from '../../dispatch/calls.js';
import { createRounds } from '../../dispatch/rounds.js';
import { createWebhookDispatch } from '../../dispatch/webhooks.js';
import { createLogger } from '../../runtime/logger.js';
import { findProjectRoot } from '../../runtime/root.js';
import { createWebhookDeliveries } from '../../store/webhook-deliveries.js';
import { createWebhookEndpoints } from '../../store/webhook-endpoints.js';
import { createWebhookLog } from '../../store/webhook-log.js';
import { createWebhookQueue } from '../../store/webhook-queue.js';
import { type Script, startScriptedServer } from '../providers/scripted-server.js';
import { activityDeps } from './activities.js';
import { aWorkspace, openTestDatabase } from './store.js';
import { createTestNamespace } from './temporal.js';
import { until } from './until.js';
import { deliveriesOf, endAJob, quickTiming } from './webhooks.js';
import { quietTemporal } from './workflow-world.js';

type Options = { timing?: Partial<WebhookTiming>; atOnce?: number };

const SWEEP_EVERY_MS = 300;

/** Real rows, real Temporal, the real workflow and its real activity, and receivers on this machine. */
export async function startWebhookWorld({ timing, atOnce = 100 }: Options = {}) {
  quietTemporal();
  const { database, close: closeDatabase } = await openTestDatabase();
  const temporal = await createTestNamespace();
  const connection = await NativeConnection.connect({ address: temporal.address });
  const ports: number[] = [];
  const fetchGuarded = createGuardedFetch({ allowLoopbackPorts: ports });
  const log = createWebhookLog(database);
  const endpoints = createWebhookEndpoints(database);
  const dispatchers: ReturnType<typeof createWebhookDispatch>[] = [];
  const closing: (() => Promise<void>)[] = [];

  const logger = createLogger('test', 'silent');
  const calls = createCalls(temporal.client);
  const aDispatcher = () => {
    const dispatcher = createWebhookDispatch({
      webhooks: { queue: createWebhookQueue(database), timing: { ...quickTiming, ...timing } },
      client: temporal.client,
      calls,
      logger,
      startsPerSecond: 1_000,
      prepareTemporal: async () => {},
    });
    const sweep = async () => {
      await dispatcher.sweep({ intervalMs: SWEEP_EVERY_MS });
      return false;
    };
    return { dispatcher, sweeps: createRounds({ what: 'sweeping', everyMs: SWEEP_EVERY_MS, logger, round: sweep }) };
  };
  const { webhook } = createActivities(
    activityDeps(database, {
      fetchGuarded,
      webhooks: {
        deliveries: createWebhookDeliveries(database),
        render: async ({ subject, type }) => JSON.stringify({ type, subject }),
        targets: createWebhookTargets({ atOnce: Math.ceil(atOnce / 2) }),
      },
      wakeDispatcher: () => dispatchers[0]?.wake(),
    }),
  );
  const common = { connection, namespace: temporal.namespace };
  const codePath = join(findProjectRoot(), 'dist', 'workflow-bundle.js');
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: workflowQueue, workflowBundle: { codePath } }),
    Worker.create({
      ...common,
      taskQueue: webhookQueue,
      activities: webhook,
      maxConcurrentActivityTaskExecutions: atOnce,
    }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));

  return {
    database,
    client: temporal.client,
    log,
    endpoints,
    wake: () => dispatchers[0]?.wake(),

    startDispatchers(count: number): void {
      for (let made = 0; made < count; made += 1) {
        const { dispatcher, sweeps } = aDispatcher();
        dispatchers.push(dispatcher);
        dispatcher.start();
        sweeps.start();
        closing.push(sweeps.close, dispatcher.close);
      }
    },

    async receiver(script: Script) {
      const server = await startScriptedServer(script);
      ports.push(server.port);
      closing.push(() => server.close());
      return server;
    },

    /** A workspace with endpoints at these addresses. */
    async owner(...urls: string[]) {
      const owner = await aWorkspace(database, { credits: 200 });
      const { workspaceId } = owner;
      const made = [];
      for (const url of urls)
        made.push(await endpoints.create({ workspaceId, url, description: '', eventTypes: null }));
      return {
        ...owner,
        endpoints: made,
        endJob: async (changes = {}) => {
          const job = await endAJob(database, owner, changes);
          dispatchers[0]?.wake();
          return job;
        },
        deliveries: () => deliveriesOf(database, workspaceId),
        untilDeliveries: (condition: (rows: Awaited<ReturnType<typeof deliveriesOf>>) => boolean) =>
          until(async () => {
            const rows = await deliveriesOf(database, workspaceId);
            return condition(rows) && rows;
          }, 20),
      };
    },

    async close(): Promise<void> {
      for (const closeOne of closing) await closeOne();
      for (const worker of workers) worker.shutdown();
      await running;
      await fetchGuarded.close();
      await connection.close();
      await temporal.close();
      await closeDatabase();
      await Runtime.instance().shutdown();
    },
  };
}
