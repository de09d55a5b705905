import type { Operation } from '../contract/generation.js';
import type { JobPlan } from '../contract/plan.js';
import type { Database } from './database.js';

/** A job that has no workflow yet, as the dispatcher needs it. */
export type JobToStart = {
  id: string;
  workspace_id: string;
  model: string;
  operation: Operation;
  duration_seconds: number;
  provider: string;
  plan: JobPlan;
};

export type DispatchQueue = ReturnType<typeof createDispatchQueue>;

/** A claim is a lease: when its holder dies, another may start the job after this time. */
const CLAIM_SECONDS = 10;

/** Round-robin: of each workspace the oldest jobs, an equal share each. */
const claimStatement = {
  name: 'claim_jobs_to_start',
  text: `with waiting as (
      select distinct workspace_id from jobs where state = 'queued' and dispatched_at is null
    ), share as (select greatest(1, ceil($1::numeric / greatest(count(*), 1)))::integer as jobs from waiting
    ), chosen as (
      select picked.id from waiting cross join share cross join lateral (
        select id from jobs
        where workspace_id = waiting.workspace_id and state = 'queued' and dispatched_at is null
          and cancel_requested_at is null and started_by = 'caller'
          and (claimed_until is null or claimed_until < now())
        order by id limit share.jobs for update skip locked
      ) picked limit $1
    )
    update jobs set claimed_until = now() + ${CLAIM_SECONDS} * interval '1 second'
    from chosen where jobs.id = chosen.id
    returning jobs.id, jobs.workspace_id, jobs.model, jobs.operation, jobs.provider, jobs.plan,
      (jobs.request->>'durationSeconds')::double precision as duration_seconds`,
};

const dispatchedStatement = {
  name: 'mark_dispatched',
  text: 'update jobs set dispatched_at = now(), claimed_until = null where id = any($1) and dispatched_at is null',
};

const releaseStatement = {
  name: 'release_claims',
  text: 'update jobs set claimed_until = null where id = any($1) and dispatched_at is null',
};

const cancelsStatement = {
  name: 'jobs_to_cancel',
  text: `select id, dispatched_at is not null or claimed_until >= now() as may_have_workflow from jobs
    where cancel_requested_at is not null and cancel_delivered_at is null and state in ('queued', 'running')
    order by cancel_requested_at limit 100`,
};

const deliveredStatement = {
  name: 'mark_cancel_delivered',
  text: 'update jobs set cancel_delivered_at = now() where id = $1 and cancel_delivered_at is null',
};

export function createDispatchQueue(database: Database) {
  const { run } = database;

  return {
    /** Takes up to `limit` jobs that nobody else is starting. */
    claim: (limit: number) => run<JobToStart>(claimStatement, [limit]),

    async markDispatched(jobIds: string[]): Promise<void> {
      await run(dispatchedStatement, [jobIds]);
    },

    /** Gives claims back, for whoever comes next. */
    async release(jobIds: string[]): Promise<void> {
      await run(releaseStatement, [jobIds]);
    },

    /** Open jobs whose callers want them stopped and whose workflows have not been told. */
    cancelRequests: () => run<{ id: string; may_have_workflow: boolean }>(cancelsStatement, []),

    async markCancelDelivered(jobId: string): Promise<void> {
      await run(deliveredStatement, [jobId]);
    },
  };
}
