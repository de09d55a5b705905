import type { Micros } from '../contract/money.js';
import type { AttemptRef } from '../contract/plan.js';
import type { ListedTask } from '../contract/provider.js';
import type { Database } from './database.js';
import { isOwned, takeAccountLock } from './lost-attempts.js';

/** An attempt whose answer was lost, and whether its job has ended and asks for it no more. */
export type LostAttempt = AttemptRef & { intendedAt: Date; hasJobEnded: boolean };

export type Orphan = {
  listed: ListedTask;
  resolution: 'canceled' | 'written_off';
  /** What the provider bills for it, as far as can be told. */
  costMicros: Micros;
};

export type Orphans = ReturnType<typeof createOrphans>;

const lostStatement = {
  name: 'lost_attempts_of_account',
  text: `select job_id as "jobId", number as attempt, intended_at as "intendedAt",
      jobs.finished_at is not null as "hasJobEnded"
    from attempts join jobs on jobs.id = attempts.job_id
    where account = $1 and intended_at >= $2 and attempts.state in ('intended', 'unknown') and task is null
    order by intended_at`,
};

const unownedStatement = {
  name: 'unowned_tasks',
  text: `select id from unnest($2::text[]) as id
    where not exists (select from attempts where task->>'id' = id and account = $1)
      and not exists (select from provider_orphans where account = $1 and task_id = id)`,
};

const orphanColumns = 'account, task_id, upstream_model, resolution, job_id, attempt, cost_micros, listed_at';

/** A task is booked in the statement that writes it down, under its own name, as no job pays for it. */
const orphanStatement = {
  name: 'record_orphan',
  text: `with orphan as (
      insert into provider_orphans (${orphanColumns}) values ($1, $2, $3, $4, $5, $6, $7, $8)
      on conflict (account, task_id) do nothing returning *
    )
    select ledger_post('provider_cost', ledger_account(null, 'provider_cost'), ledger_account(null, 'provider_payable'),
      cost_micros, in_reference => account || '/' || task_id)
    from orphan`,
};

/** Tasks that a provider lists, and what was made of those that no attempt owns. */
export function createOrphans(database: Database) {
  return {
    /** Attempts of this account, since then, that have no task of which we know. */
    lostAttempts: ({ account, since }: { account: string; since: Date }) =>
      database.run<LostAttempt>(lostStatement, [account, since]),

    /** Of these tasks, those that no attempt owns and nothing was made of. */
    async unowned({ account, taskIds }: { account: string; taskIds: string[] }): Promise<Set<string>> {
      const rows = await database.run<{ id: string }>(unownedStatement, [account, taskIds]);
      return new Set(rows.map(({ id }) => id));
    },

    /** Writes down that a lost attempt owns this task after all; the attempt itself says so already. */
    async recordAdoption({ listed, jobId, attempt }: AttemptRef & { listed: ListedTask }): Promise<void> {
      await database.run(orphanStatement, valuesOf(listed, ['adopted', jobId, attempt, 0]));
    },

    /** Writes down what was made of a task, and books its cost, once. False when somebody else did, or an attempt owns it by now. */
    record({ listed, resolution, costMicros }: Orphan): Promise<boolean> {
      return database.transaction(async (run) => {
        await takeAccountLock(run, listed.task.account);
        if (await isOwned(run, listed.task)) return false;
        const recorded = await run(orphanStatement, valuesOf(listed, [resolution, null, null, costMicros]));
        return recorded.length > 0;
      });
    },
  };
}

type Made = [resolution: string, jobId: string | null, attempt: number | null, costMicros: Micros];

function valuesOf({ task, createdAt }: ListedTask, made: Made): unknown[] {
  return [task.account, task.id, task.upstreamModel, ...made, createdAt];
}
