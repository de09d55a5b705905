import type { Micros } from '../contract/money.js';
import type { FailurePolicy, StepKind, StepState } from '../contract/pipeline.js';
import type { StepDefinition } from '../contract/pipeline-definition.js';
import type { Extension, JobPhase, JobState } from '../contract/states.js';

/** A pipeline as callers may see it: everything but the dispatcher's marks. */
export type PipelineRow = {
  id: string;
  workspace_id: string;
  api_key_id: string;
  state: JobState;
  run: number;
  max_parallel: number;
  on_failure: FailurePolicy;
  callback_url: string | null;
  metadata: Record<string, string>;
  reserved_micros: Micros;
  created_at: Date;
  started_at: Date | null;
  finished_at: Date | null;
  cancel_requested_at: Date | null;
};

/** What a step's job has come to; all null before there is one. */
type JobFacts = {
  job_state: JobState | null;
  job_phase: JobPhase | null;
  job_progress: number | null;
  job_provider: string | null;
  job_extension: Extension | null;
  job_held_micros: Micros | null;
  job_captured_micros: Micros | null;
  job_error_code: string | null;
  job_finished_at: Date | null;
};

export type StepRow = JobFacts & {
  pipeline_id: string;
  name: string;
  position: number;
  kind: StepKind;
  definition: StepDefinition;
  state: StepState;
  run: number;
  reserved_micros: Micros;
  job_id: string | null;
  artifact_id: string | null;
  error_code: string | null;
  error_detail: string | null;
  started_at: Date | null;
  finished_at: Date | null;
  deadline_at: Date | null;
  decision: 'approved' | 'rejected' | null;
  decision_note: string | null;
  decided_at: Date | null;
};

export const pipelineColumns = [
  'id',
  'workspace_id',
  'api_key_id',
  'state',
  'run',
  'max_parallel',
  'on_failure',
  'callback_url',
  'metadata',
  'reserved_micros',
  'created_at',
  'started_at',
  'finished_at',
  'cancel_requested_at',
]
  .map((column) => `pipelines.${column}`)
  .join(', ');

const ofJob = [
  'state',
  'phase',
  'progress',
  'provider',
  'extension',
  'held_micros',
  'captured_micros',
  'error_code',
  'finished_at',
];

/** Of `pipeline_steps` joined with `jobs`. */
export const stepColumns = ['pipeline_steps.*', ...ofJob.map((column) => `jobs.${column} as job_${column}`)].join(', ');

export const stepTables = 'pipeline_steps left join jobs on jobs.id = pipeline_steps.job_id';
