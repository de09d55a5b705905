import { ServiceError } from '../contract/errors.js';
import type { GenerationRequest } from '../contract/generation.js';
import { formatUsd, type Micros } from '../contract/money.js';
import type { JobPlan } from '../contract/plan.js';
import { createAcceptance } from './acceptance.js';
import type { StoredInput } from './artifacts.js';
import { type Database, isLockTimeout, violates } from './database.js';
import { type JobRow, jobColumns } from './job-row.js';

export type NewJob = {
  id: string;
  workspaceId: string;
  apiKeyId: string;
  openJobLimit: number;
  dialect: string;
  request: GenerationRequest;
  plan: JobPlan;
  priceMicrosPerSecond: Micros;
  holdMicros: Micros;
  callbackUrl?: string;
  inputs: StoredInput[];
  idempotency?: { key: string; requestSha256: Buffer };
};

export type Acceptance = { job: JobRow; isReplay: boolean };
export type Jobs = ReturnType<typeof createJobs>;

const keptKeyStatement = {
  name: 'kept_idempotency_key',
  text: `select kept.request_sha256, ${jobColumns('jobs')}
    from idempotency_keys kept left join jobs on jobs.id = kept.job_id
    where kept.workspace_id = $1 and kept.key = $2 and kept.created_at >= now() - interval '24 hours'`,
};

const findStatement = {
  name: 'find_job',
  text: `select ${jobColumns('jobs')} from jobs where id = $1 and workspace_id = $2 and deleted_at is null`,
};

const requestCancelStatement = {
  name: 'request_cancel',
  text: `update jobs set cancel_requested_at = coalesce(cancel_requested_at, now())
    where id = $1 and workspace_id = $2 and state in ('queued', 'running') returning ${jobColumns('jobs')}`,
};

/** What the caller wrote goes at once, files as soon as they are swept; what money moved for it stays in the ledger. */
const removeStatement = {
  name: 'remove_job',
  text: `with job as (
      update jobs set deleted_at = now(), callback_url = null, last_sequence = last_sequence + 1,
        request = jsonb_set(request, '{prompt}', '""') - 'negativePrompt'
      where id = $1 and workspace_id = $2 and finished_at is not null and deleted_at is null
        and not exists (select from pipelines where pipelines.id = jobs.pipeline_id and pipelines.finished_at is null)
      returning id, last_sequence
    ), files as (
      update artifacts set expires_at = least(expires_at, now()) from job where artifacts.job_id = job.id
    ), event as (
      insert into job_events (job_id, sequence, type) select id, last_sequence, 'job.deleted' from job
    ), deliveries as (
      update webhook_deliveries set url = null, next_attempt_at = null, ended_at = coalesce(ended_at, now()),
        state = case when state = 'pending' then 'canceled' else state end
      from job, webhook_messages message
      where message.subject_kind = 'job' and message.subject_id = job.id and webhook_deliveries.message_id = message.id
    )
    select id from job`,
};

const availableStatement = {
  name: 'available_balance',
  text: `select balance_micros from ledger_accounts where id = ledger_account($1, 'available')`,
};

export function createJobs(database: Database) {
  const { run } = database;
  const acceptance = createAcceptance(run);

  return {
    /**
     * Stores the job and holds its price in one transaction. A known idempotency key gives back its job.
     * @throws `insufficient_funds`, `too_many_jobs`, `idempotency_key_reused`, `idempotency_in_flight`; then nothing is stored or held.
     */
    async accept(job: NewJob): Promise<Acceptance> {
      try {
        const accepted = await acceptance.insert(job);
        if (accepted) return { job: accepted, isReplay: false };
      } catch (error) {
        if (violates(error, 'ledger_accounts_not_overdrawn')) {
          // The same request may have been accepted before the money ran out.
          const replay = await findReplay(job);
          if (replay) return replay;
          throw await insufficientFunds(job);
        }
        if (isLockTimeout(error)) {
          const code = job.idempotency ? 'idempotency_in_flight' : 'service_unavailable';
          throw new ServiceError(code, { retryAfterSeconds: 1, cause: error });
        }
        throw error;
      }
      const replay = await findReplay(job);
      if (replay) return replay;
      throw new ServiceError('too_many_jobs', {
        detail: `The workspace has ${job.openJobLimit} open jobs, which is its limit.`,
        retryAfterSeconds: 5,
      });
    },

    /** The job that this idempotency key made before, if any. @throws `idempotency_key_reused` for another request. */
    replay: findReplay,

    /** A job of this workspace; another's is as unknown as one that never was. */
    async find({ id, workspaceId }: { id: string; workspaceId: string }): Promise<JobRow | undefined> {
      const [row] = await run<JobRow>(findStatement, [id, workspaceId]);
      return row;
    },

    /** Marks the wish; the dispatcher carries it out. Undefined when the job is not open. */
    async requestCancel({ id, workspaceId }: { id: string; workspaceId: string }): Promise<JobRow | undefined> {
      const [row] = await run<JobRow>(requestCancelStatement, [id, workspaceId]);
      return row;
    },

    /** Takes a job that has ended, as its pipeline has, out of every reader's sight. False when there is none such. */
    async remove({ id, workspaceId }: { id: string; workspaceId: string }): Promise<boolean> {
      const removed = await run(removeStatement, [id, workspaceId]);
      return removed.length > 0;
    },
  };

  async function findReplay({ workspaceId, idempotency }: Pick<NewJob, 'workspaceId' | 'idempotency'>) {
    if (!idempotency) return undefined;
    type KeptRow = JobRow & { request_sha256: Buffer };
    const [kept] = await run<KeptRow>(keptKeyStatement, [workspaceId, idempotency.key]);
    if (!kept) return undefined;
    if (!kept.request_sha256.equals(idempotency.requestSha256)) throw new ServiceError('idempotency_key_reused');
    return { job: kept, isReplay: true } satisfies Acceptance;
  }

  async function insufficientFunds({ workspaceId, holdMicros }: NewJob): Promise<ServiceError> {
    const [account] = await run<{ balance_micros: number }>(availableStatement, [workspaceId]);
    return new ServiceError('insufficient_funds', {
      detail: `The job needs ${formatUsd(holdMicros)} USD; ${formatUsd(account?.balance_micros ?? 0)} USD are available.`,
    });
  }
}
