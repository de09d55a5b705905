import type { Micros } from '../contract/money.js';
import type { Database } from './database.js';

/** Something that the ledger and the rows do not agree on. What does not apply is null. */
export type Violation = {
  rule: LedgerRule;
  jobId: string | null;
  attempt: number | null;
  /** A ledger account, such as `held of ws_…`, or a task of a provider, such as `omixa/task-1`. */
  account: string | null;
  expectedMicros: Micros | null;
  foundMicros: Micros | null;
};

export type LedgerRule = keyof typeof rules;

type Row = {
  job_id: string | null;
  attempt: number | null;
  account: string | null;
  expected: Micros | null;
  found: Micros | null;
};

/** What must hold. Each finds what breaks it as `job_id, attempt, account, expected, found`. */
const rules = {
  debits_equal_credits: `select null as job_id, null::integer as attempt, null as account, 0::bigint as expected, all_together as found
    from (select coalesce(sum(balance_micros), 0)::bigint as all_together from ledger_accounts) sums where all_together <> 0`,

  balance_is_sum_of_transfers: `select null as job_id, null::integer as attempt, ${nameOf('account')} as account, moved as expected,
      balance_micros as found
    from ledger_accounts account left join (
      select id, sum(micros)::bigint as moved from (
        select credit_account_id as id, amount_micros as micros from ledger_transfers
        union all select debit_account_id, -amount_micros from ledger_transfers
      ) sides group by id
    ) sums using (id)
    where balance_micros <> coalesce(moved, 0)`,

  no_negative_balance: `select null as job_id, null::integer as attempt, ${nameOf('account')} as account, 0::bigint as expected,
      balance_micros as found
    from ledger_accounts account where kind in ('available', 'held', 'reserved') and balance_micros < 0`,

  held_is_what_open_jobs_hold: `select null as job_id, null::integer as attempt, ${nameOf('account')} as account,
      coalesce(open_holds, 0) as expected, balance_micros as found
    from ledger_accounts account left join (
      select workspace_id, sum(held_micros)::bigint as open_holds from jobs where state in ('queued', 'running') group by workspace_id
    ) holds using (workspace_id)
    where kind = 'held' and balance_micros <> coalesce(open_holds, 0)`,

  held_once: `select jobs.id as job_id, null::integer as attempt, null as account, held_micros as expected, posted as found
    from jobs left join (
      select job_id, sum(amount_micros)::bigint as posted from ledger_transfers where kind = 'hold' group by job_id
    ) holds on holds.job_id = jobs.id
    where held_micros <> coalesce(posted, 0)`,

  settled_when_ended: `select jobs.id as job_id, null::integer as attempt, null as account, held_micros as expected,
      captured_or_released as found
    from jobs left join settlements on settlements.job_id = jobs.id left join (
      select job_id, sum(amount_micros)::bigint as captured_or_released from ledger_transfers
      where kind in ('capture', 'release', 'release_rest') group by job_id
    ) resolved on resolved.job_id = jobs.id
    where case when jobs.finished_at is null
      then settlements.job_id is not null or captured_or_released is not null
      else settlements.job_id is null or held_micros <> coalesce(captured_or_released, 0) end`,

  captured_as_settled: `select settlements.job_id, null::integer as attempt, null as account, captured_micros as expected,
      coalesce(captured, 0) as found
    from settlements left join (
      select job_id, sum(amount_micros)::bigint as captured from ledger_transfers where kind = 'capture' group by job_id
    ) captures on captures.job_id = settlements.job_id
    where captured_micros <> coalesce(captured, 0)`,

  settlement_adds_up: `select job_id, null::integer as attempt, null as account, held_micros as expected,
      settlements.captured_micros + released_micros as found
    from settlements join jobs on jobs.id = job_id where settlements.captured_micros + released_micros <> held_micros`,

  job_says_what_was_captured: `select job_id, null::integer as attempt, null as account, settlements.captured_micros as expected,
      jobs.captured_micros as found
    from settlements join jobs on jobs.id = job_id where settlements.captured_micros is distinct from jobs.captured_micros`,

  nothing_charged_for_failures: `select id as job_id, null::integer as attempt, null as account, 0::bigint as expected, captured_micros as found
    from jobs where state = 'failed' and captured_micros <> 0`,

  provider_costs_are_booked: `select job_id, attempt, null as account, expected, booked as found
    from (
      select attempts.job_id, number as attempt, cost_micros as expected from attempts join jobs on jobs.id = attempts.job_id
      where charged = 'yes' and jobs.finished_at is not null and cost_micros > 0
    ) billed full join (
      select job_id, attempt, sum(amount_micros)::bigint as booked from ledger_transfers
      where kind = 'provider_cost' and job_id is not null group by job_id, attempt
    ) costs using (job_id, attempt)
    where expected is distinct from booked`,

  orphans_are_booked: `select null as job_id, null::integer as attempt, task as account, expected, booked as found
    from (
      select account || '/' || task_id as task, cost_micros as expected from provider_orphans
      where resolution <> 'adopted' and cost_micros > 0
    ) orphans full join (
      select reference as task, sum(amount_micros)::bigint as booked from ledger_transfers
      where kind = 'provider_cost' and job_id is null group by reference
    ) costs using (task)
    where expected is distinct from booked`,

  reserved_once: `select null as job_id, run as attempt, ${nameOf('account')} as account, reserved_micros as expected, coalesce(posted, 0) as found
    from pipelines left join ledger_accounts account on account.pipeline_id = pipelines.id left join (
      select reference, attempt, sum(amount_micros)::bigint as posted from ledger_transfers where kind = 'reserve' group by reference, attempt
    ) reserves on reserves.reference = pipelines.id and reserves.attempt = pipelines.run
    where reserved_micros <> coalesce(posted, 0)`,

  reserve_is_what_jobs_left: `select null as job_id, null::integer as attempt, ${nameOf('account')} as account,
      coalesce(brought, 0) - coalesce(taken, 0) as expected, balance_micros as found
    from ledger_accounts account left join (
      select reference, sum(case kind when 'reserve' then amount_micros else -amount_micros end)::bigint as brought
      from ledger_transfers where kind in ('reserve', 'unreserve') group by reference
    ) runs on runs.reference = account.pipeline_id left join (
      select pipeline_id, sum(case when finished_at is null then held_micros else captured_micros end)::bigint as taken
      from jobs where pipeline_id is not null group by pipeline_id
    ) spent on spent.pipeline_id = account.pipeline_id
    where kind = 'reserved' and balance_micros <> coalesce(brought, 0) - coalesce(taken, 0)`,

  nothing_reserved_at_the_end: `select null as job_id, null::integer as attempt, ${nameOf('account')} as account, 0::bigint as expected,
      balance_micros as found
    from ledger_accounts account join pipelines on pipelines.id = account.pipeline_id
    where finished_at is not null and balance_micros <> 0`,

  holds_keep_to_their_accounts: `select job_id, null::integer as attempt, ${nameOf('account')} as account, 0::bigint as expected,
      amount_micros as found
    from ledger_transfers join jobs on jobs.id = job_id
    join ledger_accounts account
      on account.id = case when ledger_transfers.kind = 'hold' then debit_account_id else credit_account_id end
    where ledger_transfers.kind in ('hold', 'release', 'release_rest') and account.pipeline_id is distinct from jobs.pipeline_id`,
} as const satisfies Record<string, string>;

/** An account as people know it. */
function nameOf(table: string): string {
  return `concat_ws(' of ', ${table}.kind, coalesce(${table}.pipeline_id, ${table}.workspace_id))`;
}

const oneMoment = { name: 'one_moment', text: 'set transaction isolation level repeatable read, read only' };
/** It reads the whole ledger, which may take longer than a statement of a request may. */
const withoutTimeLimit = { name: 'without_time_limit', text: 'set local statement_timeout = 0' };

/** Proves the ledger against itself, the jobs and the attempts, all as they were at one moment. Empty when everything holds. */
export function checkLedger(database: Database): Promise<Violation[]> {
  return database.transaction(async (run) => {
    await run(oneMoment, []);
    await run(withoutTimeLimit, []);
    const violations: Violation[] = [];
    for (const rule of ledgerRules) {
      const rows = await run<Row>({ name: `ledger_rule_${rule}`, text: rules[rule] }, []);
      violations.push(...rows.map((row) => violationOf(rule, row)));
    }
    return violations;
  });
}

/** In the order in which they are checked. */
export const ledgerRules = Object.keys(rules).filter((rule): rule is LedgerRule => rule in rules);

function violationOf(rule: LedgerRule, { job_id, attempt, account, expected, found }: Row): Violation {
  return { rule, jobId: job_id, attempt, account, expectedMicros: expected, foundMicros: found };
}
