import { createHash } from 'node:crypto';
import { faultOfOutsideAddress } from '../artifacts/outside-address.js';
import type { ArtifactStore } from '../artifacts/store.js';
import { fieldError, ServiceError } from '../contract/errors.js';
import type { Micros } from '../contract/money.js';
import { findStepFault } from '../contract/pipeline.js';
import type { JobState } from '../contract/states.js';
import { newId } from '../runtime/ids.js';
import type { Events } from '../store/events.js';
import type { PipelineControl } from '../store/pipeline-control.js';
import type { PipelineRow } from '../store/pipeline-row.js';
import type { NewPipeline, PipelineAcceptance, Pipelines } from '../store/pipelines.js';
import type { StepFiles } from '../store/step-files.js';
import { againIfBytesAreGone, areBytesGone } from '../store/uploads.js';
import type { Caller } from '../store/workspaces.js';
import type { AcceptDeps } from './accept.js';
import type { Content, ContentAccess } from './content.js';
import { type PipelineEventData, pipelineEventDataSchema } from './event-data.js';
import { createEventFeed, type FeedEvent } from './event-feed.js';
import { showPipeline } from './find-pipeline.js';
import { removeInputs } from './inputs.js';
import type { ViewSettings } from './job-view.js';
import type { LiveEvents } from './live-events.js';
import { keepStepInputs, newStepOf } from './pipeline-inputs.js';
import { type PlannedStep, planSteps } from './pipeline-plan.js';
import { type PipelineRequest, refusalOf, type WantedStep } from './pipeline-request.js';
import { keptProducts, wantedAgain } from './pipeline-retry.js';
import { type Pipeline, viewOfPipeline } from './pipeline-view.js';
import { findStepContent } from './step-content.js';
import type { WaitingCallers } from './waiting-callers.js';

export { inStep, type PipelineRequest, type WantedStep } from './pipeline-request.js';
export type { Pipeline, Step } from './pipeline-view.js';
export type PipelineEvent = FeedEvent<PipelineEventData>;

export type PipelineApiDeps = AcceptDeps &
  ViewSettings & {
    store: ArtifactStore;
    pipelines: Pipelines;
    control: PipelineControl;
    stepFiles: Pick<StepFiles, 'find'>;
    pipelineEvents: Events;
    livePipelines: LiveEvents;
    waitingCallers: WaitingCallers;
  };

export type PipelineApi = ReturnType<typeof createPipelineApi>;

/** What a pipeline costs at most, step by step; a step that is no job costs nothing. */
export type PipelineQuote = {
  holdMicros: Micros;
  steps: { name: string; kind: WantedStep['kind']; holdMicros: Micros; providers: string[] }[];
};

type Accepting = {
  caller: Caller;
  idempotencyKey?: string;
  /** What the caller sent, as it was read: the same key with another is another request. */
  body: unknown;
};

type Taking = { caller: Caller; idempotency: NewPipeline['idempotency'] };

type Page = { after?: string; state?: JobState; limit: number };
type Deciding = { step: string; decision: 'approved' | 'rejected'; note: string | null };

const pipelineIdPattern = /^pipe_[0-7][0-9a-hjkmnp-tv-z]{25}$/;
export const isPipelineId = (text: string): boolean => pipelineIdPattern.test(text);

/** What a caller can do with pipelines. */
export function createPipelineApi(deps: PipelineApiDeps) {
  const { pipelines, control, store, wakeDispatcher } = deps;
  const view = (row: PipelineRow) => showPipeline(deps, row);

  return {
    /** Takes a pipeline; answers as soon as it is stored and its whole quote is reserved. */
    async accept(wanted: PipelineRequest, { caller, idempotencyKey, body }: Accepting) {
      const { workspaceId } = caller;
      const idempotency =
        idempotencyKey === undefined ? undefined : { key: idempotencyKey, requestSha256: hashOf(body) };
      const replay = await pipelines.replay({ workspaceId, idempotency });
      if (replay) return { pipeline: await view(replay.pipeline), isReplay: true };

      const accepted = await againIfBytesAreGone(() => take(wanted, { caller, idempotency }));
      return { pipeline: await view(accepted.pipeline), isReplay: accepted.isReplay };
    },

    /** Prices a pipeline as `accept` would, and takes nothing. */
    async quote(wanted: PipelineRequest, caller: Caller): Promise<PipelineQuote> {
      return quoteOf(await plan(wanted, caller));
    },

    get: async (id: string, caller: Caller): Promise<Pipeline> => view(await find(id, caller)),

    /** Newest first. */
    async list({ after, state, limit }: Page, { workspaceId }: Caller) {
      const page = await pipelines.page({ workspaceId, after, state, limit });
      const ids = page.pipelines.map(({ id }) => id);
      const [steps, spent] = await Promise.all([pipelines.stepsOf(ids), pipelines.spentBy(ids)]);
      const shown = page.pipelines.map((row) => {
        const own = steps.filter(({ pipeline_id }) => pipeline_id === row.id);
        const capturedMicros = spent.find(({ pipeline_id }) => pipeline_id === row.id)?.captured ?? 0;
        return viewOfPipeline(row, { steps: own, files: [], capturedMicros }, deps);
      });
      return { pipelines: shown, hasMore: page.hasMore };
    },

    /** What happened to a pipeline, and what happens to it while somebody listens. */
    events: createEventFeed({
      what: 'pipeline',
      isId: isPipelineId,
      dataSchema: pipelineEventDataSchema,
      events: deps.pipelineEvents,
      live: deps.livePipelines,
      waitingCallers: deps.waitingCallers,
    }),

    /** Wishes an open pipeline to stop. One that has ended stays as it is. */
    async cancel(id: string, caller: Caller): Promise<Pipeline> {
      const marked = isPipelineId(id)
        ? await control.requestCancel({ id, workspaceId: caller.workspaceId })
        : undefined;
      if (!marked) return view(await find(id, caller));
      wakeDispatcher();
      return view(marked);
    },

    /** Answers a step that waits for a person. The same answer twice is one. @throws `request_invalid`, `step_not_waiting` */
    async decide(id: string, { step: name, decision, note }: Deciding, caller: Caller): Promise<Pipeline> {
      const { workspaceId, keyId: apiKeyId } = caller;
      await find(id, caller);
      const step = await stepOf(id, name);
      if (!step) throw fieldError('request_invalid', 'step', `no step is named ${name}`);
      if (step.kind !== 'approval') throw fieldError('request_invalid', 'step', `${name} is no approval`);
      if (!(await control.decide({ id, workspaceId, step: name, decision, note, apiKeyId }))) {
        const now = await stepOf(id, name);
        if (now?.decision !== decision) {
          const said = now?.decision ? `was ${now.decision}` : `is ${now?.state}`;
          throw new ServiceError('step_not_waiting', { detail: `The step ${name} ${said}.` });
        }
      }
      wakeDispatcher();
      return view(await find(id, caller));
    },

    /**
     * Runs again what has not succeeded, some of it perhaps changed. What is finished is kept.
     * @throws `pipeline_not_retryable`, `insufficient_funds`, and what a new pipeline would be refused for
     */
    async retry(id: string, edited: WantedStep[], caller: Caller): Promise<Pipeline> {
      const retried = await againIfBytesAreGone(() => runAgain(id, edited, caller));
      wakeDispatcher();
      return view(retried);
    },

    /** Takes one that has ended, with its jobs, files and prompts, out of everybody's sight. @throws `not_found`, `pipeline_not_finished` */
    async remove(id: string, caller: Caller): Promise<void> {
      const { workspaceId } = caller;
      if (isPipelineId(id) && (await control.remove({ id, workspaceId }))) return;
      const { state } = await find(id, caller);
      const detail = `The pipeline is ${state}: cancel it, or wait for its end.`;
      throw new ServiceError('pipeline_not_finished', { detail });
    },

    /** What a step that is no job has made. @throws `not_found`, `content_not_ready`, `content_gone`, `link_invalid` */
    content: (id: string, { step, access }: { step: string; access: ContentAccess }): Promise<Content> => {
      if (!isPipelineId(id)) throw unknown(id);
      return findStepContent(deps, { pipelineId: id, step, access });
    },

    publicUrl: deps.publicUrl,
  };

  async function take(wanted: PipelineRequest, { caller, idempotency }: Taking): Promise<PipelineAcceptance> {
    const { workspaceId, keyId: apiKeyId, openJobLimit } = caller;
    const planned = await plan(wanted, caller);
    const inputs = await keepStepInputs(deps, { planned, workspaceId });
    const { maxParallel, onFailure, callbackUrl, metadata } = wanted;
    const owner = { workspaceId, apiKeyId, openJobLimit };
    const steps = planned.map(newStepOf);
    const how = { maxParallel, onFailure, callbackUrl, metadata };
    const pipeline = { id: newId('pipe'), ...owner, ...how, steps, inputs, idempotency };
    const accepted = await keepingFiles(inputs, () => pipelines.accept(pipeline));
    if (accepted.isReplay) await removeInputs(store, inputs);
    else wakeDispatcher();
    return accepted;
  }

  async function runAgain(id: string, edited: WantedStep[], caller: Caller): Promise<PipelineRow> {
    const { workspaceId } = caller;
    const before = await find(id, caller);
    if (before.state !== 'failed' && before.state !== 'canceled') throw notRetryable(before.state);
    const rows = await pipelines.stepsOf([id]);
    const again = await wantedAgain(deps, { rows, edited });
    refuseFault(again.all);
    const kept = await keptProducts(deps, { rows, workspaceId });
    const planned = await planSteps(deps, { steps: again.toRun, caller, kept });
    const isEdited = ({ step }: PlannedStep) => edited.includes(step);
    const inputs = await keepStepInputs(deps, { planned: planned.filter(isEdited), workspaceId });
    const steps = planned.map((one) => {
      const definition = rows.find(({ name }) => name === one.step.name)?.definition;
      return isEdited(one) || !definition ? newStepOf(one) : { ...newStepOf(one), definition };
    });
    const retried = await keepingFiles(inputs, () => pipelines.retry({ id, workspaceId, steps, inputs }));
    if (!retried) {
      await removeInputs(store, inputs);
      throw notRetryable((await find(id, caller)).state);
    }
    return retried;
  }

  async function plan(wanted: PipelineRequest, caller: Caller): Promise<PlannedStep[]> {
    const { callbackUrl, steps } = wanted;
    const fault = callbackUrl === undefined ? undefined : faultOfOutsideAddress(callbackUrl, deps);
    if (fault) throw fieldError('request_invalid', 'callback_url', fault);
    refuseFault(steps);
    return planSteps(deps, { steps, caller });
  }

  async function find(id: string, { workspaceId }: Caller): Promise<PipelineRow> {
    const row = isPipelineId(id) ? await pipelines.find({ id, workspaceId }) : undefined;
    if (!row) throw unknown(id);
    return row;
  }

  async function stepOf(id: string, name: string) {
    const steps = await pipelines.stepsOf([id]);
    return steps.find((step) => step.name === name);
  }

  /** A commit whose answer was lost may have been made: then the files stay. */
  async function keepingFiles<Result>(inputs: Parameters<typeof removeInputs>[1], work: () => Promise<Result>) {
    try {
      return await work();
    } catch (error) {
      const isRefused = error instanceof ServiceError && error.code !== 'service_unavailable';
      if (isRefused || areBytesGone(error)) await removeInputs(store, inputs);
      throw error;
    }
  }
}

function refuseFault(steps: readonly WantedStep[]): void {
  const fault = findStepFault(steps);
  const step = fault && steps[fault.index];
  if (!step) return;
  const errors = [{ field: fault.field ?? '', message: fault.message }];
  throw refusalOf(step, new ServiceError('request_invalid', { detail: fault.message, errors }));
}

function quoteOf(planned: readonly PlannedStep[]): PipelineQuote {
  const steps = planned.map(({ step: { name, kind }, prepared, holdMicros }) => {
    const providers = prepared?.plan.routes.map(({ account }) => account) ?? [];
    return { name, kind, holdMicros, providers };
  });
  return { holdMicros: steps.reduce((sum, { holdMicros }) => sum + holdMicros, 0), steps };
}

function hashOf(body: unknown): Buffer {
  return createHash('sha256')
    .update(JSON.stringify(['POST /api/v1/videos/pipelines', body]))
    .digest();
}

function notRetryable(state: JobState): ServiceError {
  return new ServiceError('pipeline_not_retryable', {
    detail: `The pipeline is ${state}: only one that has failed or was cancelled can be run again.`,
  });
}

function unknown(id: string): ServiceError {
  return new ServiceError('not_found', { detail: `There is no pipeline ${id.slice(0, 100)}.` });
}
