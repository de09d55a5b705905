import type { StepDefinition } from '../contract/pipeline-definition.js';
import type { UnknownPolicy } from '../contract/plan.js';
import type { Database } from './database.js';
import type { NewJob } from './jobs.js';
import type { StepRef } from './pipeline-progress.js';

/** A job that a step is carried out by. Its price is the step's part of the reserve at most, so that no chain dies of a balance. */
export type NewStepJob = StepRef & {
  run: number;
  job: Omit<NewJob, 'openJobLimit' | 'idempotency'>;
};

export type PipelineJobs = ReturnType<typeof createPipelineJobs>;

/** What a step asks for, and for whom. */
export type StepToMake = {
  workspaceId: string;
  apiKeyId: string;
  unknownPolicy: UnknownPolicy;
  definition: StepDefinition;
};

const findStatement = {
  name: 'find_step_to_make',
  text: `select pipelines.workspace_id as "workspaceId", pipelines.api_key_id as "apiKeyId", workspaces.unknown_policy as "unknownPolicy",
      pipeline_steps.definition
    from pipeline_steps join pipelines on pipelines.id = pipeline_steps.pipeline_id
    join workspaces on workspaces.id = pipelines.workspace_id
    where pipeline_steps.pipeline_id = $1 and pipeline_steps.name = $2`,
};

const lockStatement = {
  name: 'lock_running_pipeline',
  text: `select id from pipelines where id = $1 and run = $2 and state = 'running' and cancel_requested_at is null for update`,
};

const lockStepStatement = {
  name: 'lock_pipeline_step',
  text: `select job_id, reserved_micros from pipeline_steps
    where pipeline_id = $1 and name = $2 and state in ('pending', 'running') for update`,
};

/** Its parent starts it, so for the dispatcher it is started. */
const insertStatement = {
  name: 'accept_step_job',
  text: `with job as (
      insert into jobs (id, workspace_id, api_key_id, dialect, operation, model, request, plan, provider, price_micros_per_second,
        held_micros, callback_url, started_by, pipeline_id, pipeline_step, dispatched_at)
      values ($1, $2, $3, $4, $5::jsonb->>'operation', $5::jsonb->>'model', $5::jsonb, $6::jsonb, $7, $8, $9, $10, 'pipeline', $12, $13,
        now())
      returning *
    ), event as (
      insert into job_events (job_id, sequence, type) select id, last_sequence, 'job.queued' from job
    ), inputs as (
      insert into artifacts (id, workspace_id, job_id, role, location, bytes, sha256, content_type, width, height, expires_at)
      select i.id, $2, job.id, 'input', i.location, i.bytes, i.sha256, i.content_type, i.width, i.height, i.expires_at
      from job, jsonb_to_recordset($11::jsonb) as i(id text, location text, bytes bigint, sha256 text,
        content_type text, width integer, height integer, expires_at timestamptz)
    ), step as (
      update pipeline_steps set state = 'running', job_id = job.id, started_at = now()
      from job where pipeline_steps.pipeline_id = $12 and pipeline_steps.name = $13
    )
    select ledger_post('hold', ledger_source($2, $12), ledger_account($2, 'held'), held_micros, id) from job`,
};

const eventStatement = { name: 'write_pipeline_event', text: 'select pipeline_event($1, $2, $3::jsonb)' };

export function createPipelineJobs(database: Database) {
  return {
    async find({ pipelineId, step }: StepRef): Promise<StepToMake | undefined> {
      const [found] = await database.run<StepToMake>(findStatement, [pipelineId, step]);
      return found;
    },

    /**
     * Stores the job of a step and moves its price from the pipeline's reserve, in one transaction and once: a step that has a job keeps it.
     * Undefined when the pipeline is being stopped, or this run of it has ended.
     */
    accept({ pipelineId, step, run: number, job }: NewStepJob): Promise<{ jobId: string; isNew: boolean } | undefined> {
      return database.transaction(async (inOne) => {
        const [pipeline] = await inOne(lockStatement, [pipelineId, number]);
        if (!pipeline) return undefined;
        type Locked = { job_id: string | null; reserved_micros: number };
        const [locked] = await inOne<Locked>(lockStepStatement, [pipelineId, step]);
        if (!locked) return undefined;
        if (locked.job_id !== null) return { jobId: locked.job_id, isNew: false };
        await inOne(eventStatement, [pipelineId, 'step.started', JSON.stringify({ step, job: job.id })]);
        await inOne(insertStatement, [
          job.id,
          job.workspaceId,
          job.apiKeyId,
          job.dialect,
          JSON.stringify(job.request),
          JSON.stringify(job.plan),
          job.plan.routes[0]?.account ?? '',
          job.priceMicrosPerSecond,
          Math.min(job.holdMicros, locked.reserved_micros),
          job.callbackUrl ?? null,
          JSON.stringify(job.inputs),
          pipelineId,
          step,
        ]);
        return { jobId: job.id, isNew: true };
      });
    },
  };
}
