import type { ProviderTask } from '../contract/provider.js';
import type { AttemptState } from '../contract/states.js';
import type { Database } from './database.js';
import type { JobToStart } from './dispatch-queue.js';

/** A job whose workflow is to be looked for. */
export type JobToSweep = JobToStart & {
  /** Since its workflow was first started. */
  started_ago_ms: number;
};

/** What the lost workflow of a job had tried. */
export type EarlierAttempt = {
  number: number;
  account: string;
  upstreamModel: string;
  state: AttemptState;
  task: ProviderTask | null;
  charged: 'yes' | 'no' | 'possibly';
  costMicros: number;
};

export type EarlierLife = { attempts: EarlierAttempt[]; isCancelRequested: boolean };

export type SweepList = ReturnType<typeof createSweepList>;

/** Each open job once in an interval, by whoever comes first; those never looked at before all others. */
const claimStatement = {
  name: 'claim_jobs_to_sweep',
  text: `with chosen as (
      select id from jobs
      where state in ('queued', 'running') and dispatched_at is not null and started_by = 'caller'
        and coalesce(swept_at, dispatched_at) < now() - $2 * interval '1 millisecond'
      order by swept_at nulls first limit $1 for update skip locked
    )
    update jobs set swept_at = now() from chosen where jobs.id = chosen.id
    returning jobs.id, jobs.workspace_id, jobs.model, jobs.operation, jobs.provider, jobs.plan,
      (jobs.request->>'durationSeconds')::double precision as duration_seconds,
      extract(epoch from now() - dispatched_at)::double precision * 1000 as started_ago_ms`,
};

const findStatement = {
  name: 'find_job_to_sweep',
  text: `select id, workspace_id, model, operation, provider, plan, (request->>'durationSeconds')::double precision as duration_seconds,
      extract(epoch from now() - dispatched_at)::double precision * 1000 as started_ago_ms
    from jobs where id = $1 and state in ('queued', 'running') and dispatched_at is not null`,
};

const giveBackStatement = {
  name: 'give_back_jobs_to_sweep',
  text: `update jobs set swept_at = null where id = any($1) and state in ('queued', 'running')`,
};

/** A cancel that the lost workflow was told of is told to the new one, too. */
const prepareStatement = {
  name: 'prepare_revival',
  text: `update jobs set cancel_delivered_at = null where id = $1 and state in ('queued', 'running')
    returning cancel_requested_at is not null as is_cancel_requested`,
};

const attemptsStatement = {
  name: 'earlier_attempts',
  text: `select number, account, upstream_model as "upstreamModel", state, task, charged, cost_micros as "costMicros"
    from attempts where job_id = $1 order by number`,
};

const revivedStatement = {
  name: 'record_revival',
  text: `with job as (
      update jobs set last_sequence = last_sequence + 1 where id = $1 and state in ('queued', 'running')
      returning id, last_sequence
    )
    insert into job_events (job_id, sequence, type, data)
    select id, last_sequence, 'job.revived', jsonb_build_object('workflow', $2::text) from job`,
};

export function createSweepList(database: Database) {
  const { run } = database;

  return {
    /** Takes up to `limit` open jobs that nobody looked for within the interval. */
    claim: ({ limit, intervalMs }: { limit: number; intervalMs: number }) =>
      run<JobToSweep>(claimStatement, [limit, intervalMs]),

    /** An open job that has been started, whoever started it. */
    async find(jobId: string): Promise<JobToSweep | undefined> {
      const [job] = await run<JobToSweep>(findStatement, [jobId]);
      return job;
    },

    /** For the next sweep, before all others. */
    async giveBack(jobIds: string[]): Promise<void> {
      await run(giveBackStatement, [jobIds]);
    },

    /** To be called before the job is started again: what it did so far. Undefined when it has ended meanwhile and needs no workflow. */
    async prepareRevival(jobId: string): Promise<EarlierLife | undefined> {
      const [open] = await run<{ is_cancel_requested: boolean }>(prepareStatement, [jobId]);
      if (!open) return undefined;
      const attempts = await run<EarlierAttempt>(attemptsStatement, [jobId]);
      return { attempts, isCancelRequested: open.is_cancel_requested };
    },

    /** Says in the job's events that it was started again, and what had become of its workflow. */
    async recordRevival({ jobId, workflow }: { jobId: string; workflow: string }): Promise<void> {
      await run(revivedStatement, [jobId, workflow]);
    },
  };
}
