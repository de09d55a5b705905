import { NativeConnection, Runtime } from '@temporalio/worker';
import { createActivities } from '../activities/index.js';
import { createDiskStore } from '../artifacts/disk-store.js';
import { createGuardedFetch } from '../artifacts/guarded-fetch.js';
import { createLinkSigner, inputAddress } from '../artifacts/signed-links.js';
import { createDispatcher } from '../dispatch/dispatcher.js';
import { createMediaProcess } from '../media/process.js';
import { createProviders } from '../providers/registry.js';
import { readCatalogue } from '../runtime/catalogue.js';
import { readConfig } from '../runtime/config.js';
import { armCrashPoints } from '../runtime/crash-points.js';
import { createLogger } from '../runtime/logger.js';
import { untilReachable } from '../runtime/patience.js';
import { settingOf } from '../runtime/setting.js';
import { closeOnSignal } from '../runtime/shutdown.js';
import { createTemporalClient, registerSearchAttributes } from '../runtime/temporal.js';
import { createArtifacts } from '../store/artifacts.js';
import { createAttempts } from '../store/attempts.js';
import { createDatabase } from '../store/database.js';
import { createDispatchQueue } from '../store/dispatch-queue.js';
import { migrate } from '../store/migrate.js';
import { createProviderHealth } from '../store/provider-health.js';
import { createSettlement } from '../store/settlement.js';
import { createSweepList } from '../store/sweep.js';
import { createWatchList } from '../store/watch-list.js';
import { drainMs } from './drain.js';
import { createHousekeeping } from './housekeeping.js';
import { createPaceOfLooks } from './pace.js';
import { createRepeated } from './repeat.js';
import { temporalLogger } from './temporal-logger.js';
import { transferLimits } from './transfer-limits.js';
import { lookAtLeftTasks } from './watch.js';
import { createWorkers } from './workers.js';

/** Builds everything the activities need and runs the workers until the process is told to stop. */
const CLOSING_MS = 5_000;

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

const attempts = createAttempts(database);
const settlement = createSettlement(database);
const providers = createProviders({
  catalogue,
  credentials: (variable) => settingOf(process.env, variable),
  allowHttp: config.ALLOW_HTTP_PROVIDERS,
});
const fetchGuarded = createGuardedFetch({ allowLoopbackPorts: config.ALLOW_LOOPBACK_PORTS });
const media = createMediaProcess();
const store = createDiskStore(config.ARTIFACTS_URL);
const signer = createLinkSigner(config.LINK_SECRET);

const artifacts = createArtifacts(database);
const watchList = createWatchList(database);
const times = {
  firstPauseMs: config.LEFT_TASK_FIRST_LOOK_MS,
  longestPauseMs: config.LEFT_TASK_LONGEST_PAUSE_MS,
  watchMs: config.LEFT_TASK_WATCH_MS,
};

const activities = createActivities({
  attempts,
  artifacts,
  settlement,
  providers,
  health: createProviderHealth(database, config),
  store,
  fetchGuarded,
  media,
  logger,
  paceOfLooks: createPaceOfLooks({ attempts, looksPerSecond: config.LOOKS_PER_SECOND }),
  inputAddress: config.HAS_PUBLIC_URL
    ? (id) => inputAddress(id, { signer, publicUrl: config.PUBLIC_URL.replace(/\/+$/, '') })
    : undefined,
  limits: { transfer: transferLimits(config.MAX_ARTIFACT_BYTES), retentionDays: config.ARTIFACT_RETENTION_DAYS },
});
const workers = await createWorkers({ connection, config, accounts: Object.keys(catalogue.accounts), activities });
const dispatcher = createDispatcher({
  queue: createDispatchQueue(database),
  sweepList: createSweepList(database),
  settlement,
  client,
  logger,
  startsPerSecond: config.STARTS_PER_SECOND,
  sweepIntervalMs: config.SWEEP_INTERVAL_MS,
});

const housekeeping = createHousekeeping({
  artifacts,
  store,
  logger,
  temporaryFilesLiveMs: 2 * config.DOWNLOAD_TIMEOUT_MS,
});

const watch = createRepeated({
  what: 'looking at tasks that were left',
  everyMs: config.SWEEP_INTERVAL_MS,
  logger,
  work: (signal) =>
    lookAtLeftTasks({ watchList, attempts, providers, logger, times, lookTimeoutMs: config.LOOK_TIMEOUT_MS }, signal),
});

let isClosing = false;
const running = Promise.all(workers.map((worker) => worker.run()));
running.catch((error: unknown) => {
  logger.fatal({ err: error }, 'a Temporal worker failed');
  // Started again by whoever started this process; nothing is lost by it.
  if (!isClosing) process.exit(1);
});
dispatcher.start();
housekeeping.start();
watch.start();
const { WORKER_BUILD_ID: buildId, WORKER_VERSIONING: versioning } = config;
logger.info({ accounts: Object.keys(catalogue.accounts), buildId, versioning }, 'worker is ready');
process.send?.('ready');

const close = async () => {
  isClosing = true;
  for (const worker of workers) worker.shutdown();
  await Promise.all([running, dispatcher.close(), housekeeping.close(), watch.close()]);
  await Promise.all([
    connection.close(),
    client.connection.close(),
    providers.close(),
    fetchGuarded.close(),
    media.close(),
  ]);
  await database.close();
};
closeOnSignal(logger, close, { withinMs: drainMs(config) + CLOSING_MS });
