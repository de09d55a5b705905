import { type ErrorCode, errorCatalogue } from '../contract/errors.js';
import type { Micros } from '../contract/money.js';
import type { FailurePolicy, StepKind, StepState } from '../contract/pipeline.js';
import type { StepDefinition } from '../contract/pipeline-definition.js';
import { type Extension, isTerminal, type JobPhase, type JobState } from '../contract/states.js';
import type { ArtifactRow } from '../store/artifacts.js';
import type { PipelineRow, StepRow } from '../store/pipeline-row.js';
import { type Video, type ViewSettings, viewOfVideo } from './job-view.js';

/** A step as a dialect shows it. */
export type Step = {
  name: string;
  kind: StepKind;
  definition: StepDefinition;
  state: StepState;
  run: number;
  quotedMicros: Micros;
  capturedMicros: Micros;
  job: {
    id: string;
    state: JobState;
    phase: JobPhase | null;
    progress: number | null;
    provider: string;
    extension: Extension | null;
  } | null;
  error: { code: ErrorCode; message: string } | null;
  deadlineAt: Date | null;
  decision: { decision: 'approved' | 'rejected'; note: string | null; decidedAt: Date } | null;
  /** What it has made; more than one where its job has variants. */
  files: Video[];
  startedAt: Date | null;
  finishedAt: Date | null;
};

/** A pipeline as a dialect shows it, in its own words. */
export type Pipeline = {
  id: string;
  state: JobState;
  run: number;
  maxParallel: number;
  onFailure: FailurePolicy;
  callbackUrl: string | null;
  metadata: Record<string, string>;
  isCancelRequested: boolean;
  /** What this run costs at most. */
  quotedMicros: Micros;
  /** What is set aside now: for its jobs, and for those that are to come. Nothing once the pipeline has ended. */
  heldMicros: Micros;
  reservedMicros: Micros;
  /** Of all its runs. */
  capturedMicros: Micros;
  /** The step that failed first. */
  error: { step: string; code: ErrorCode; message: string } | null;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  steps: Step[];
};

type Facts = { steps: readonly StepRow[]; files: readonly ArtifactRow[]; capturedMicros: Micros };

export function viewOfPipeline(
  row: PipelineRow,
  { steps, files, capturedMicros }: Facts,
  settings: ViewSettings,
): Pipeline {
  const ofRun = steps.filter(({ run }) => run === row.run);
  const held = sumOf(steps, (step) => (step.job_finished_at === null ? step.job_held_micros : 0));
  const capturedInRun = sumOf(ofRun, (step) => step.job_captured_micros);
  const shown = steps.map((step) => viewOfStep(step, files, settings));
  const failed = shown.filter(({ error }) => error !== null).toSorted((left, right) => timeOf(left) - timeOf(right));
  const first = failed.find(({ error }) => error !== null);
  return {
    id: row.id,
    state: row.state,
    run: row.run,
    maxParallel: row.max_parallel,
    onFailure: row.on_failure,
    callbackUrl: row.callback_url,
    metadata: row.metadata,
    isCancelRequested: row.cancel_requested_at !== null,
    quotedMicros: row.reserved_micros,
    heldMicros: held,
    reservedMicros: isTerminal(row.state) ? 0 : row.reserved_micros - held - capturedInRun,
    capturedMicros,
    error: first?.error ? { step: first.name, ...first.error } : null,
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    steps: shown,
  };
}

function viewOfStep(row: StepRow, files: readonly ArtifactRow[], settings: ViewSettings): Step {
  const hasEnded = row.state === 'running' && row.job_finished_at !== null;
  // The job has the word until the pipeline has taken it over.
  const state = hasEnded && row.job_state ? stepStateOf(row.job_state) : row.state;
  const code = row.error_code ?? (hasEnded ? row.job_error_code : null);
  const own = files.filter((file) =>
    row.job_id === null ? file.id === row.artifact_id : file.job_id === row.job_id && state === 'succeeded',
  );
  const { decision, decision_note: note, decided_at: decidedAt } = row;
  return {
    name: row.name,
    kind: row.kind,
    definition: row.definition,
    state,
    run: row.run,
    quotedMicros: row.reserved_micros,
    capturedMicros: row.job_captured_micros ?? 0,
    job: jobOf(row),
    error:
      code === null ? null : { code: codeOf(code), message: row.error_detail ?? errorCatalogue[codeOf(code)].title },
    deadlineAt: row.deadline_at,
    decision: decision && decidedAt ? { decision, note, decidedAt } : null,
    files: own.map((file) => viewOfVideo(file, settings)),
    startedAt: row.started_at,
    finishedAt: row.finished_at ?? (hasEnded ? row.job_finished_at : null),
  };
}

function jobOf({
  job_id: id,
  job_state: state,
  job_phase: phase,
  job_progress: progress,
  job_provider: provider,
  job_extension: extension,
}: StepRow) {
  return id !== null && state !== null && provider !== null
    ? { id, state, phase, progress, provider, extension }
    : null;
}

function stepStateOf(state: JobState): StepState {
  return state === 'queued' ? 'running' : state;
}

function sumOf(steps: readonly StepRow[], micros: (step: StepRow) => Micros | null): Micros {
  return steps.reduce((sum, step) => sum + (micros(step) ?? 0), 0);
}

function timeOf({ finishedAt }: Step): number {
  return finishedAt?.getTime() ?? 0;
}

function codeOf(code: string): ErrorCode {
  return isErrorCode(code) ? code : 'internal';
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}
