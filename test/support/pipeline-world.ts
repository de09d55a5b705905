import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createActivities } from '../../activities/index.js';
import { createDiskStore } from '../../artifacts/disk-store.js';
import type { VideoProvider } from '../../contract/provider.js';
import { mediaQueue, providerQueue, workflowQueue } from '../../contract/queues.js';
import { createDispatcher } from '../../dispatch/dispatcher.js';
import { createLogger } from '../../runtime/logger.js';
import { findProjectRoot } from '../../runtime/root.js';
import { createCallbacks } from '../../store/callbacks.js';
import { createDispatchQueue } from '../../store/dispatch-queue.js';
import { createPipelineControl } from '../../store/pipeline-control.js';
import { createPipelineEvents } from '../../store/pipeline-events.js';
import { createPipelineJobs } from '../../store/pipeline-jobs.js';
import { createPipelines, type NewPipeline, type NewStep } from '../../store/pipelines.js';
import { createProviderHealth } from '../../store/provider-health.js';
import { createSettlement } from '../../store/settlement.js';
import { createSweepList } from '../../store/sweep.js';
import { aFastStartVideo } from '../artifacts/builders.js';
import { activityDeps } from './activities.js';
import { breakerSettings } from './breakers.js';
import { aNewJob } from './jobs.js';
import { aNewPipeline, pipelinesIn } from './pipelines.js';
import { aPlan, aRoute } from './plans.js';
import { scriptedProvider } from './scripted-provider.js';
import { aWorkspace, openTestDatabase } from './store.js';
import { createTestNamespace } from './temporal.js';
import { until } from './until.js';
import { webhooksIn } from './webhooks.js';
import { quietTemporal } from './workflow-world.js';

/**
 * What becomes of a step's generation: a video, the provider's refusal, nothing before it is cancelled or told another fate, or not even a
 * job, for a reason that nobody has thought of.
 */
type Fate = 'made' | 'refused' | 'hangs' | 'stumbles';

export type PipelineWorld = Awaited<ReturnType<typeof startPipelineWorld>>;

const facts = { width: 1280, height: 720, durationSeconds: 8, framesPerSecond: 24 };

/** Real rows, real Temporal, the real workflows and their real activities; only what providers and codecs do is told by a test. */
export async function startPipelineWorld() {
  quietTemporal();
  const { database, close: closeDatabase } = await openTestDatabase();
  const temporal = await createTestNamespace();
  const connection = await NativeConnection.connect({ address: temporal.address });
  const folder = await mkdtemp(join(tmpdir(), 'reelay-pipeline-'));
  const fates = new Map<string, Fate>();
  /** The prompts that were bought, in order; a prompt is `pipeline/step`. */
  const bought: string[] = [];
  /** Steps of which no job could be made, each time. */
  const stumbles: string[] = [];
  const control = createPipelineControl(database);
  const pipelines = createPipelines(database);
  const pipelineEvents = createPipelineEvents(database);
  const pipelineJobs = createPipelineJobs(database);

  const provider: Partial<VideoProvider> = {
    async submit({ prompt }) {
      if (fates.get(prompt) === 'refused') {
        return { outcome: 'refused', error: { class: 'CONTENT_REFUSED', message: 'no' } };
      }
      bought.push(prompt);
      return {
        outcome: 'accepted',
        task: { account: 'first', upstreamModel: 'model-1', id: prompt },
        lookAgainInMs: 1,
      };
    },
    async look({ id }) {
      if (fates.get(id) === 'hangs') return { status: 'pending', providerStatus: 'running', lookAgainInMs: 50 };
      return { status: 'succeeded', files: [{ url: 'https://provider.example/file.mp4' }] };
    },
  };
  const { providers } = scriptedProvider(provider);
  const unused = () => Promise.reject(new Error('was not expected'));
  const breakersOff = { ...breakerSettings, BREAKER_OPEN_MS: 0, BREAKER_STOPPED_MS: 0, MODEL_RETIRED_MS: 0 };
  const deps = activityDeps(database, {
    health: createProviderHealth(database, breakersOff),
    providers,
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
      probeVideo: async () => facts,
      async extractFrame({ to }) {
        await writeFile(to, 'a still');
        return { width: 1280, height: 720, atSeconds: 8 };
      },
      async joinVideos({ sources, to }) {
        await writeFile(to, 'a film');
        return { ...facts, durationSeconds: 8 * sources.length, reencoded: false };
      },
      close: async () => {},
    },
    wakeDispatcher: () => {},
  });
  const activities = createActivities({
    ...deps,
    pipelines: {
      ...deps.pipelines,
      async makeJob({ pipelineId, run, step }) {
        if (fates.get(`${pipelineId}/${step}`) === 'stumbles') {
          stumbles.push(`${pipelineId}/${step}`);
          throw new TypeError('nobody has thought of this');
        }
        const asked = await pipelineJobs.find({ pipelineId, step });
        if (!asked) throw new Error(`no step ${step}`);
        const { workspaceId, apiKeyId } = asked;
        const plan = aPlan({ routes: [aRoute()] });
        const { openJobLimit: _, ...job } = aNewJob({ workspaceId, apiKeyId }, { plan });
        const request = { ...job.request, prompt: `${pipelineId}/${step}` };
        return pipelineJobs.accept({ pipelineId, run, step, job: { ...job, request } });
      },
    },
  });

  const codePath = join(findProjectRoot(), 'dist', 'workflow-bundle.js');
  const common = { connection, namespace: temporal.namespace };
  const settings = pipelinesIn(database);
  const dispatchSettings: typeof settings & { continueAfterSteps?: number } = settings;
  const dispatcher = createDispatcher({
    webhooks: webhooksIn(database),
    pipelines: dispatchSettings,
    queue: createDispatchQueue(database),
    callbacks: createCallbacks(database),
    sweepList: createSweepList(database),
    settlement: createSettlement(database),
    client: temporal.client,
    logger: createLogger('test', 'silent'),
    startsPerSecond: 1_000,
    sweepIntervalMs: 300,
  });
  dispatcher.start();

  let workers: Worker[] = [];
  let running: Promise<unknown> = Promise.resolve();
  async function startWorkers(): Promise<void> {
    workers = await Promise.all([
      Worker.create({
        ...common,
        taskQueue: workflowQueue,
        workflowBundle: { codePath },
        activities: { ...activities.job, ...activities.pipeline },
      }),
      Worker.create({
        ...common,
        taskQueue: mediaQueue,
        activities: { ...activities.media, ...activities.pipelineMedia },
      }),
      Worker.create({ ...common, taskQueue: providerQueue('first'), activities: activities.provider }),
    ]);
    running = Promise.all(workers.map((worker) => worker.run()));
  }
  await startWorkers();

  return {
    database,
    client: temporal.client,

    /** A workflow goes on as a new one after so many steps. */
    continueAfter(steps: number | undefined): void {
      dispatchSettings.continueAfterSteps = steps;
    },

    async accept(changes: Partial<NewPipeline> & { steps: NewStep[] }, does: Record<string, Fate> = {}) {
      const owner = await aWorkspace(database, { credits: changes.steps.length });
      const pipeline = aNewPipeline(owner, changes);
      const { id, workspaceId } = pipeline;
      const told = (fate: Record<string, Fate>) => {
        for (const [step, one] of Object.entries(fate)) fates.set(`${id}/${step}`, one);
      };
      told(does);
      await pipelines.accept(pipeline);
      dispatcher.wake();

      const row = async () => {
        const found = await pipelines.find({ id, workspaceId });
        if (!found) throw new Error('the pipeline is gone');
        return found;
      };
      const stepsNow = () => pipelines.stepsOf([id]);
      const statesNow = async () => Object.fromEntries((await stepsNow()).map(({ name, state }) => [name, state]));
      const handle = temporal.client.workflow.getHandle(id);
      return {
        id,
        ...owner,
        handle,
        row,
        steps: stepsNow,
        states: statesNow,
        told,
        events: () => pipelineEvents.newer([{ id, after: 0 }], 1_000),
        bought: () => bought.filter((prompt) => prompt.startsWith(id)).map((prompt) => prompt.slice(id.length + 1)),
        stumbles: () => stumbles.filter((step) => step.startsWith(id)).length,
        jobsOf: () =>
          database.queries.selectFrom('jobs').selectAll().where('pipeline_id', '=', id).orderBy('id').execute(),
        untilStates: (wanted: Record<string, string>) =>
          until(async () => {
            const now = await statesNow();
            return Object.entries(wanted).every(([name, state]) => now[name] === state);
          }, 10),
        async untilEnded() {
          await until(async () => (await row()).finished_at !== null, 10);
          return row();
        },
        async cancel(): Promise<void> {
          await control.requestCancel({ id, workspaceId });
          dispatcher.wake();
        },
        async decide(step: string, decision: 'approved' | 'rejected'): Promise<boolean> {
          const decided = await control.decide({ id, step, decision, note: null, ...owner });
          dispatcher.wake();
          return decided;
        },
        async retry(steps: NewStep[]): Promise<void> {
          await pipelines.retry({ id, workspaceId, steps, inputs: [] });
          dispatcher.wake();
        },
      };
    },

    async stopWorkers(): Promise<void> {
      for (const worker of workers) worker.shutdown();
      await running;
    },
    startWorkers,

    async close(): Promise<void> {
      await dispatcher.close();
      await this.stopWorkers();
      await connection.close();
      await temporal.close();
      await closeDatabase();
      await rm(folder, { recursive: true });
      await Runtime.instance().shutdown();
    },
  };
}
