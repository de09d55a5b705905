import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createAdmin } from '../../cli/admin.js';
import { catalogueSchema } from '../../contract/catalogue.js';
import { findProjectRoot } from '../../runtime/root.js';
import { silentAnnouncer } from '../../store/announcements.js';
import { startApi } from './api.js';
import { createCaller, type JobAnswer } from './caller.js';
import { startSandbox } from './sandbox.js';
import { createTestNamespace } from './temporal.js';
import { until } from './until.js';
import { finishedBy, makeSecondBuild, startWorkerProcess, type WorkerProcess } from './worker-builds.js';

const catalogueAt = (providerUrl: string) => ({
  accounts: { omixa: { adapter: 'omixa', baseUrl: `${providerUrl}/omixa`, credential: 'OMIXA_API_KEY' } },
  models: {
    sora: {
      priceMicrosPerSecond: 100_000,
      minimumHoldMicros: 10_000,
      defaultSeconds: 8,
      routes: [{ account: 'omixa', upstreamModel: 'sora', costMicrosPerSecond: 100_000 }],
    },
  },
});

/** The api, the sandbox, a Temporal namespace and a database; the workers, with these settings, are processes that the test starts and stops. */
export async function startUpgradeWorld({ environment = {} }: { environment?: NodeJS.ProcessEnv } = {}) {
  const sandbox = await startSandbox();
  const api = await startApi({ catalogue: catalogueSchema.parse(catalogueAt(sandbox.url)) });
  const temporal = await createTestNamespace();
  const { secret } = await api.addWorkspace();
  const second = makeSecondBuild();
  const folder = await mkdtemp(join(tmpdir(), 'reelay-upgrade-'));
  await writeFile(join(folder, 'catalogue.yaml'), JSON.stringify(catalogueAt(`\${PROVIDER_URL}`)));
  const workers: WorkerProcess[] = [];
  const caller = createCaller({ apiUrl: api.url, apiKey: secret });

  return {
    api,
    caller,
    sandbox: sandbox.control,
    sandboxUrl: sandbox.url,
    temporal,

    async startWorker(build: 'first' | 'second', more: NodeJS.ProcessEnv = {}): Promise<WorkerProcess> {
      const worker = await startWorkerProcess(build === 'first' ? findProjectRoot() : second.folder, {
        DATABASE_URL: api.databaseUrl,
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
        ARTIFACTS_URL: pathToFileURL(join(folder, 'artifacts')).href,
        CATALOGUE_FILE: join(folder, 'catalogue.yaml'),
        LINK_SECRET: 'a secret for tests, long enough for links',
        PROVIDER_URL: sandbox.url,
        OMIXA_API_KEY: 'sandbox',
        ALLOW_HTTP_PROVIDERS: 'true',
        ALLOW_LOOPBACK_PORTS: new URL(sandbox.url).port,
        WORKER_BUILD_ID: build,
        ...environment,
        ...more,
      });
      workers.push(worker);
      return worker;
    },

    /** `npm run admin -- release …`, read as JSON. */
    async release(...words: string[]) {
      const lines: string[] = [];
      const admin = createAdmin({
        openDatabase: () => api.database,
        openAnnouncer: () => silentAnnouncer,
        openTemporal: () => temporal.client,
        deployment: 'reelay',
        buildId: 'first',
        write: (text) => lines.push(text),
      });
      await admin.parseAsync(['node', 'admin', 'release', ...words, '--json']);
      return JSON.parse(lines.join('\n'));
    },

    /** Until this is called, jobs with this prompt go on being looked at. */
    async holdAtProvider(prompt: string) {
      await sandbox.control.script({ call: 'look', fault: 'unknown_status', promptIncludes: prompt, times: null });
    },

    async untilLookedAt(job: JobAnswer, prompt: string) {
      await caller.untilJob(job.id, ({ phase }) => phase === 'polling');
      await until(async () => (await sandbox.control.counts({ promptIncludes: prompt, call: 'look' })).looks > 0);
    },

    /** Whose code ended the job, which processes ran its activities, and every step that did not go well the first time. */
    async historyOf(jobId: string) {
      const { events = [] } = await temporal.client.workflow.getHandle(jobId).fetchHistory();
      const summaries = (events ?? []).map(({ userMetadata }) => String(userMetadata?.summary?.data ?? ''));
      const finish = summaries.find((summary) => summary.includes('finish'));
      const failed = (events ?? []).filter(
        (event) =>
          event.activityTaskFailedEventAttributes ??
          event.activityTaskTimedOutEventAttributes ??
          event.workflowTaskFailedEventAttributes,
      );
      const build = finish?.includes(finishedBy('second')) ? 'second' : 'first';
      const identities = (events ?? []).flatMap((event) => event.activityTaskStartedEventAttributes?.identity ?? []);
      const pids = new Set(identities.map((identity) => Number.parseInt(identity, 10)));
      /** What an activity's last try before the one that counted ended with. */
      const retried = (events ?? []).flatMap((event) => event.activityTaskStartedEventAttributes?.lastFailure ?? []);
      return { build: finish ? build : undefined, failed, pids, retried };
    },

    async close() {
      for (const { child } of workers) child.kill('SIGKILL');
      await Promise.all(workers.map(({ ended }) => ended));
      await api.close();
      await sandbox.close();
      await temporal.close();
      second.remove();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
