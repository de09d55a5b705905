import { ServiceError } from '../contract/errors.js';
import { createBatches } from './batches.js';
import type { Runner } from './database.js';
import { type JobRow, jobColumns } from './job-row.js';
import type { NewJob } from './jobs.js';
import { createOpenJobs } from './open-jobs.js';

/**
 * One statement for jobs of one workspace: idempotency keys, jobs, events, inputs and holds, or nothing. An idempotency key older than a day
 * counts as new. A hold that would overdraw the account fails on its constraint and takes everything back. A job that finds its key in use, or
 * no room below its limit, is left out.
 */
const acceptStatement = {
  name: 'accept_jobs',
  text: `with wanted as (
      select * from jsonb_to_recordset($2::jsonb) as wanted(id text, api_key_id text, dialect text, request jsonb, plan jsonb,
        provider text, price_micros_per_second bigint, hold_micros bigint, callback_url text, inputs jsonb, key text, request_sha256 text,
        open_limit bigint, place bigint)
    ), room as (
      select * from wanted where open_limit is null
        or (select count(*) from jobs where workspace_id = $1 and state in ('queued', 'running')) + place <= open_limit
    ), key as (
      insert into idempotency_keys as kept (workspace_id, key, request_sha256, job_id)
      select $1, key, decode(request_sha256, 'hex'), id from room where key is not null
      on conflict (workspace_id, key) do update
        set request_sha256 = excluded.request_sha256, job_id = excluded.job_id, file_id = null, pipeline_id = null, created_at = now()
        where kept.created_at < now() - interval '24 hours'
      returning job_id
    ), job as (
      insert into jobs (id, workspace_id, api_key_id, dialect, operation, model, request, plan, provider,
        price_micros_per_second, held_micros, callback_url)
      select id, $1, api_key_id, dialect, request->>'operation', request->>'model', request, plan, provider, price_micros_per_second,
        hold_micros, callback_url
      from room where key is null or id in (select job_id from key)
      returning *
    ), event as (
      insert into job_events (job_id, sequence, type) select id, last_sequence, 'job.queued' from job
    ), inputs as (
      insert into artifacts (id, workspace_id, job_id, role, location, bytes, sha256, content_type, width, height, expires_at)
      select i.id, $1, job.id, 'input', i.location, i.bytes, i.sha256, i.content_type, i.width, i.height, i.expires_at
      from job join wanted on wanted.id = job.id, jsonb_to_recordset(wanted.inputs) as i(id text, location text, bytes bigint, sha256 text,
        content_type text, width integer, height integer, expires_at timestamptz)
    )
    select ${jobColumns('job')}, ledger_post('hold', ledger_account($1, 'available'), ledger_account($1, 'held'), held_micros, id)
    from job`,
};

/** Together they take about as long as one does: what takes long is the commit. */
const MOST_AT_ONCE = 32;

type Wanted = NewJob & { openLimit: number | null };
type Inserted = { job: JobRow | undefined; wasAlone: boolean };

/**
 * Stores jobs and holds their prices. All of a workspace take from one balance, so that they would wait for each other's commits: those that come
 * while one is under way go together in the next.
 */
export function createAcceptance(run: Runner) {
  const openJobs = createOpenJobs(run);
  const batches = createBatches<Wanted, Inserted>({ work: insertTogether, most: MOST_AT_ONCE });

  return {
    /** The job as it is stored now; undefined where its key is in use or its workspace has no room for it. */
    async insert(job: NewJob): Promise<JobRow | undefined> {
      const openLimit = (await openJobs.isFarFromLimit(job)) ? null : job.openJobLimit;
      const wanted = { ...job, openLimit };
      const inserted = await batches.add(job.workspaceId, wanted);
      if (inserted.job || inserted.wasAlone) return inserted.job;
      // It may have been another's fault.
      const [alone] = await insert([wanted]);
      return alone;
    },
  };

  async function insertTogether(jobs: readonly Wanted[]): Promise<Inserted[]> {
    const wasAlone = jobs.length === 1;
    try {
      const rows = new Map((await insert(jobs)).map((row) => [row.id, row]));
      return jobs.map(({ id }) => ({ job: rows.get(id), wasAlone }));
    } catch (error) {
      // Without an answer nobody knows whether they are stored.
      if (wasAlone || error instanceof ServiceError) throw error;
      return jobs.map(() => ({ job: undefined, wasAlone }));
    }
  }

  function insert(jobs: readonly Wanted[]): Promise<JobRow[]> {
    const [first] = jobs;
    return run<JobRow>(acceptStatement, [first?.workspaceId, JSON.stringify(jobs.map(recordOf))]);
  }
}

function recordOf(job: Wanted, index: number) {
  return {
    id: job.id,
    api_key_id: job.apiKeyId,
    dialect: job.dialect,
    request: job.request,
    plan: job.plan,
    provider: job.plan.routes[0]?.account ?? '',
    price_micros_per_second: job.priceMicrosPerSecond,
    hold_micros: job.holdMicros,
    callback_url: job.callbackUrl,
    inputs: job.inputs,
    key: job.idempotency?.key,
    request_sha256: job.idempotency?.requestSha256.toString('hex'),
    open_limit: job.openLimit,
    place: index + 1,
  };
}
