import type { JobPlan } from '../contract/plan.js';
import type { ProviderFailure } from '../contract/provider-errors.js';
import type { JobPhase, JobState, ProviderCancel } from '../contract/states.js';
import { type Change, recordChange } from './attempt-record.js';
import type { AttemptRow } from './attempts.js';
import type { Database, Runner } from './database.js';
import { isOwned, takeAccountLock } from './lost-attempts.js';
import type { Resolution } from './tables.js';

/** A job of any workspace. */
export type OperatorJob = {
  id: string;
  workspace: string;
  model: string;
  state: JobState;
  phase: JobPhase | null;
  provider: string;
  error_code: string | null;
  held_micros: number;
  captured_micros: number | null;
  provider_cancel: ProviderCancel | null;
  created_at: Date;
  finished_at: Date | null;
  plan: JobPlan;
};

export type Decision =
  | { resolution: Exclude<Resolution, 'accepted'>; by: string }
  | { resolution: 'accepted'; taskId: string; by: string };

/** `task_owned`: another attempt has that task. `left_before`: the job has left one attempt unknown, and risks no second duplicate. */
export type Decided = 'decided' | 'no_job' | 'ended' | 'not_unknown' | 'decided_before' | 'task_owned' | 'left_before';

export type OperatorJobs = ReturnType<typeof createOperatorJobs>;

const MAX_LISTED = 100;

const jobColumns = `jobs.id, workspaces.name as workspace, jobs.model, jobs.state, jobs.phase, jobs.provider, jobs.error_code,
  jobs.held_micros, jobs.captured_micros, jobs.provider_cancel, jobs.created_at, jobs.finished_at, jobs.plan`;

const findStatement = {
  name: 'operator_job',
  text: `select ${jobColumns} from jobs join workspaces on workspaces.id = jobs.workspace_id where jobs.id = $1`,
};

const listStatement = {
  name: 'operator_open_jobs',
  text: `select ${jobColumns} from jobs join workspaces on workspaces.id = jobs.workspace_id
    where jobs.state in ('queued', 'running') and (not $1 or exists (select from attempts
      where job_id = jobs.id and number = jobs.attempts and attempts.state = 'unknown'))
    order by jobs.id limit ${MAX_LISTED}`,
};

const waitingStatement = {
  name: 'attempt_to_resolve',
  text: `select attempts.*, jobs.state as job_state, exists (select from attempts earlier
      where earlier.job_id = jobs.id and earlier.number < attempts.number and earlier.state = 'unknown') as has_left_unknown
    from jobs left join attempts on attempts.job_id = jobs.id and attempts.number = jobs.attempts where jobs.id = $1`,
};

const resolveStatement = {
  name: 'resolve_attempt',
  text: `with attempt as (
      update attempts set resolution = $3 where job_id = $1 and number = $2 and state = 'unknown' and resolution is null
      returning job_id
    ), job as (
      update jobs set last_sequence = last_sequence + 1 from attempt
      where jobs.id = attempt.job_id and jobs.state = 'running' returning jobs.id, jobs.last_sequence
    ), event as (
      insert into job_events (job_id, sequence, type, data)
      select id, last_sequence, 'attempt.resolved',
        jsonb_build_object('attempt', $2::integer, 'resolution', $3::text, 'by', $4::text) from job
    )
    select id from job`,
};

const neverTaken: ProviderFailure = {
  class: 'NETWORK',
  message: 'an operator says that the provider never took this attempt',
};

/** What an operator sees of jobs, and decides where nobody else can say what became of one. */
export function createOperatorJobs(database: Database) {
  return {
    async find(id: string): Promise<OperatorJob | undefined> {
      const [job] = await database.run<OperatorJob>(findStatement, [id]);
      return job;
    },

    /** Open jobs, oldest first; with `isUnknown` those whose last submit was lost and not found yet. */
    list: ({ isUnknown }: { isUnknown: boolean }) => database.run<OperatorJob>(listStatement, [isUnknown]),

    /** Writes the decision on the attempt that the job waits for. Its workflow finds it there at its next look. */
    decide(jobId: string, decision: Decision): Promise<Decided> {
      return database.transaction((run) => decideWithin(run, jobId, decision));
    },
  };
}

type Waiting = AttemptRow & { job_state: JobState; has_left_unknown: boolean };

async function decideWithin(run: Runner, jobId: string, decision: Decision): Promise<Decided> {
  const [waiting] = await run<Waiting>(waitingStatement, [jobId]);
  if (!waiting) return 'no_job';
  if (waiting.job_state !== 'queued' && waiting.job_state !== 'running') return 'ended';
  if (waiting.state !== 'unknown') return 'not_unknown';
  const { account, upstream_model: upstreamModel, number: attempt } = waiting;
  const { resolution, by } = decision;
  if (resolution === 'failover' && waiting.has_left_unknown) return 'left_before';
  await takeAccountLock(run, account);
  if (resolution === 'accepted' && (await isOwned(run, { account, id: decision.taskId }))) return 'task_owned';
  const written = await run(resolveStatement, [jobId, attempt, resolution, by]);
  if (written.length === 0) return 'decided_before';
  const change = changeBy(decision, { account, upstreamModel });
  if (change) await recordChange(run, { jobId, attempt }, change);
  return 'decided';
}

/** Where the decision says what became of the attempt, the attempt says so too. */
function changeBy(decision: Decision, place: { account: string; upstreamModel: string }): Change | undefined {
  const from = ['unknown'] as const;
  switch (decision.resolution) {
    case 'accepted': {
      const task = { ...place, id: decision.taskId };
      return { state: 'accepted', from, phase: 'waiting', charged: 'possibly', task };
    }
    case 'never_existed':
      return { state: 'not_sent', from, phase: 'routing', charged: 'no', failure: neverTaken };
    case 'fail':
    case 'failover':
      return undefined;
  }
}
