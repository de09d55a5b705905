import { createGuardedFetch } from '../artifacts/guarded-fetch.js';
import { openStore } from '../artifacts/open-store.js';
import { createLinkSigner } from '../artifacts/signed-links.js';
import { createDispatcher } from '../dispatch/dispatcher.js';
import { abilitiesOf } from '../providers/registry.js';
import { readCatalogue, withoutKeylessAccounts } from '../runtime/catalogue.js';
import { readConfig } from '../runtime/config.js';
import { armCrashPoints } from '../runtime/crash-points.js';
import { createLogger } from '../runtime/logger.js';
import { untilReachable } from '../runtime/patience.js';
import { settingOf } from '../runtime/setting.js';
import { closeOnSignal } from '../runtime/shutdown.js';
import { createTemporalClient } from '../runtime/temporal.js';
import { createArtifacts } from '../store/artifacts.js';
import { createAttempts } from '../store/attempts.js';
import { createDatabase } from '../store/database.js';
import { createDispatchQueue } from '../store/dispatch-queue.js';
import { createJobList } from '../store/job-list.js';
import { createJobs } from '../store/jobs.js';
import { createLedger } from '../store/ledger.js';
import { migrate } from '../store/migrate.js';
import { createProviderHealth } from '../store/provider-health.js';
import { createSettlement } from '../store/settlement.js';
import { createSweepList } from '../store/sweep.js';
import { createUsage } from '../store/usage.js';
import { createWorkspaces } from '../store/workspaces.js';
import { createApp } from './app.js';
import { createFetchImage } from './fetch-image.js';
import { createJobApi } from './jobs.js';
import { createPublicModels } from './models.js';
import { startServer } from './server.js';

/** Builds everything the API needs and serves it until the process is told to stop. */
const TEMPORAL_PING_MS = 1_000;

const config = readConfig();
armCrashPoints();
const logger = createLogger('api', config.LOG_LEVEL);
const { catalogue, keyless } = withoutKeylessAccounts(
  readCatalogue(config.CATALOGUE_FILE),
  (variable) => settingOf(process.env, variable) !== undefined,
);
if (keyless.length > 0) logger.warn({ accounts: keyless }, 'provider accounts without a key are passed over');
const models = createPublicModels(catalogue, (account, upstreamModel) =>
  abilitiesOf(account.adapter, upstreamModel, account.settings),
);
await untilReachable({ what: 'the database', logger, work: () => migrate(config.DATABASE_URL) });
const database = createDatabase(config.DATABASE_URL, { poolSize: config.DATABASE_POOL_SIZE, logger });
const temporal = createTemporalClient(config);
const settlement = createSettlement(database);
const workspaces = createWorkspaces(database);
const dispatcher = createDispatcher({
  queue: createDispatchQueue(database),
  sweepList: createSweepList(database),
  settlement,
  client: temporal,
  logger,
  startsPerSecond: config.STARTS_PER_SECOND,
  sweepIntervalMs: config.SWEEP_INTERVAL_MS,
});

const health = createProviderHealth(database, config);
const store = await openStore(config);
const problem = await untilReachable({ what: 'the artifact store', logger, work: () => store.problem() });
if (problem) throw new Error(problem);
const fetchGuarded = createGuardedFetch({ allowLoopbackPorts: config.ALLOW_LOOPBACK_PORTS });

const jobs = createJobApi({
  jobs: createJobs(database),
  jobList: createJobList(database),
  artifacts: createArtifacts(database),
  attempts: createAttempts(database),
  settlement,
  usage: createUsage(database),
  ledger: createLedger(database),
  store,
  signer: createLinkSigner(config.LINK_SECRET),
  models,
  temporal,
  temporalUi: config.TEMPORAL_UI_URL
    ? { url: withoutSlash(config.TEMPORAL_UI_URL), namespace: config.TEMPORAL_NAMESPACE }
    : undefined,
  timing: {
    submitTimeoutMs: config.SUBMIT_TIMEOUT_MS,
    lookTimeoutMs: config.LOOK_TIMEOUT_MS,
    downloadTimeoutMs: config.DOWNLOAD_TIMEOUT_MS,
    stallMs: config.TASK_STALL_MS,
    deadlineMs: config.JOB_DEADLINE_MS,
    reconcileGraceMs: config.RECONCILE_GRACE_MS,
    reconcileBlindGraceMs: config.RECONCILE_BLIND_GRACE_MS,
    retryPauseMs: config.RETRY_PAUSE_MS,
    longestRetryAfterMs: config.LONGEST_RETRY_AFTER_MS,
  },
  fetchImage: createFetchImage(fetchGuarded),
  isHealthy: async (route) => !(await health.isOpen(route)),
  hasPublicAddress: config.HAS_PUBLIC_URL,
  allowLoopbackPorts: config.ALLOW_LOOPBACK_PORTS,
  publicUrl: withoutSlash(config.PUBLIC_URL),
  linkLifetimeSeconds: config.LINK_LIFETIME_SECONDS,
  retentionDays: config.ARTIFACT_RETENTION_DAYS,
  wakeDispatcher: () => dispatcher.wake(),
});

const app = createApp({
  jobs,
  findCaller: (secret) => workspaces.authenticate(secret),
  maxBodyBytes: config.MAX_BODY_BYTES,
  logger,
  pingDatabase: () => database.ping(),
  pingTemporal: async () => {
    await temporal.withDeadline(Date.now() + TEMPORAL_PING_MS, () => temporal.workflowService.getSystemInfo({}));
  },
});

const server = await startServer(app, { host: config.API_HOST, port: config.API_PORT });
dispatcher.start();
logger.info({ url: server.url, publicUrl: config.PUBLIC_URL }, 'api is ready');
process.send?.('ready');

closeOnSignal(logger, async () => {
  await server.close();
  await dispatcher.close();
  await Promise.all([database.close(), temporal.connection.close(), fetchGuarded.close()]);
});

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}
