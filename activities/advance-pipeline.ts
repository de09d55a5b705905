import { errorCatalogue, ServiceError } from '../contract/errors.js';
import type { BegunStep, StepEnd } from '../contract/pipeline-plan.js';
import { atMost } from '../runtime/patience.js';
import type { StepRow } from '../store/pipeline-row.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';

export type AdvanceInput = {
  pipelineId: string;
  run: number;
  begin: string[];
  skip: string[];
  cancel: string[];
  /** Steps whose work came to no end in time. */
  fail: string[];
  /** Whether who asks knows what a `delayed` step is, which workflows of earlier versions do not. */
  mayDelay?: boolean;
};

export type Advanced = { ended: StepEnd[]; begun: BegunStep[] };

type ToBegin = { pipelineId: string; run: number; step: string };

/** How long a person has, where the step does not say. */
const APPROVAL_SECONDS = 24 * 60 * 60;

/**
 * Takes a pipeline one step on: writes down what has ended or is passed over, and begins what is named. Each step's row is read first, so
 * a second run of this activity, or of the whole pipeline, repeats nothing that is finished or paid.
 */
export function advancePipeline(deps: ActivityDeps, input: AdvanceInput): Promise<Advanced> {
  return withHeartbeat(async () => {
    const { pipelineId, run, begin, skip, cancel, fail, mayDelay = false } = input;
    const { progress } = deps.pipelines;
    await progress.start({ pipelineId, run });
    for (const step of fail) {
      await progress.fail({ pipelineId, step, run, code: 'media_failed', detail: 'The work came to no end in time.' });
    }
    const ended = await progress.record({ pipelineId, run, skip, cancel });
    const beginOne = mayDelay ? beginOrDelay : beginStep;
    const begun = await Promise.all(begin.map((step) => beginOne(deps, { pipelineId, run, step })));
    if (begin.length > 0) deps.logger.info({ pipelineId, run, steps: begin }, 'steps begun');
    return { ended, begun };
  });
}

/** What stands in the way of one step holds up no other. */
async function beginOrDelay(deps: ActivityDeps, toBegin: ToBegin): Promise<BegunStep> {
  const { pipelineId, step: name } = toBegin;
  const { beginWithinMs: limitMs } = deps.pipelines;
  try {
    // One that is begun later than that is found when it is tried again.
    return await atMost({ what: 'beginning the step', limitMs, work: () => beginStep(deps, toBegin) });
  } catch (error) {
    // The database is away for all of them, and may have stored more than it could say.
    if (error instanceof ServiceError && error.code === 'service_unavailable') throw error;
    const row = await deps.pipelines.progress.step({ pipelineId, step: name });
    // What has begun is to be carried on, and by nobody but the workflow that this tells.
    if (row?.state !== 'pending') throw error;
    deps.logger.warn({ pipelineId, step: name, err: error }, 'a step could not be begun yet');
    return { name, kind: 'delayed' };
  }
}

async function beginStep(deps: ActivityDeps, { pipelineId, run, step: name }: ToBegin): Promise<BegunStep> {
  const { progress } = deps.pipelines;
  const row = await progress.step({ pipelineId, step: name });
  if (!row) throw new Error(`${pipelineId} has no step ${name}`);
  const end = endOf(row);
  if (end) return { name, kind: 'ended', end };
  switch (row.kind) {
    case 'approval':
      return ask(deps, row);
    case 'frame':
    case 'concat':
      await progress.begin({ pipelineId, step: name });
      return { name, kind: 'media' };
    case 'text_to_video':
    case 'image_to_video':
    case 'extend':
    case 'remix':
      return beginJob(deps, { pipelineId, run, step: name }, row.job_id);
  }
}

async function ask({ pipelines: { progress } }: ActivityDeps, row: StepRow): Promise<BegunStep> {
  const { pipeline_id: pipelineId, name, definition } = row;
  await progress.ask({ pipelineId, step: name, seconds: definition.deadlineSeconds ?? APPROVAL_SECONDS });
  // A decision may have come while nobody was here to hear of it.
  const { remainingMs } = await progress.answer({ pipelineId, step: name });
  const answered = await progress.step({ pipelineId, step: name });
  const end = answered && endOf(answered);
  return end ? { name, kind: 'ended', end } : { name, kind: 'approval', remainingMs };
}

async function beginJob(deps: ActivityDeps, toBegin: ToBegin, known: string | null): Promise<BegunStep> {
  const { pipelines, logger } = deps;
  const { pipelineId, step: name } = toBegin;
  try {
    const jobId = known ?? (await pipelines.makeJob(toBegin))?.jobId;
    if (jobId === undefined) return { name, kind: 'stopped' };
    const job = await pipelines.startOf(jobId);
    if (job) return { name, kind: 'job', job: { ...job, mayHaveRun: known !== null } };
    await pipelines.progress.record({ pipelineId, run: toBegin.run, skip: [], cancel: [] });
  } catch (error) {
    // What a caller would have been told never to send again; anything else may pass.
    if (!(error instanceof ServiceError) || errorCatalogue[error.code].retry !== 'never') throw error;
    await pipelines.progress.fail({ ...toBegin, code: error.code, detail: error.message });
    logger.info({ pipelineId, step: name, code: error.code }, 'a step could not be begun');
  }
  const ended = await pipelines.progress.step({ pipelineId, step: name });
  const end = ended && endOf(ended);
  return end ? { name, kind: 'ended', end } : { name, kind: 'stopped' };
}

/** How a step has ended, as its row tells; nothing while it has not. */
export function endOf(row: StepRow): StepEnd | undefined {
  if (row.finished_at === null) return undefined;
  const { name, state, job_provider: provider, job_captured_micros: captured, error_code: errorCode } = row;
  return { name, state, provider, costMicros: captured ?? 0, errorCode };
}
