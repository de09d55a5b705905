import type { AttemptRef } from '../contract/plan.js';
import type { ProviderTask, ResultFile, Submission } from '../contract/provider.js';
import type { ProviderFailure } from '../contract/provider-errors.js';
import type { AttemptState, JobPhase } from '../contract/states.js';
import type { Runner } from './database.js';
import type { AttemptsTable } from './tables.js';

/**
 * Moves an attempt on from the states given, and its job's phase with it, as one event. Nothing happens when the attempt has
 * moved on already; a job that has ended keeps its phase. The job's provider is in the end the one whose video it gets.
 */
const recordStatement = {
  name: 'record_attempt',
  text: `with attempt as (
      update attempts set state = $3, task = coalesce($4::jsonb, task), files = coalesce($5::jsonb, files),
        failure = coalesce($6::jsonb, failure), charged = $7, cost_micros = coalesce($8, cost_micros),
        answered_at = case when $11 then coalesce(answered_at, now()) end,
        finished_at = case when $3 in ('accepted', 'unknown') then null else coalesce(finished_at, now()) end
      where job_id = $1 and number = $2 and state = any($9) and ($5::jsonb is not null or state <> $3)
      returning job_id, account
    ), job as (
      update jobs set phase = $10, last_sequence = last_sequence + 1,
        provider = case when $3 = 'succeeded' then attempt.account else jobs.provider end
      from attempt where jobs.id = attempt.job_id and jobs.state = 'running'
      returning jobs.id, jobs.last_sequence
    ), event as (
      insert into job_events (job_id, sequence, type, data)
      select id, last_sequence, 'attempt.' || $3, jsonb_build_object('attempt', $2::integer) from job
    )
    select count(*) as changed from attempt`,
};

export type Change = {
  state: AttemptState;
  from: readonly AttemptState[];
  phase: JobPhase;
  charged: AttemptsTable['charged'];
  task?: ProviderTask;
  files?: ResultFile[];
  failure?: ProviderFailure;
  costMicros?: number;
};

/** False when the attempt was in none of the states that the change starts from. */
export async function recordChange(
  run: Runner,
  { jobId, attempt }: AttemptRef,
  { isAnswered = true, ...change }: Change & { isAnswered?: boolean },
): Promise<boolean> {
  const [row] = await run<{ changed: number }>(recordStatement, [
    jobId,
    attempt,
    change.state,
    jsonOrNull(change.task),
    jsonOrNull(change.files),
    jsonOrNull(change.failure),
    change.charged,
    change.costMicros ?? null,
    change.from,
    change.phase,
    isAnswered,
  ]);
  return row !== undefined && row.changed > 0;
}

/** What the answer to a submit makes of an attempt. */
export function changeBySubmission(submission: Submission): Omit<Change, 'from'> {
  if (submission.outcome === 'accepted') {
    return { state: 'accepted', phase: 'waiting', charged: 'possibly', task: submission.task };
  }
  const isUnknown = submission.outcome === 'unknown';
  return {
    state: submission.outcome,
    phase: isUnknown ? 'reconciling' : 'routing',
    charged: isUnknown ? 'possibly' : 'no',
    failure: submission.error,
  };
}

function jsonOrNull(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
