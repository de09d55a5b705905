import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { createActivities } from '../activities/index.js';
import { mediaQueue, providerQueue, webhookQueue, workflowQueue } from '../contract/queues.js';
import type { Config } from '../runtime/config.js';
import { drainMs } from './drain.js';
import { versionOf } from './version.js';
import { findWorkflowBundle } from './workflow-bundle.js';

type Parts = {
  connection: NativeConnection;
  config: Config;
  accounts: string[];
  activities: ReturnType<typeof createActivities>;
};

const PROVIDER_CALLS_AT_ONCE = 100;
const DOWNLOADS_AT_ONCE = 8;
const WEBHOOKS_AT_ONCE = 200;

/** One worker for the workflows and what settles them, one per provider account, one for downloads, and one for webhooks. */
export async function createWorkers({ connection, config, accounts, activities }: Parts): Promise<Worker[]> {
  const common = {
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    shutdownGraceTime: config.WORKER_GRACE_MS,
    shutdownForceTime: drainMs(config),
    ...versionOf(config),
    // A killed worker is noticed within the activities' heartbeat time-outs only if heartbeats are sent more often.
    maxHeartbeatThrottleInterval: '1 second',
    defaultHeartbeatThrottleInterval: '1 second',
  } satisfies Partial<WorkerOptions>;

  return Promise.all([
    Worker.create({
      ...common,
      taskQueue: workflowQueue,
      workflowBundle: findWorkflowBundle(),
      activities: { ...activities.job, ...activities.pipeline },
      // A killed worker's cached workflows go to another worker after this time; the default of 10 s would stall them.
      stickyQueueScheduleToStartTimeout: '1 second',
      maxCachedWorkflows: config.WORKER_CACHED_WORKFLOWS,
      workflowThreadPoolSize: 1,
    }),
    ...accounts.map((account) =>
      Worker.create({
        ...common,
        taskQueue: providerQueue(account),
        activities: { ...activities.provider, ...activities.sweep },
        maxConcurrentActivityTaskExecutions: PROVIDER_CALLS_AT_ONCE,
      }),
    ),
    Worker.create({
      ...common,
      taskQueue: mediaQueue,
      activities: { ...activities.media, ...activities.pipelineMedia },
      maxConcurrentActivityTaskExecutions: DOWNLOADS_AT_ONCE,
    }),
    Worker.create({
      ...common,
      taskQueue: webhookQueue,
      activities: activities.webhook,
      maxConcurrentActivityTaskExecutions: WEBHOOKS_AT_ONCE,
    }),
  ]);
}
