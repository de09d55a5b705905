import type { JobFailureCode } from '../contract/errors.js';
import { captureFor, type Delivery, deliveredSeconds, type Micros } from '../contract/money.js';
import type { JobState, ProviderCancel } from '../contract/states.js';
import type { Database, Runner } from './database.js';

/** How a job ends. */
export type Ending = {
  jobId: string;
  state: 'succeeded' | 'failed' | 'canceled';
  errorCode?: JobFailureCode;
  providerCancel: ProviderCancel | null;
};

export type Settled = {
  state: JobState;
  capturedMicros: Micros;
  /** How many addresses are to hear of it: the dispatcher is to be woken for them. */
  queuedWebhooks: number;
};
export type Settlement = ReturnType<typeof createSettlement>;

type Facts = {
  state: JobState;
  last_sequence: number;
  held_micros: number;
  captured_micros: number | null;
  price_micros_per_second: number;
  requested_seconds: number;
  measured_seconds: number[];
  source_seconds: number | null;
  cancel_charge: 'none' | 'full';
  was_accepted: boolean;
};

/** Read without a lock: whoever adds a video or records an attempt moves the open job's `last_sequence`, which `settleStatement` compares. */
const factsStatement = {
  name: 'settlement_facts',
  text: `select jobs.state, jobs.last_sequence, jobs.held_micros, jobs.captured_micros, jobs.price_micros_per_second,
      (jobs.request->>'durationSeconds')::double precision as requested_seconds, workspaces.cancel_charge,
      array(select coalesce(duration_seconds, 0) from artifacts where job_id = jobs.id and role = 'video' order by variant)
        as measured_seconds,
      case when jobs.operation = 'extend'
        then (jobs.request->'inputs'->'sourceVideo'->>'durationSeconds')::double precision end as source_seconds,
      exists (select from attempts where job_id = jobs.id and task is not null) as was_accepted
    from jobs join workspaces on workspaces.id = jobs.workspace_id where jobs.id = $1`,
};

/**
 * Does nothing when the job has ended, or has gone on since its facts were read. So the attempts are still as this statement sees them when it
 * has the job's row: what providers bill for sure is posted here, what is learnt later by a trigger that waits for that row. A cost that is only
 * possible stays in its attempt's row. Transfers in the order in which accounts are locked everywhere: the one with `available` first. What a
 * pipeline's job leaves is its pipeline's again.
 */
const settleStatement = {
  name: 'settle_job',
  text: `with job as (
      update jobs set state = $2, phase = null, error_code = $3, provider_cancel = $4, captured_micros = $5,
        progress = case when $2 = 'succeeded' then 100 else progress end,
        finished_at = now(), last_sequence = last_sequence + 1
      where id = $1 and state in ('queued', 'running') and last_sequence = $7
      returning id, workspace_id, pipeline_id, held_micros, last_sequence, callback_url
    ), settlement as (
      insert into settlements (job_id, captured_micros, released_micros, delivered_seconds)
      select id, $5, held_micros - $5, $6 from job
    ), event as (
      insert into job_events (job_id, sequence, type, data)
      select id, last_sequence, 'job.' || $2, jsonb_strip_nulls(jsonb_build_object('error', $3::text)) from job
    ), transfers as (
      select 1 as place, case when $5::bigint = 0 then 'release' else 'release_rest' end as kind,
        ledger_account(workspace_id, 'held') as debit, ledger_source(workspace_id, pipeline_id) as credit,
        held_micros - $5 as micros, null::integer as attempt
      from job
      union all
      select 2, 'capture', ledger_account(workspace_id, 'held'), ledger_account(null, 'revenue'), $5, null from job
      union all
      select 3, 'provider_cost', ledger_account(null, 'provider_cost'), ledger_account(null, 'provider_payable'),
        cost_micros, number
      from job join attempts on attempts.job_id = job.id where charged = 'yes'
    )
    select
      (select count(ledger_post(kind, debit, credit, micros, $1, attempt))
        from (select * from transfers order by place, attempt) in_order) as transfers,
      queue_webhook(workspace_id, 'job.' || $2, 'job', id, callback_url) as queued_webhooks
    from job`,
};

const cancelUnstartedStatement = {
  name: 'lock_unstarted_job',
  text: `select last_sequence from jobs where id = $1 and state = 'queued' and dispatched_at is null and cancel_requested_at is not null
    and (claimed_until is null or claimed_until < now()) for update`,
};

/** A try comes to nothing when the job goes on between its two statements, of which there is little at a job's end. */
const MAX_TRIES = 5;

export function createSettlement(database: Database) {
  return {
    /** Ends a job and resolves its hold, once: a second call finds it ended and answers what the first did. */
    async settle(ending: Ending): Promise<Settled> {
      const { run } = database;
      for (let tries = 0; tries < MAX_TRIES; tries += 1) {
        const [facts] = await run<Facts>(factsStatement, [ending.jobId]);
        if (!facts) throw new Error(`there is no job ${ending.jobId}`);
        if (facts.state !== 'queued' && facts.state !== 'running') {
          return { state: facts.state, capturedMicros: facts.captured_micros ?? 0, queuedWebhooks: 0 };
        }
        const settled = await end(run, ending, facts);
        if (settled) return settled;
      }
      throw new Error(`job ${ending.jobId} went on whenever it was to be settled`);
    },

    /** Ends a job that was cancelled before anybody started it. False when it has, or may have, a workflow. */
    cancelUnstarted(jobId: string): Promise<boolean> {
      return database.transaction(async (run) => {
        const [unstarted] = await run<Pick<Facts, 'last_sequence'>>(cancelUnstartedStatement, [jobId]);
        if (!unstarted) return false;
        await run(settleStatement, [jobId, 'canceled', null, null, 0, 0, unstarted.last_sequence]);
        return true;
      });
    },
  };
}

/** Undefined when the facts are no longer the job's, and nothing was done. */
async function end(run: Runner, ending: Ending, facts: Facts): Promise<Settled | undefined> {
  const { jobId, state, errorCode = null, providerCancel } = ending;
  const capturedMicros = captured(ending, facts);
  const delivered = state === 'succeeded' ? deliveredSeconds(deliveryOf(facts)) : [];
  const seconds = delivered.reduce((sum, each) => sum + each, 0);
  const values = [jobId, state, errorCode, providerCancel, capturedMicros, seconds, facts.last_sequence];
  const [settled] = await run<{ queued_webhooks: number }>(settleStatement, values);
  return settled && { state, capturedMicros, queuedWebhooks: settled.queued_webhooks };
}

/** Charge = price × what was delivered, never more than was held; nothing for failures. */
function captured(ending: Ending, facts: Facts): Micros {
  if (ending.state === 'failed') return 0;
  if (ending.state === 'canceled') return facts.cancel_charge === 'full' && facts.was_accepted ? facts.held_micros : 0;
  return Math.min(captureFor(facts.price_micros_per_second, deliveryOf(facts)), facts.held_micros);
}

function deliveryOf({ requested_seconds, measured_seconds, source_seconds }: Facts): Delivery {
  return {
    requestedSeconds: requested_seconds,
    measuredSeconds: measured_seconds,
    sourceSeconds: source_seconds ?? undefined,
  };
}
