import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { ActivityDeps } from '../../activities/deps.js';
import { createActivities } from '../../activities/index.js';
import { createDiskStore } from '../../artifacts/disk-store.js';
import type { JobPlan } from '../../contract/plan.js';
import type { VideoProvider } from '../../contract/provider.js';
import { mediaQueue, providerQueue, workflowQueue } from '../../contract/queues.js';
import { createDispatcher } from '../../dispatch/dispatcher.js';
import { createLogger } from '../../runtime/logger.js';
import { findProjectRoot } from '../../runtime/root.js';
import { createAttempts } from '../../store/attempts.js';
import { createCallbacks } from '../../store/callbacks.js';
import { createDispatchQueue } from '../../store/dispatch-queue.js';
import { createJobs } from '../../store/jobs.js';
import { createProviderHealth } from '../../store/provider-health.js';
import { createSettlement } from '../../store/settlement.js';
import { createSweepList } from '../../store/sweep.js';
import { aFastStartVideo } from '../artifacts/builders.js';
import { activityDeps } from './activities.js';
import { breakerSettings } from './breakers.js';
import { aNewJob } from './jobs.js';
import { pipelinesIn } from './pipelines.js';
import { scriptedProvider } from './scripted-provider.js';
import { aWorkspace, openTestDatabase } from './store.js';
import { createTestNamespace } from './temporal.js';
import { until } from './until.js';
import { webhooksIn } from './webhooks.js';
import { quietTemporal } from './workflow-world.js';

export type ReviveWorld = Awaited<ReturnType<typeof startReviveWorld>>;
export type RevivedJob = Awaited<ReturnType<ReviveWorld['accept']>>;

const facts = { width: 1280, height: 720, durationSeconds: 8, framesPerSecond: 24 };

/** Real rows, real Temporal, the real workflow and its real activities; only the providers do what a test says. */
export async function startReviveWorld(accounts: string[]) {
  quietTemporal();
  const { database, close: closeDatabase } = await openTestDatabase();
  const temporal = await createTestNamespace();
  const connection = await NativeConnection.connect({ address: temporal.address });
  const folder = await mkdtemp(join(tmpdir(), 'reelay-revive-'));
  let script: ReturnType<typeof scriptedProvider> = scriptedProvider({});
  const settlement = createSettlement(database);
  let mayFinish = Promise.resolve();

  const unused = () => Promise.reject(new Error('was not expected'));
  // What one test does to an account must not turn the jobs of the next away from it.
  const breakersOff = { ...breakerSettings, BREAKER_OPEN_MS: 0, BREAKER_STOPPED_MS: 0, MODEL_RETIRED_MS: 0 };
  const given: Partial<ActivityDeps> = {
    health: createProviderHealth(database, breakersOff),
    providers: { get: (account) => script.providers.get(account), close: async () => {} },
    settlement: { ...settlement, settle: (ending) => mayFinish.then(() => settlement.settle(ending)) },
    store: createDiskStore(pathToFileURL(folder)),
    fetchGuarded: {
      async get() {
        const file = aFastStartVideo(1_000);
        const body = (async function* () {
          yield file;
        })();
        return { status: 200, headers: { 'content-length': String(file.length) }, body, discard() {} };
      },
      post: unused,
      close: async () => {},
    },
    media: {
      drawClip: unused,
      drawThumbnail: unused,
      drawSpritesheet: unused,
      extractFrame: unused,
      joinVideos: unused,
      probeVideo: async () => facts,
      close: async () => {},
    },
  };
  const { provider, media, job } = createActivities(activityDeps(database, given));
  const common = { connection, namespace: temporal.namespace };
  const codePath = join(findProjectRoot(), 'dist', 'workflow-bundle.js');
  let workers: Worker[] = [];
  let running: Promise<unknown> = Promise.resolve();
  const dispatcher = createDispatcher({
    webhooks: webhooksIn(database),
    pipelines: pipelinesIn(database),
    queue: createDispatchQueue(database),
    callbacks: createCallbacks(database),
    sweepList: createSweepList(database),
    settlement,
    client: temporal.client,
    logger: createLogger('test', 'silent'),
    startsPerSecond: 1_000,
    sweepIntervalMs: 300,
  });
  dispatcher.start();

  const rowOf = (id: string) =>
    database.queries.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirstOrThrow();

  return {
    database,

    async startWorkers(): Promise<void> {
      workers = await Promise.all([
        Worker.create({ ...common, taskQueue: workflowQueue, workflowBundle: { codePath }, activities: job }),
        Worker.create({ ...common, taskQueue: mediaQueue, activities: media }),
        ...accounts.map((account) =>
          Worker.create({ ...common, taskQueue: providerQueue(account), activities: provider }),
        ),
      ]);
      running = Promise.all(workers.map((worker) => worker.run()));
    },

    /** A job whose workflow is started as soon as it is accepted, against a provider that does this. */
    async accept(plan: JobPlan, does: Partial<VideoProvider>) {
      script = scriptedProvider(does);
      const { calls } = script;
      const owner = await aWorkspace(database, { credits: 1 });
      const jobs = createJobs(database);
      const { job: accepted } = await jobs.accept(aNewJob(owner, { plan }));
      const { id } = accepted;
      dispatcher.wake();
      const row = () => rowOf(id);
      const handle = temporal.client.workflow.getHandle(id);
      const untilRow = (condition: (job: Awaited<ReturnType<typeof row>>) => boolean) =>
        until(async () => condition(await row()), 10);
      await untilRow((one) => one.dispatched_at !== null);

      return {
        id,
        calls,
        row,
        untilRow,
        attempts: () => createAttempts(database).ofJob(id),
        requestCancel: async () => {
          await jobs.requestCancel({ id, workspaceId: owner.workspaceId });
          dispatcher.wake();
        },
        /** Terminates the workflow by hand and waits until the sweep has started another. What changes `meanwhile` only that one sees. */
        async loseWorkflow(meanwhile = () => {}): Promise<void> {
          await handle.terminate('by hand');
          meanwhile();
          await until(async () => (await revivals()).length > 0, 10);
        },
        untilEnded: async () => {
          await untilRow((one) => one.finished_at !== null);
          return row();
        },
        settledOnce: async () => {
          const transfers = await database.queries
            .selectFrom('ledger_transfers')
            .select('kind')
            .where('job_id', '=', id)
            .where('kind', 'in', ['capture', 'release'])
            .execute();
          return transfers.length === 1;
        },
      };

      function revivals() {
        const events = database.queries.selectFrom('job_events').select('sequence').where('job_id', '=', id);
        return events.where('type', '=', 'job.revived').execute();
      }
    },

    /** Holds back every settlement until the function that it gives is called. */
    holdSettlements(): () => void {
      let release = () => {};
      mayFinish = new Promise((resolve) => {
        release = resolve;
      });
      return () => {
        release();
        mayFinish = Promise.resolve();
      };
    },

    async close(): Promise<void> {
      await dispatcher.close();
      for (const worker of workers) worker.shutdown();
      await running;
      await connection.close();
      await temporal.close();
      await closeDatabase();
      await rm(folder, { recursive: true });
      await Runtime.instance().shutdown();
    },
  };
}
