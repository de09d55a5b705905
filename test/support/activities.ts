import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDeps } from '../../activities/deps.js';
import { createWebhookTargets } from '../../activities/webhook-targets.js';
import { createStepJobStart } from '../../dispatch/step-job.js';
import { createLogger } from '../../runtime/logger.js';
import { createArtifacts } from '../../store/artifacts.js';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import { createOrphans } from '../../store/orphans.js';
import { createPipelineProgress } from '../../store/pipeline-progress.js';
import { createProviderHealth } from '../../store/provider-health.js';
import { createSettlement } from '../../store/settlement.js';
import { createStepFiles } from '../../store/step-files.js';
import { createSweepList } from '../../store/sweep.js';
import { createWebhookDeliveries } from '../../store/webhook-deliveries.js';
import { breakerSettings } from './breakers.js';

const unused = (name: string) => () => {
  throw new Error(`${name} was not expected`);
};

/** Real rows; everything else is what the test gives, or must not be used. */
export function activityDeps(database: Database, given: Partial<ActivityDeps>): ActivityDeps {
  return {
    attempts: createAttempts(database),
    artifacts: createArtifacts(database),
    settlement: createSettlement(database),
    providers: { get: unused('a provider'), close: async () => {} },
    health: createProviderHealth(database, breakerSettings),
    orphans: createOrphans(database),
    costMicrosPerSecond: unused('a cost'),
    store: {
      problem: unused('the store'),
      create: unused('the store'),
      read: unused('the store'),
      stat: unused('the store'),
      describe: unused('the store'),
      remove: unused('the store'),
      withLocalFile: unused('the store'),
      withScratchFile: unused('the store'),
      link: unused('the store'),
      sweepTemporaryFiles: unused('the store'),
      sweepUnowned: unused('the store'),
    },
    fetchGuarded: { get: unused('a fetch'), post: unused('a fetch'), close: async () => {} },
    media: {
      drawClip: unused('media'),
      probeVideo: unused('media'),
      drawThumbnail: unused('media'),
      drawSpritesheet: unused('media'),
      extractFrame: unused('media'),
      joinVideos: unused('media'),
      close: async () => {},
    },
    pipelines: {
      progress: createPipelineProgress(database),
      files: createStepFiles(database),
      makeJob: unused('a job'),
      beginWithinMs: 30_000,
      startOf: createStepJobStart(createSweepList(database)),
    },
    webhooks: {
      deliveries: createWebhookDeliveries(database),
      render: unused('a webhook'),
      targets: createWebhookTargets({ atOnce: 10 }),
    },
    wakeDispatcher() {},
    logger: createLogger('test', 'silent'),
    paceOfLooks: async (intervalMs) => intervalMs,
    inputAddress: undefined,
    callbackAddress: undefined,
    limits: {
      transfer: {
        maxBytes: 1e9,
        headersTimeoutMs: 5_000,
        idleTimeoutMs: 5_000,
        minimumRate: { bytes: 1, windowMs: 5_000 },
      },
      retentionDays: 30,
      listedAfterMs: 5_000,
    },
    ...given,
  };
}

/** Runs an activity as a worker would. */
export function runActivity<Input, Result>(
  activity: (deps: ActivityDeps, input: Input) => Promise<Result>,
  deps: ActivityDeps,
  input: Input,
): Promise<Result> {
  return new MockActivityEnvironment().run(() => activity(deps, input));
}
