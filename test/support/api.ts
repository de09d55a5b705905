import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type AppDeps, createApp } from '../../api/app.js';
import { createFetchImage } from '../../api/fetch-image.js';
import { createJobApi, type JobApiDeps } from '../../api/jobs.js';
import { createLiveEvents } from '../../api/live-events.js';
import { createPublicModels } from '../../api/models.js';
import { createPipelineApi } from '../../api/pipelines.js';
import { startServer } from '../../api/server.js';
import { createStepJobs } from '../../api/step-jobs.js';
import { createWaitingCallers } from '../../api/waiting-callers.js';
import { createWebhookApi } from '../../api/webhooks.js';
import { createDiskStore } from '../../artifacts/disk-store.js';
import { createGuardedFetch } from '../../artifacts/guarded-fetch.js';
import { createLinkSigner, inputAddress } from '../../artifacts/signed-links.js';
import type { ArtifactStore } from '../../artifacts/store.js';
import { type Catalogue, catalogueSchema } from '../../contract/catalogue.js';
import { abilitiesOf } from '../../providers/registry.js';
import { createCallbackTokens } from '../../runtime/callback-tokens.js';
import { createLogger } from '../../runtime/logger.js';
import { createTemporalClient } from '../../runtime/temporal.js';
import { createArtifacts } from '../../store/artifacts.js';
import { createAttempts } from '../../store/attempts.js';
import { createCallbacks } from '../../store/callbacks.js';
import { createDatabase } from '../../store/database.js';
import { createJobEvents } from '../../store/job-events.js';
import { createJobList } from '../../store/job-list.js';
import { createJobs } from '../../store/jobs.js';
import { createLedger } from '../../store/ledger.js';
import { createPipelineControl } from '../../store/pipeline-control.js';
import { createPipelineEvents } from '../../store/pipeline-events.js';
import { createPipelineJobs } from '../../store/pipeline-jobs.js';
import { createPipelines } from '../../store/pipelines.js';
import { createSettlement } from '../../store/settlement.js';
import { createStepFiles } from '../../store/step-files.js';
import { createUploads } from '../../store/uploads.js';
import { createUsage } from '../../store/usage.js';
import { createWebhookEndpoints } from '../../store/webhook-endpoints.js';
import { createWebhookLog } from '../../store/webhook-log.js';
import { createWorkspaces, type Scope } from '../../store/workspaces.js';
import { cloneDatabase } from './database.js';
import { checkAsDescribed } from './described.js';
import { aPlan } from './plans.js';
import { watchAnswers } from './watch-answers.js';

type Options = {
  app?: Partial<AppDeps>;
  callbacks?: Partial<AppDeps['callbacks']>;
  jobs?: Partial<JobApiDeps>;
  poolSize?: number;
  /** Ports of this machine that images may be fetched from and webhooks may name. */
  allowLoopbackPorts?: number[];
  catalogue?: Catalogue;
  /** Where files are kept: in a folder of its own unless told otherwise. */
  store?: ArtifactStore;
};

/** Nobody listens here: Temporal is away unless a test gives its address. */
const NOBODY = '127.0.0.1:9';

/** Quicker than ever in earnest: nobody announces anything here. */
const LOOK_EVERY_MS = 50;

export const linkSecret = 'a secret for tests, long enough for links';

/** One model whose routes are those of the embedded default. */
const testCatalogue: Catalogue = catalogueSchema.parse({
  accounts: {
    omixa: { adapter: 'omixa', baseUrl: 'https://omixa.test', credential: 'OMIXA_API_KEY' },
    apixo: { adapter: 'apixo', baseUrl: 'https://apixo.test', credential: 'APIXO_API_KEY' },
  },
  models: {
    sora: {
      priceMicrosPerSecond: 100_000,
      minimumHoldMicros: 10_000,
      defaultSeconds: 8,
      routes: [
        { account: 'omixa', upstreamModel: 'sora', costMicrosPerSecond: 100_000 },
        { account: 'apixo', upstreamModel: 'sora-2', costMicrosPerSecond: 80_000 },
      ],
    },
  },
});

export type Api = Awaited<ReturnType<typeof startApi>>;

/** The real application on a database and a folder of its own. No dispatcher runs: a job stays queued until a test moves it. */
export async function startApi({
  app = {},
  callbacks = {},
  jobs: jobDeps = {},
  poolSize = 10,
  allowLoopbackPorts = [],
  catalogue = testCatalogue,
  store: givenStore,
}: Options = {}) {
  const { url: databaseUrl, drop } = await cloneDatabase();
  const folder = await mkdtemp(join(tmpdir(), 'reelay-api-'));
  const database = createDatabase(databaseUrl, { poolSize });
  const logger = createLogger('api-test', 'silent');
  const store = givenStore ?? createDiskStore(pathToFileURL(folder));
  const temporal = createTemporalClient({ TEMPORAL_ADDRESS: NOBODY, TEMPORAL_NAMESPACE: 'default' });
  const workspaces = createWorkspaces(database);
  const ledger = createLedger(database);
  const settlement = createSettlement(database);
  const jobs = createJobs(database);
  const fetchGuarded = createGuardedFetch({ allowLoopbackPorts });
  const signer = createLinkSigner(linkSecret);
  const jobEvents = createJobEvents(database);
  const liveJobs = createLiveEvents({ events: jobEvents, logger, lookEveryMs: LOOK_EVERY_MS });
  const pipelineEvents = createPipelineEvents(database);
  const livePipelines = createLiveEvents({ events: pipelineEvents, logger, lookEveryMs: LOOK_EVERY_MS });
  let wakeCount = 0;

  const deps: JobApiDeps = {
    jobs,
    jobList: createJobList(database),
    jobEvents,
    liveJobs,
    waitingCallers: createWaitingCallers(),
    artifacts: createArtifacts(database),
    uploads: createUploads(database),
    probeVideo: async () => ({ width: 1280, height: 720, durationSeconds: 8, framesPerSecond: 30 }),
    attempts: createAttempts(database),
    settlement,
    usage: createUsage(database),
    ledger,
    store,
    artifactLinks: 'proxy',
    signer,
    models: createPublicModels(catalogue, ({ adapter, settings }, model) => abilitiesOf(adapter, model, settings)),
    temporal,
    timing: aPlan().timing,
    fetchImage: createFetchImage(fetchGuarded),
    isHealthy: async () => true,
    hasPublicAddress: true,
    allowLoopbackPorts,
    publicUrl: 'https://reelay.test',
    linkLifetimeSeconds: 3_600,
    retentionDays: 30,
    wakeDispatcher: () => {
      wakeCount += 1;
    },
    ...jobDeps,
  };
  const jobApi = createJobApi(deps);
  const stepFiles = createStepFiles(database);
  const application = createApp({
    jobs: jobApi,
    pipelines: createPipelineApi({
      ...deps,
      pipelines: createPipelines(database),
      control: createPipelineControl(database),
      stepFiles,
      pipelineEvents,
      livePipelines,
    }),
    webhooks: createWebhookApi({
      endpoints: createWebhookEndpoints(database),
      log: createWebhookLog(database),
      allowLoopbackPorts,
      wakeDispatcher: () => {
        wakeCount += 1;
      },
    }),
    findCaller: (secret) => workspaces.authenticate(secret),
    maxBodyBytes: 1024 * 1024,
    callbacks: {
      readers: new Map(),
      received: createCallbacks(database),
      isMarkedToken: createCallbackTokens(linkSecret).isMarked,
      wakeDispatcher: () => {},
      ...callbacks,
    },
    logger,
    pingDatabase: () => database.ping(),
    pingTemporal: async () => {},
    ...app,
  });
  const { listener, verdict } = watchAnswers(application);
  const server = await startServer(listener, { host: '127.0.0.1', port: 0 });

  /** A workspace with credit, and a key of it. */
  async function addWorkspace({ micros = 100_000_000, scopes = ['jobs:read', 'jobs:write'] as Scope[] } = {}) {
    const { id: workspaceId } = await workspaces.create({ name: crypto.randomUUID() });
    if (micros > 0) await ledger.topUp({ workspaceId, micros });
    const { id: keyId, secret } = await workspaces.createKey({ workspaceId, scopes });
    return { workspaceId, keyId, ...callerWith(secret) };
  }

  function callerWith(secret: string) {
    const authorization = `Bearer ${secret}`;
    const send = async (method: string, path: string, init: RequestInit = {}) => {
      const response = await fetch(new URL(path, server.url), {
        method,
        ...init,
        headers: { authorization, ...Object.fromEntries(new Headers(init.headers)) },
      });
      await checkAsDescribed({ method, path }, response);
      return response;
    };
    return {
      secret,
      send,
      get: (path: string, headers: Record<string, string> = {}) => send('GET', path, { headers }),
      post: (path: string, body: unknown, headers: Record<string, string> = {}) =>
        send('POST', path, { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }),
    };
  }

  return {
    application,
    url: server.url,
    database,
    databaseUrl,
    ledger,
    settlement,
    store,
    workspaces,
    addWorkspace,
    callerWith,
    /** As the worker makes the job of a step. */
    makeStepJob: createStepJobs({
      ...deps,
      files: stepFiles,
      pipelineJobs: createPipelineJobs(database),
    }),
    inputAddress: (id: string) => inputAddress(id, { signer, publicUrl: 'https://reelay.test' }),
    wakeCount: () => wakeCount,
    async countJobs(): Promise<number> {
      const rows = await database.queries.selectFrom('jobs').select('id').execute();
      return rows.length;
    },
    /** Files of any kind, temporary ones too. */
    async countFiles(): Promise<number> {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      return entries.filter((entry) => entry.isFile()).length;
    },
    async close() {
      await Promise.all([liveJobs.close(), livePipelines.close()]);
      await server.close();
      await fetchGuarded.close();
      await database.close();
      await temporal.connection.close();
      await drop();
      await rm(folder, { recursive: true });
      await verdict();
    },
  };
}

/** What a caller reads; loose, because tests look at single fields. */
export async function readJson(response: Response) {
  return (await response.json()) as Record<string, never> & Record<string, unknown>;
}
