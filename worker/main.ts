import { NativeConnection, Runtime } from '@temporalio/worker';
import { createActivities } from '../activities/index.js';
import { createWebhookTargets } from '../activities/webhook-targets.js';
import { createFetchImage } from '../api/fetch-image.js';
import { createPipelineFinder } from '../api/find-pipeline.js';
import { createPublicModels } from '../api/models.js';
import { serviceTimingOf } from '../api/service-timing.js';
import { createStepJobs } from '../api/step-jobs.js';
import { createWebhookBody } from '../api/webhook-body.js';
import { createGuardedFetch } from '../artifacts/guarded-fetch.js';
import { openStore } from '../artifacts/open-store.js';
import { createLinkSigner, inputAddress } from '../artifacts/signed-links.js';
import { createDispatcher } from '../dispatch/dispatcher.js';
import { createPacedWake } from '../dispatch/paced-wake.js';
import { createStepJobStart } from '../dispatch/step-job.js';
import { createMediaProcess } from '../media/process.js';
import { abilitiesOf, createProviders } from '../providers/registry.js';
import { createCallbackTokens } from '../runtime/callback-tokens.js';
import { readCatalogue, withoutKeylessAccounts } from '../runtime/catalogue.js';
import { readConfig } from '../runtime/config.js';
import { armCrashPoints } from '../runtime/crash-points.js';
import { createLogger } from '../runtime/logger.js';
import { atMost, untilReachable } from '../runtime/patience.js';
import { settingOf } from '../runtime/setting.js';
import { closeOnSignal } from '../runtime/shutdown.js';
import { createTemporalClient, registerSearchAttributes } from '../runtime/temporal.js';
import { webhookTimingOf } from '../runtime/webhook-timing.js';
import { createAnnouncementListener } from '../store/announcement-listener.js';
import { createAnnouncer, silentAnnouncer } from '../store/announcements.js';
import {
  announcingArtifacts,
  announcingAttempts,
  announcingSettlement,
  announcingSweepList,
} from '../store/announcing.js';
import {
  announcingPipelineJobs,
  announcingPipelineProgress,
  announcingPipelineQueue,
} from '../store/announcing-pipelines.js';
import { createArtifacts } from '../store/artifacts.js';
import { createAttempts } from '../store/attempts.js';
import { createCallbacks } from '../store/callbacks.js';
import { createDatabase } from '../store/database.js';
import { createDispatchQueue } from '../store/dispatch-queue.js';
import { createJobs } from '../store/jobs.js';
import { migrate } from '../store/migrate.js';
import { createOrphans } from '../store/orphans.js';
import { createPipelineJobs } from '../store/pipeline-jobs.js';
import { createPipelineProgress } from '../store/pipeline-progress.js';
import { createPipelineQueue } from '../store/pipeline-queue.js';
import { createPipelines } from '../store/pipelines.js';
import { createProviderHealth } from '../store/provider-health.js';
import { createSettlement } from '../store/settlement.js';
import { createStepFiles } from '../store/step-files.js';
import { createSweepList } from '../store/sweep.js';
import { createUploads } from '../store/uploads.js';
import { createWatchList } from '../store/watch-list.js';
import { createWebhookDeliveries } from '../store/webhook-deliveries.js';
import { createWebhookEndpoints } from '../store/webhook-endpoints.js';
import { createWebhookLog } from '../store/webhook-log.js';
import { createWebhookQueue } from '../store/webhook-queue.js';
import { drainMs } from './drain.js';
import { createHousekeeping } from './housekeeping.js';
import { createPaceOfLooks } from './pace.js';
import { createProviderCosts } from './provider-costs.js';
import { createSweeps } from './sweeps.js';
import { temporalLogger } from './temporal-logger.js';
import { transferLimits } from './transfer-limits.js';
import { createWorkers } from './workers.js';

/** Builds everything the activities need and runs the workers until the process is told to stop. */
const CLOSING_MS = 5_000;
/** A tenth of those that are under way at once. */
const WEBHOOKS_TO_ONE_TARGET = 20;
const STEP_BEGUN_WITHIN_MS = 10_000;

const config = readConfig();
armCrashPoints();
const logger = createLogger('worker', config.LOG_LEVEL);
Runtime.install({ logger: temporalLogger(logger), shutdownSignals: [] });

const catalogue = readCatalogue(config.CATALOGUE_FILE);
await untilReachable({ what: 'the database', logger, work: () => migrate(config.DATABASE_URL) });
const database = createDatabase(config.DATABASE_URL, { poolSize: config.DATABASE_POOL_SIZE, logger });
const client = createTemporalClient(config);
await untilReachable({ what: 'Temporal', logger, work: () => registerSearchAttributes(client, logger) });
const connection = await untilReachable({
  what: 'Temporal',
  logger,
  work: () => NativeConnection.connect({ address: config.TEMPORAL_ADDRESS }),
});

const announcer = config.DATABASE_NOTIFY
  ? createAnnouncer({ databaseUrl: config.DATABASE_URL, logger })
  : silentAnnouncer;
const attempts = announcingAttempts(createAttempts(database), announcer);
const settlement = announcingSettlement(createSettlement(database), announcer);
const providers = createProviders({
  catalogue,
  credentials: (variable) => settingOf(process.env, variable),
  allowHttp: config.ALLOW_HTTP_PROVIDERS,
});
const fetchGuarded = createGuardedFetch({
  allowLoopbackPorts: config.ALLOW_LOOPBACK_PORTS,
  onConnect: (connection) => logger.debug(connection, 'connected to an address that somebody else chose'),
});
const media = createMediaProcess();
const store = await openStore(config);
const problem = await untilReachable({ what: 'the artifact store', logger, work: () => store.problem() });
if (problem) throw new Error(problem);
const signer = createLinkSigner(config.LINK_SECRET);
const callbackTokens = createCallbackTokens(config.LINK_SECRET);

const artifacts = announcingArtifacts(createArtifacts(database), announcer);
const watchList = createWatchList(database);
const webhookLog = createWebhookLog(database);
const sweepList = announcingSweepList(createSweepList(database), announcer);
const health = createProviderHealth(database, config);
const files = createStepFiles(database);
const { catalogue: withKeys } = withoutKeylessAccounts(
  catalogue,
  (variable) => settingOf(process.env, variable) !== undefined,
);

const activities = createActivities({
  attempts,
  artifacts,
  settlement,
  providers,
  health,
  orphans: createOrphans(database),
  costMicrosPerSecond: createProviderCosts(catalogue),
  store,
  fetchGuarded,
  media,
  webhooks: {
    deliveries: createWebhookDeliveries(database),
    render: createWebhookBody({
      jobs: createJobs(database),
      endpoints: createWebhookEndpoints(database),
      log: webhookLog,
      findPipeline: createPipelineFinder({
        pipelines: createPipelines(database),
        signer,
        publicUrl: config.PUBLIC_URL.replace(/\/+$/, ''),
        linkLifetimeSeconds: config.LINK_LIFETIME_SECONDS,
      }),
      signer,
      publicUrl: config.PUBLIC_URL.replace(/\/+$/, ''),
      linkLifetimeSeconds: config.LINK_LIFETIME_SECONDS,
    }),
    targets: createWebhookTargets({ atOnce: WEBHOOKS_TO_ONE_TARGET }),
  },
  pipelines: {
    progress: announcingPipelineProgress(createPipelineProgress(database), announcer),
    files,
    beginWithinMs: STEP_BEGUN_WITHIN_MS,
    makeJob: createStepJobs({
      jobs: createJobs(database),
      attempts,
      artifacts,
      uploads: createUploads(database),
      models: createPublicModels(withKeys, (account, model) => abilitiesOf(account.adapter, model, account.settings)),
      timing: serviceTimingOf(config),
      fetchImage: createFetchImage(fetchGuarded),
      isHealthy: async (route) => !(await health.isOpen(route)),
      hasPublicAddress: config.HAS_PUBLIC_URL,
      allowLoopbackPorts: config.ALLOW_LOOPBACK_PORTS,
      store,
      retentionDays: config.ARTIFACT_RETENTION_DAYS,
      files,
      pipelineJobs: announcingPipelineJobs(createPipelineJobs(database), announcer),
    }),
    startOf: createStepJobStart(sweepList),
  },
  wakeDispatcher: () => dispatcher.wake(),
  logger,
  paceOfLooks: createPaceOfLooks({ attempts, looksPerSecond: config.LOOKS_PER_SECOND }),
  inputAddress: config.HAS_PUBLIC_URL
    ? (id) => inputAddress(id, { signer, publicUrl: config.PUBLIC_URL.replace(/\/+$/, '') })
    : undefined,
  callbackAddress: config.HAS_PUBLIC_URL
    ? (account) => {
        const token = callbackTokens.make(account);
        return { token, url: `${config.PUBLIC_URL.replace(/\/+$/, '')}/callbacks/${account}/${token}` };
      }
    : undefined,
  limits: {
    transfer: transferLimits(config.MAX_ARTIFACT_BYTES),
    retentionDays: config.ARTIFACT_RETENTION_DAYS,
    listedAfterMs: config.LISTED_AFTER_MS,
  },
});
const accounts = Object.keys(catalogue.accounts);
const workers = await createWorkers({ connection, config, accounts, activities });
const dispatcher = createDispatcher({
  queue: createDispatchQueue(database),
  sweepList,
  settlement,
  callbacks: createCallbacks(database),
  webhooks: { queue: createWebhookQueue(database), timing: webhookTimingOf(config) },
  pipelines: {
    queue: announcingPipelineQueue(createPipelineQueue(database), announcer),
    mediaTimeoutMs: config.STEP_FILE_TIMEOUT_MS,
  },
  client,
  logger,
  startsPerSecond: config.STARTS_PER_SECOND,
  sweepIntervalMs: config.SWEEP_INTERVAL_MS,
});

const wakeDispatcher = createPacedWake(() => dispatcher.wake());
const listener = createAnnouncementListener({
  databaseUrl: config.DATABASE_URL,
  logger,
  ears: { mayDispatch: wakeDispatcher, mayHaveMissed: wakeDispatcher },
});

const housekeeping = createHousekeeping({
  artifacts,
  store,
  logger,
  unfinishedFilesLiveMs: 2 * config.DOWNLOAD_TIMEOUT_MS,
  unownedFilesLiveMs: config.UNOWNED_FILES_LIVE_MS,
});

const sweeps = createSweeps({ config, accounts, client, attempts, watchList, webhookLog, providers, logger });

let isClosing = false;
const running = Promise.all(workers.map((worker) => worker.run()));
running.catch((error: unknown) => {
  logger.fatal({ err: error }, 'a Temporal worker failed');
  // Started again by whoever started this process; nothing is lost by it.
  if (!isClosing) process.exit(1);
});
dispatcher.start();
if (config.DATABASE_NOTIFY) listener.start();
housekeeping.start();
sweeps.start();
const { WORKER_BUILD_ID: buildId, WORKER_VERSIONING: versioning } = config;
logger.info({ accounts, buildId, versioning }, 'worker is ready');
if (versioning !== 'off')
  logger.info({ buildId }, 'this build gets jobs once it is made current: admin release current');
process.send?.('ready');

async function drain(): Promise<void> {
  isClosing = true;
  for (const worker of workers) worker.shutdown();
  const idle = Promise.all([dispatcher.close(), housekeeping.close(), sweeps.close()]);
  idle.catch(() => {}); // waited for below, when the activities have ended
  await running;
  await atMost({ what: 'closing', limitMs: CLOSING_MS, work: () => idle.then(close) });
}

async function close(): Promise<void> {
  const open = [connection, client.connection, providers, fetchGuarded, media, listener, announcer];
  await Promise.all(open.map((part) => part.close()));
  await database.close();
}

closeOnSignal(logger, drain, { limitMs: drainMs(config) + 2 * CLOSING_MS });
