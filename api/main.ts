import { createGuardedFetch } from '../artifacts/guarded-fetch.js';
import { openStore } from '../artifacts/open-store.js';
import { createLinkSigner } from '../artifacts/signed-links.js';
import { ServiceError } from '../contract/errors.js';
import { createDispatcher } from '../dispatch/dispatcher.js';
import { createPacedWake } from '../dispatch/paced-wake.js';
import { isVerdictOnFile, MediaError } from '../media/media-error.js';
import { createMediaProcess } from '../media/process.js';
import { abilitiesOf, createProviders } from '../providers/registry.js';
import { createCallbackTokens } from '../runtime/callback-tokens.js';
import { readCatalogue, withoutKeylessAccounts } from '../runtime/catalogue.js';
import { readConfig } from '../runtime/config.js';
import { armCrashPoints } from '../runtime/crash-points.js';
import { createLogger } from '../runtime/logger.js';
import { untilReachable } from '../runtime/patience.js';
import { settingOf } from '../runtime/setting.js';
import { closeOnSignal } from '../runtime/shutdown.js';
import { createTemporalClient } from '../runtime/temporal.js';
import { webhookTimingOf } from '../runtime/webhook-timing.js';
import { createAnnouncementListener } from '../store/announcement-listener.js';
import { createAnnouncer, silentAnnouncer } from '../store/announcements.js';
import { announcingJobs, announcingSettlement, announcingSweepList } from '../store/announcing.js';
import {
  announcingPipelineControl,
  announcingPipelineQueue,
  announcingPipelines,
} from '../store/announcing-pipelines.js';
import { createArtifacts } from '../store/artifacts.js';
import { createAttempts } from '../store/attempts.js';
import { createCallbacks } from '../store/callbacks.js';
import { createDatabase } from '../store/database.js';
import { createDispatchQueue } from '../store/dispatch-queue.js';
import { createJobEvents } from '../store/job-events.js';
import { createJobList } from '../store/job-list.js';
import { createJobs } from '../store/jobs.js';
import { createLedger } from '../store/ledger.js';
import { migrate } from '../store/migrate.js';
import { createPipelineControl } from '../store/pipeline-control.js';
import { createPipelineEvents } from '../store/pipeline-events.js';
import { createPipelineQueue } from '../store/pipeline-queue.js';
import { createPipelines } from '../store/pipelines.js';
import { createProviderHealth } from '../store/provider-health.js';
import { createSettlement } from '../store/settlement.js';
import { createStepFiles } from '../store/step-files.js';
import { createSweepList } from '../store/sweep.js';
import { createUploads } from '../store/uploads.js';
import { createUsage } from '../store/usage.js';
import { createWebhookEndpoints } from '../store/webhook-endpoints.js';
import { createWebhookLog } from '../store/webhook-log.js';
import { createWebhookQueue } from '../store/webhook-queue.js';
import { createWorkspaces } from '../store/workspaces.js';
import { createApp } from './app.js';
import { createFetchImage } from './fetch-image.js';
import { createJobApi, type JobApiDeps } from './jobs.js';
import { createLiveEvents } from './live-events.js';
import { createPublicModels } from './models.js';
import { createPipelineApi } from './pipelines.js';
import { startServer } from './server.js';
import { serviceTimingOf } from './service-timing.js';
import { createWaitingCallers } from './waiting-callers.js';
import { createWebhookApi } from './webhooks.js';

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
const announcer = config.DATABASE_NOTIFY
  ? createAnnouncer({ databaseUrl: config.DATABASE_URL, logger })
  : silentAnnouncer;
const settlement = announcingSettlement(createSettlement(database), announcer);
const workspaces = createWorkspaces(database);
const callbacks = createCallbacks(database);
const dispatcher = createDispatcher({
  queue: createDispatchQueue(database),
  sweepList: announcingSweepList(createSweepList(database), announcer),
  settlement,
  callbacks,
  webhooks: { queue: createWebhookQueue(database), timing: webhookTimingOf(config) },
  pipelines: {
    queue: announcingPipelineQueue(createPipelineQueue(database), announcer),
    mediaTimeoutMs: config.STEP_FILE_TIMEOUT_MS,
  },
  client: temporal,
  logger,
  startsPerSecond: config.STARTS_PER_SECOND,
  sweepIntervalMs: config.SWEEP_INTERVAL_MS,
});

const jobEvents = createJobEvents(database);
const liveJobs = createLiveEvents({ events: jobEvents, logger });
const pipelineEvents = createPipelineEvents(database);
const livePipelines = createLiveEvents({ events: pipelineEvents, logger });
const live = [liveJobs, livePipelines];
const wakeDispatcher = createPacedWake(() => dispatcher.wake());
const listener = createAnnouncementListener({
  databaseUrl: config.DATABASE_URL,
  logger,
  ears: {
    changed: (ids) => {
      for (const { look } of live) look(ids);
    },
    mayDispatch: wakeDispatcher,
    mayHaveMissed: () => {
      for (const { lookAtAll } of live) lookAtAll();
    },
  },
});

const providers = createProviders({
  catalogue,
  credentials: (variable) => settingOf(process.env, variable),
  allowHttp: config.ALLOW_HTTP_PROVIDERS,
});
const callbackReaders = Object.keys(catalogue.accounts)
  .filter((account) => !keyless.includes(account))
  .flatMap((account) => {
    const { callbacks: reader } = providers.get(account);
    return reader ? [[account, reader] as const] : [];
  });

const health = createProviderHealth(database, config);
const store = await openStore(config);
const problem = await untilReachable({ what: 'the artifact store', logger, work: () => store.problem() });
if (problem) throw new Error(problem);
const fetchGuarded = createGuardedFetch({
  allowLoopbackPorts: config.ALLOW_LOOPBACK_PORTS,
  onConnect: (connection) => logger.debug(connection, 'connected to an address that somebody else chose'),
});

const media = createMediaProcess();
const probeVideo = (path: string) =>
  media.probeVideo(path).catch((error: unknown) => {
    if (error instanceof MediaError && isToBlame(error)) return undefined;
    throw new ServiceError('service_unavailable', {
      detail: 'The video cannot be looked at just now.',
      retryAfterSeconds: 5,
      cause: error,
    });
  });

const jobDeps: JobApiDeps = {
  jobs: announcingJobs(createJobs(database), announcer),
  jobList: createJobList(database),
  jobEvents,
  liveJobs,
  waitingCallers: createWaitingCallers(),
  artifacts: createArtifacts(database),
  uploads: createUploads(database),
  probeVideo,
  attempts: createAttempts(database),
  settlement,
  usage: createUsage(database),
  ledger: createLedger(database),
  store,
  artifactLinks: config.ARTIFACT_LINKS,
  signer: createLinkSigner(config.LINK_SECRET),
  models,
  temporal,
  temporalUi: config.TEMPORAL_UI_URL
    ? { url: withoutSlash(config.TEMPORAL_UI_URL), namespace: config.TEMPORAL_NAMESPACE }
    : undefined,
  timing: serviceTimingOf(config),
  fetchImage: createFetchImage(fetchGuarded),
  isHealthy: async (route) => !(await health.isOpen(route)),
  hasPublicAddress: config.HAS_PUBLIC_URL,
  allowLoopbackPorts: config.ALLOW_LOOPBACK_PORTS,
  publicUrl: withoutSlash(config.PUBLIC_URL),
  linkLifetimeSeconds: config.LINK_LIFETIME_SECONDS,
  retentionDays: config.ARTIFACT_RETENTION_DAYS,
  wakeDispatcher: () => dispatcher.wake(),
};
const jobs = createJobApi(jobDeps);

const app = createApp({
  jobs,
  pipelines: createPipelineApi({
    ...jobDeps,
    stepFiles: createStepFiles(database),
    pipelines: announcingPipelines(createPipelines(database), announcer),
    control: announcingPipelineControl(createPipelineControl(database), announcer),
    pipelineEvents,
    livePipelines,
  }),
  webhooks: createWebhookApi({
    endpoints: createWebhookEndpoints(database),
    log: createWebhookLog(database),
    allowLoopbackPorts: config.ALLOW_LOOPBACK_PORTS,
    wakeDispatcher: () => dispatcher.wake(),
  }),
  findCaller: (secret) => workspaces.authenticate(secret),
  maxBodyBytes: config.MAX_BODY_BYTES,
  callbacks: {
    readers: new Map(callbackReaders),
    received: callbacks,
    isMarkedToken: createCallbackTokens(config.LINK_SECRET).isMarked,
    wakeDispatcher: () => dispatcher.deliverCallbacks(),
  },
  logger,
  pingDatabase: () => database.ping(),
  pingTemporal: async () => {
    await temporal.withDeadline(Date.now() + TEMPORAL_PING_MS, () => temporal.workflowService.getSystemInfo({}));
  },
});

const server = await startServer(app, { host: config.API_HOST, port: config.API_PORT });
dispatcher.start();
if (config.DATABASE_NOTIFY) listener.start();
logger.info({ url: server.url, publicUrl: config.PUBLIC_URL }, 'api is ready');
process.send?.('ready');

closeOnSignal(logger, async () => {
  // First, as a server waits for everybody who is still served.
  await Promise.all(live.map((events) => events.close()));
  await server.close();
  await dispatcher.close();
  await Promise.all([listener.close(), announcer.close()]);
  await Promise.all([
    database.close(),
    temporal.connection.close(),
    media.close(),
    fetchGuarded.close(),
    providers.close(),
  ]);
});

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

/** Whether it is the file that cannot be read, or has ended who read it. */
function isToBlame(error: MediaError): boolean {
  return isVerdictOnFile(error) || error.reason === 'crashed' || error.reason === 'out_of_memory';
}
