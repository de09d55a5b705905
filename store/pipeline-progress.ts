import type { ErrorCode } from '../contract/errors.js';
import type { StepKind, StepState } from '../contract/pipeline.js';
import type { StepEnd } from '../contract/pipeline-plan.js';
import type { JobState } from '../contract/states.js';
import type { Database, Runner } from './database.js';
import { type StepRow, stepColumns, stepTables } from './pipeline-row.js';

export type StepRef = { pipelineId: string; step: string };
export type RunRef = { pipelineId: string; run: number };
type StepOfRun = StepRef & RunRef;

export type Approval = { state: StepState; remainingMs: number };
export type PipelineProgress = ReturnType<typeof createPipelineProgress>;

const lockStatement = {
  name: 'lock_pipeline_run',
  text: `select id from pipelines where id = $1 and run = $2 and state in ('queued', 'running') for update`,
};

const startStatement = {
  name: 'start_pipeline_run',
  text: `update pipelines set state = 'running', started_at = coalesce(started_at, now())
    where id = $1 and run = $2 and state = 'queued' returning id`,
};

const eventStatement = { name: 'write_pipeline_event', text: 'select pipeline_event($1, $2, $3::jsonb)' };

const stepStatement = {
  name: 'find_pipeline_step',
  text: `select ${stepColumns} from ${stepTables} where pipeline_steps.pipeline_id = $1 and pipeline_steps.name = $2`,
};

/** A job's word is its step's. */
const syncStatement = {
  name: 'sync_pipeline_steps',
  text: `update pipeline_steps step set state = jobs.state, finished_at = jobs.finished_at,
      error_code = case when jobs.state = 'failed' then jobs.error_code end
    from jobs
    where step.pipeline_id = $1 and jobs.id = step.job_id and step.state = 'running' and jobs.finished_at is not null
    returning step.name, step.state, jobs.provider, jobs.captured_micros as "costMicros", step.error_code as "errorCode"`,
};

const passStatement = {
  name: 'pass_over_pipeline_steps',
  text: `update pipeline_steps set state = $3, finished_at = now()
    where pipeline_id = $1 and name = any($2) and state in ('pending', 'waiting_approval') returning name`,
};

const runStatement = {
  name: 'run_pipeline_step',
  text: `update pipeline_steps set state = 'running', started_at = now()
    where pipeline_id = $1 and name = $2 and state = 'pending' returning kind`,
};

/** What is there already stays: a second go at the step stores nothing. Who comes after the step has ended, or is of an earlier run, neither. */
const artifactStatement = {
  name: 'add_step_artifact',
  text: `insert into artifacts (id, workspace_id, pipeline_id, pipeline_step, role, location, bytes, sha256, content_type, width, height,
      duration_seconds, frames_per_second, expires_at)
    select $3, workspace_id, id, $2, $4, $5, $6, $7, $8, $9, $10, $11, $12, now() + $13 * interval '1 day'
    from pipelines join pipeline_steps step on step.pipeline_id = pipelines.id
    where id = $1 and step.name = $2 and step.run = $14 and step.state in ('pending', 'running')
    on conflict (pipeline_id, pipeline_step) where pipeline_id is not null and role <> 'input' do update set location = excluded.location
    returning id`,
};

const endStatement = {
  name: 'end_pipeline_step',
  text: `update pipeline_steps set state = $3, artifact_id = $4, error_code = $5, error_detail = $6, finished_at = now(),
      started_at = coalesce(started_at, now())
    where pipeline_id = $1 and name = $2 and run = $7 and state in ('pending', 'running') returning kind`,
};

const askStatement = {
  name: 'ask_for_approval',
  text: `update pipeline_steps set state = 'waiting_approval', started_at = now(), deadline_at = now() + $3 * interval '1 second'
    where pipeline_id = $1 and name = $2 and state = 'pending' returning name`,
};

/** What a person has said counts, whenever it is read; who said nothing has until the deadline by the database's clock. */
const answerStatement = {
  name: 'answer_approval',
  text: `update pipeline_steps set finished_at = now(),
      state = case decision when 'approved' then 'succeeded' else 'failed' end,
      error_code = case when decision is null then 'approval_expired' when decision = 'rejected' then 'approval_rejected' end
    where pipeline_id = $1 and name = $2 and state = 'waiting_approval' and (decision is not null or deadline_at <= now())
    returning state, error_code as "errorCode"`,
};

const waitingStatement = {
  name: 'approval_waits',
  text: `select state, greatest(extract(epoch from deadline_at - now()) * 1000, 0)::double precision as "remainingMs"
    from pipeline_steps where pipeline_id = $1 and name = $2`,
};

const openJobsStatement = {
  name: 'open_jobs_of_pipeline',
  text: `select id from jobs where pipeline_id = $1 and state in ('queued', 'running') limit 1`,
};

const leaveStatement = {
  name: 'leave_pipeline_steps',
  text: `update pipeline_steps set state = $2, finished_at = now()
    where pipeline_id = $1 and state in ('pending', 'running', 'waiting_approval') returning name`,
};

const unreserveStatement = {
  name: 'unreserve',
  text: `select ledger_post('unreserve', reserve.id, ledger_account(workspace_id, 'available'), balance_micros,
      in_attempt => $2, in_reference => $1) from ledger_accounts reserve where pipeline_id = $1`,
};

const finishStatement = {
  name: 'finish_pipeline',
  text: `update pipelines set state = $2, finished_at = now() where id = $1
    returning queue_webhook(workspace_id, 'pipeline.' || $2, 'pipeline', id, callback_url)`,
};

export type NewStepArtifact = {
  id: string;
  role: 'frame' | 'video';
  location: string;
  bytes: number;
  sha256: string;
  contentType: string;
  width: number | null;
  height: number | null;
  durationSeconds: number | null;
  framesPerSecond: number | null;
  retentionDays: number;
};

/** Writes down how a pipeline goes on. Everything can be said twice: what is known already changes nothing. */
export function createPipelineProgress(database: Database) {
  const { run, transaction } = database;

  return {
    /** Marks the run as begun. */
    async start({ pipelineId, run: number }: RunRef): Promise<void> {
      await transaction(async (inOne) => {
        const [started] = await inOne(startStatement, [pipelineId, number]);
        if (started) await tell(inOne, { pipelineId, type: 'pipeline.started', data: { run: number } });
      });
    },

    async step({ pipelineId, step }: StepRef): Promise<StepRow | undefined> {
      const [row] = await run<StepRow>(stepStatement, [pipelineId, step]);
      return row;
    },

    /** Takes over how jobs have ended, and passes over what is not to begin any more. */
    record({
      pipelineId,
      run: number,
      skip,
      cancel,
    }: RunRef & { skip: string[]; cancel: string[] }): Promise<StepEnd[]> {
      return transaction(async (inOne) => {
        const [pipeline] = await inOne(lockStatement, [pipelineId, number]);
        if (!pipeline) return [];
        const ended = await syncJobs(inOne, pipelineId);
        for (const [state, names] of [
          ['skipped', skip],
          ['canceled', cancel],
        ] as const) {
          if (names.length === 0) continue;
          const passed = await inOne<{ name: string }>(passStatement, [pipelineId, names, state]);
          for (const { name } of passed) await tell(inOne, { pipelineId, type: `step.${state}`, data: { step: name } });
        }
        return ended;
      });
    },

    /** Begins a step that is no job. */
    async begin({ pipelineId, step }: StepRef): Promise<void> {
      await transaction(async (inOne) => {
        const [begun] = await inOne<{ kind: StepKind }>(runStatement, [pipelineId, step]);
        if (begun) await tell(inOne, { pipelineId, type: 'step.started', data: { step } });
      });
    },

    /** Ends a step with the file that this run of it has made. */
    async succeed({
      pipelineId,
      step,
      run: number,
      artifact,
    }: StepOfRun & { artifact: NewStepArtifact }): Promise<void> {
      const { id, role, location, bytes, sha256, contentType, width, height } = artifact;
      await transaction(async (inOne) => {
        const values = [pipelineId, step, id, role, location, bytes, sha256, contentType, width, height];
        const more = [artifact.durationSeconds, artifact.framesPerSecond, artifact.retentionDays];
        const [stored] = await inOne<{ id: string }>(artifactStatement, [...values, ...more, number]);
        if (!stored) return;
        const [ended] = await inOne(endStatement, [pipelineId, step, 'succeeded', stored.id, null, null, number]);
        if (ended) await tell(inOne, { pipelineId, type: 'step.succeeded', data: { step } });
      });
    },

    /** Ends a step that cannot be done. What stands in `detail` is for the caller. */
    async fail({
      pipelineId,
      step,
      run: number,
      code,
      detail,
    }: StepOfRun & { code: ErrorCode; detail: string }): Promise<void> {
      await transaction(async (inOne) => {
        const [ended] = await inOne(endStatement, [pipelineId, step, 'failed', null, code, detail, number]);
        if (ended) await tell(inOne, { pipelineId, type: 'step.failed', data: { step, error: code } });
      });
    },

    /** Begins to wait for a person, once, and says how long is left. */
    async ask({ pipelineId, step, seconds }: StepRef & { seconds: number }): Promise<Approval> {
      return transaction(async (inOne) => {
        const [asked] = await inOne(askStatement, [pipelineId, step, seconds]);
        if (asked) await tell(inOne, { pipelineId, type: 'step.waiting_approval', data: { step } });
        return approval(inOne, { pipelineId, step });
      });
    },

    /** Ends an approval that was decided, or whose time is over. Still `waiting_approval` where neither is so. */
    answer({ pipelineId, step }: StepRef): Promise<Approval> {
      return transaction(async (inOne) => {
        const [answered] = await inOne<{ state: StepState; errorCode: string | null }>(answerStatement, [
          pipelineId,
          step,
        ]);
        if (answered) {
          const data = { step, error: answered.errorCode };
          await tell(inOne, { pipelineId, type: `step.${answered.state}`, data });
        }
        return approval(inOne, { pipelineId, step });
      });
    },

    /**
     * Ends the run and gives back what is left of its reserve. A second call finds it ended.
     * @returns false while one of its jobs is open, which still has to be settled.
     */
    finish({
      pipelineId,
      run: number,
      state,
    }: RunRef & { state: Exclude<JobState, 'queued' | 'running'> }): Promise<boolean> {
      return transaction(async (inOne) => {
        const [pipeline] = await inOne(lockStatement, [pipelineId, number]);
        if (!pipeline) return true;
        const [open] = await inOne(openJobsStatement, [pipelineId]);
        if (open) return false;
        await syncJobs(inOne, pipelineId);
        const rest = state === 'canceled' ? 'canceled' : 'skipped';
        const left = await inOne<{ name: string }>(leaveStatement, [pipelineId, rest]);
        for (const { name } of left) await tell(inOne, { pipelineId, type: `step.${rest}`, data: { step: name } });
        await inOne(finishStatement, [pipelineId, state]);
        await tell(inOne, { pipelineId, type: `pipeline.${state}`, data: { run: number } });
        await inOne(unreserveStatement, [pipelineId, number]);
        return true;
      });
    },
  };
}

async function syncJobs(inOne: Runner, pipelineId: string): Promise<StepEnd[]> {
  const ended = await inOne<StepEnd>(syncStatement, [pipelineId]);
  for (const { name, state, errorCode } of ended) {
    await tell(inOne, { pipelineId, type: `step.${state}`, data: { step: name, error: errorCode } });
  }
  return ended;
}

async function approval(inOne: Runner, { pipelineId, step }: StepRef): Promise<Approval> {
  const [row] = await inOne<Approval>(waitingStatement, [pipelineId, step]);
  if (!row) throw new Error(`${pipelineId} has no step ${step}`);
  return row;
}

type Telling = { pipelineId: string; type: string; data: Record<string, unknown> };

async function tell(inOne: Runner, { pipelineId, type, data }: Telling): Promise<void> {
  await inOne(eventStatement, [pipelineId, type, JSON.stringify(data)]);
}
