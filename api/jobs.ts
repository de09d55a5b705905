import type { Client } from '@temporalio/client';
import type { ContentKind } from '../contract/artifact.js';
import { ServiceError } from '../contract/errors.js';
import type { Micros } from '../contract/money.js';
import type { AttemptRow } from '../store/attempts.js';
import type { Events } from '../store/events.js';
import type { JobFilter, JobList } from '../store/job-list.js';
import type { JobRow } from '../store/job-row.js';
import type { Balance, Ledger } from '../store/ledger.js';
import type { Settlement } from '../store/settlement.js';
import type { Usage, UsageRow } from '../store/usage.js';
import type { Caller } from '../store/workspaces.js';
import { type AcceptDeps, type AcceptOptions, acceptJob } from './accept.js';
import { type Content, type ContentAccess, type ContentSettings, findContent } from './content.js';
import { type JobEventData, jobEventDataSchema } from './event-data.js';
import { createEventFeed, type FeedEvent, type Patience } from './event-feed.js';
import { createFileApi, type FileApiDeps } from './files.js';
import { findInput } from './input-content.js';
import { isJobId } from './job-id.js';
import type { JobRequest, Size } from './job-request.js';
import { type Job, type ViewSettings, viewOfJob } from './job-view.js';
import { type LiveWorkflow, lookAtWorkflow } from './live.js';
import type { LiveEvents } from './live-events.js';
import { lifeOf, type ModelLife, type PublicModel } from './models.js';
import { type Asking, prepareJob } from './prepare.js';
import type { WaitingCallers } from './waiting-callers.js';

export type { Caller } from '../store/workspaces.js';
export type { Content } from './content.js';
export type { EventFeed, FeedEvent } from './event-feed.js';
export { isFileId } from './file-id.js';
export { MAX_FILE_BYTES, type StoredFile } from './files.js';
export { dialectId, isJobId, jobIdFrom } from './job-id.js';
export type { ImageSource, JobRequest, RequestField, Size, WordFor } from './job-request.js';
export type { Job } from './job-view.js';
export type { LiveWorkflow } from './live.js';
export type { ModelLife, PublicModel } from './models.js';
export type Attempt = AttemptRow;
export type JobEvent = FeedEvent<JobEventData>;
export type UsageReport = { rows: UsageRow[]; balance: Balance };
export type ListFilter = Omit<JobFilter, 'workspaceId'>;

/** What a request would cost, and how it would be made. */
export type Quote = {
  model: string;
  operation: Job['operation'];
  durationSeconds: number;
  variants: number;
  size: Size | null;
  holdMicros: Micros;
  priceMicrosPerSecond: Micros;
  minimumHoldMicros: Micros;
  /** Accounts in the order in which they would be asked. */
  providers: string[];
};

type ContentOptions = { index: number; kind?: ContentKind; access: ContentAccess };
/** `linkLifetimeSeconds`: how long the links to files work, where the dialect promises another time than ours. */
export type ReadOptions = { linkLifetimeSeconds?: number };

export type JobApiDeps = AcceptDeps &
  ContentSettings &
  ViewSettings &
  FileApiDeps & {
    jobList: JobList;
    jobEvents: Events;
    liveJobs: LiveEvents;
    waitingCallers: WaitingCallers;
    settlement: Settlement;
    usage: Usage;
    ledger: Ledger;
    temporal: Client;
    /** Where operators look at workflows, if anywhere. */
    temporalUi?: { url: string; namespace: string };
  };

export type JobApi = ReturnType<typeof createJobApi>;

/** What a caller can do, whichever dialect the words arrived in. */
export function createJobApi(deps: JobApiDeps) {
  const { jobs, jobList, attempts, settlement, usage, ledger, temporal } = deps;
  const events = createEventFeed({
    what: 'job',
    isId: isJobId,
    dataSchema: jobEventDataSchema,
    events: deps.jobEvents,
    live: deps.liveJobs,
    waitingCallers: deps.waitingCallers,
  });

  return {
    /** Takes a job; answers as soon as it is stored and its price is held. */
    async accept(request: JobRequest, options: AcceptOptions): Promise<{ job: Job; isReplay: boolean }> {
      const { job, isReplay } = await acceptJob(deps, request, options);
      return { job: view(job), isReplay };
    },

    /** Prices a request as `accept` would, and takes nothing. */
    async quote(request: JobRequest, asking: Asking): Promise<Quote> {
      const prepared = await prepareJob(deps, request, asking);
      const { model, request: wanted, shape, plan, priceMicrosPerSecond, holdMicros } = prepared;
      const { name, minimumHoldMicros } = model;
      const { operation, durationSeconds, variants } = wanted;
      const prices = { holdMicros, priceMicrosPerSecond, minimumHoldMicros };
      const providers = plan.routes.map(({ account }) => account);
      return { model: name, operation, durationSeconds, variants, size: shape.size ?? null, ...prices, providers };
    },

    get: async (id: string, caller: Caller, options?: ReadOptions): Promise<Job> =>
      view(await find(id, caller), options),

    async list(filter: ListFilter, { workspaceId }: Caller): Promise<{ jobs: Job[]; hasMore: boolean }> {
      const page = await jobList.page({ ...filter, workspaceId });
      return { jobs: page.jobs.map((job) => view(job)), hasMore: page.hasMore };
    },

    /** Wishes an open job to stop. A job that nobody has started ends at once; one that has ended stays as it is. */
    async cancel(id: string, caller: Caller): Promise<Job> {
      const { workspaceId } = caller;
      const marked = isJobId(id) ? await jobs.requestCancel({ id, workspaceId }) : undefined;
      if (!marked) return view(await find(id, caller));
      if (await settlement.cancelUnstarted(id)) return view(await find(id, caller));
      deps.wakeDispatcher();
      return view(marked);
    },

    /**
     * Takes a job that has ended, with its files and its prompt, out of everybody's sight.
     * @throws `not_found`, `job_not_finished`, `pipeline_not_finished`: later steps may still need it
     */
    async remove(id: string, caller: Caller): Promise<void> {
      const { workspaceId } = caller;
      if (isJobId(id) && (await jobs.remove({ id, workspaceId }))) return;
      const { state, finished_at: finishedAt, pipeline_id: pipelineId } = await find(id, caller);
      if (finishedAt && pipelineId) {
        const detail = `The job is a step of ${pipelineId}, which goes on: cancel that, or wait for its end.`;
        throw new ServiceError('pipeline_not_finished', { detail });
      }
      throw new ServiceError('job_not_finished', { detail: `The job is ${state}: cancel it, or wait for its end.` });
    },

    async attemptsOf(id: string, caller: Caller): Promise<Attempt[]> {
      await find(id, caller);
      return attempts.ofJob(id);
    },

    /** Files of the caller's own, to be named in requests. */
    files: createFileApi(deps),

    /** What happened to a job, what happens to it while somebody listens, and its end for those who wait. */
    events,

    /** The job when it has ended, or as it is when the patience is at an end. What was known before is better than no answer. */
    async waitForEnd(job: Job, caller: Caller, { limitMs, signal, ...options }: Patience & ReadOptions): Promise<Job> {
      await events.untilEnded(job.id, caller, { limitMs, signal });
      if (signal.aborted) return job;
      try {
        return view(await find(job.id, caller), options);
      } catch (error) {
        if (error instanceof ServiceError) return job;
        throw error;
      }
    },

    async live(id: string, caller: Caller): Promise<{ job: Job } & LiveWorkflow> {
      const job = await find(id, caller);
      const workflow = await lookAtWorkflow(temporal, id);
      return { job: view(job), ...workflow };
    },

    /** A file of a finished job. Stills are made when somebody first asks for them, which takes a moment. */
    content(jobId: string, { index, kind, access }: ContentOptions): Promise<Content> {
      if (!isJobId(jobId)) throw unknownJob(jobId);
      return findContent(deps, { jobId, index, kind, access });
    },

    /** An image that a job was made from, for the provider that fetches it. @throws `not_found`, `content_gone`, `link_invalid` */
    input: (id: string, access: Extract<ContentAccess, { kind: 'link' }>): Promise<Content> =>
      findInput(deps, { id, access }),

    async usage({ from, to }: { from: Date; to: Date }, { workspaceId }: Caller): Promise<UsageReport> {
      const [rows, balance] = await Promise.all([usage.report({ workspaceId, from, to }), ledger.balance(workspaceId)]);
      return { rows, balance };
    },

    /** The workflow's page in Temporal's Web UI, for operators. */
    temporalLink(id: string, { scopes }: Caller): string | undefined {
      const { temporalUi } = deps;
      if (!temporalUi || !scopes.includes('operator')) return undefined;
      return `${temporalUi.url}/namespaces/${encodeURIComponent(temporalUi.namespace)}/workflows/${id}`;
    },

    /** The models that callers can name, by name. */
    models: deps.models,

    lifeOf: (model: PublicModel): ModelLife => lifeOf(model, Date.now()),

    publicUrl: deps.publicUrl,
  };

  async function find(id: string, { workspaceId }: Caller): Promise<JobRow> {
    const job = isJobId(id) ? await jobs.find({ id, workspaceId }) : undefined;
    if (!job) throw unknownJob(id);
    return job;
  }

  function view(row: JobRow, { linkLifetimeSeconds = deps.linkLifetimeSeconds }: ReadOptions = {}): Job {
    return viewOfJob(row, { signer: deps.signer, publicUrl: deps.publicUrl, linkLifetimeSeconds });
  }
}

function unknownJob(id: string): ServiceError {
  return new ServiceError('not_found', { detail: `There is no job ${id.slice(0, 100)}.` });
}
