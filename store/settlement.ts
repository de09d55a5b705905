import type { JobFailureCode } from '../contract/errors.js';
import { captureFor, type Delivery, deliveredSeconds, type Micros } from '../contract/money.js';
import type { JobState, ProviderCancel } from '../contract/states.js';
import type { Database } from './database.js';

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
  workspace_id: string;
  held_micros: number;
  captured_micros: number | null;
  price_micros_per_second: number;
  requested_seconds: number;
  measured_seconds: number[];
  source_seconds: number | null;
  cancel_charge: 'none' | 'full';
  was_accepted: boolean;
};

const factsStatement = {
  name: 'settlement_facts',
  text: `select jobs.state, jobs.workspace_id, jobs.held_micros, jobs.captured_micros, jobs.price_micros_per_second,
      (jobs.request->>'durationSeconds')::double precision as requested_seconds, workspaces.cancel_charge,
      array(select coalesce(duration_seconds, 0) from artifacts where job_id = jobs.id and role = 'video' order by variant)
        as measured_seconds,
      case when jobs.operation = 'extend'
        then (jobs.request->'inputs'->'sourceVideo'->>'durationSeconds')::double precision end as source_seconds,
      exists (select from attempts where job_id = jobs.id and task is not null) as was_accepted
    from jobs join workspaces on workspaces.id = jobs.workspace_id where jobs.id = $1 for update of jobs`,
};

/** Transfers in the order in which accounts are locked everywhere: the one with `available` first. What a pipeline's job leaves is its pipeline's again. */
const settleStatement = {
  name: 'settle_job',
  text: `with job as (
      update jobs set state = $2, phase = null, error_code = $3, provider_cancel = $4, captured_micros = $5,
        progress = case when $2 = 'succeeded' then 100 else progress end,
        finished_at = now(), last_sequence = last_sequence + 1
      where id = $1 and state in ('queued', 'running') returning id, workspace_id, pipeline_id, held_micros, last_sequence, callback_url
    ), settlement as (
      insert into settlements (job_id, captured_micros, released_micros, delivered_seconds)
      select id, $5, held_micros - $5, $6 from job
    ), event as (
      insert into job_events (job_id, sequence, type, data)
      select id, last_sequence, 'job.' || $2, jsonb_strip_nulls(jsonb_build_object('error', $3::text)) from job
    )
    select
      ledger_post(case when $5::bigint = 0 then 'release' else 'release_rest' end, ledger_account(workspace_id, 'held'),
        ledger_source(workspace_id, pipeline_id), held_micros - $5, id),
      ledger_post('capture', ledger_account(workspace_id, 'held'), ledger_account(null, 'revenue'), $5, id),
      queue_webhook(workspace_id, 'job.' || $2, 'job', id, callback_url) as queued_webhooks
    from job`,
};

/** What providers bill for sure. A cost that is only possible stays in its attempt's row. */
const providerCostsStatement = {
  name: 'post_provider_costs',
  text: `select ledger_post('provider_cost', ledger_account(null, 'provider_cost'), ledger_account(null, 'provider_payable'),
      cost_micros, job_id, number)
    from (select * from attempts where job_id = $1 and charged = 'yes' order by number) billed`,
};

const cancelUnstartedStatement = {
  name: 'lock_unstarted_job',
  text: `select 1 from jobs where id = $1 and state = 'queued' and dispatched_at is null and cancel_requested_at is not null
    and (claimed_until is null or claimed_until < now()) for update`,
};

export function createSettlement(database: Database) {
  return {
    /** Ends a job and resolves its hold, once: a second call finds it ended and answers what the first did. */
    settle(ending: Ending): Promise<Settled> {
      return database.transaction(async (run) => {
        const [facts] = await run<Facts>(factsStatement, [ending.jobId]);
        if (!facts) throw new Error(`there is no job ${ending.jobId}`);
        if (facts.state !== 'queued' && facts.state !== 'running') {
          return { state: facts.state, capturedMicros: facts.captured_micros ?? 0, queuedWebhooks: 0 };
        }
        const capturedMicros = captured(ending, facts);
        const delivered = ending.state === 'succeeded' ? deliveredSeconds(deliveryOf(facts)) : [];
        const seconds = delivered.reduce((sum, each) => sum + each, 0);
        const { jobId, state, errorCode, providerCancel } = ending;
        const values = [jobId, state, errorCode ?? null, providerCancel, capturedMicros, seconds];
        const [job] = await run<{ queued_webhooks: number }>(settleStatement, values);
        await run(providerCostsStatement, [jobId]);
        return { state, capturedMicros, queuedWebhooks: job?.queued_webhooks ?? 0 };
      });
    },

    /** Ends a job that was cancelled before anybody started it. False when it has, or may have, a workflow. */
    cancelUnstarted(jobId: string): Promise<boolean> {
      return database.transaction(async (run) => {
        const [unstarted] = await run(cancelUnstartedStatement, [jobId]);
        if (!unstarted) return false;
        await run(settleStatement, [jobId, 'canceled', null, null, 0, 0]);
        return true;
      });
    },
  };
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
