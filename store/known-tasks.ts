import type { Micros } from '../contract/money.js';
import type { Database } from './database.js';

/** A task at a provider, and what we say that it costs. */
export type KnownTask = {
  taskId: string;
  /** Null for a task that no job owns. */
  jobId: string | null;
  attempt: number | null;
  /** `possibly`: the provider has not said, so nothing is booked. */
  charged: 'yes' | 'no' | 'possibly';
  /** What is booked, or would be once it is charged. */
  costMicros: Micros;
  at: Date;
};

type Span = { account: string; from: Date; to: Date };

const columns = `task_id as "taskId", job_id as "jobId", attempt, charged, cost_micros as "costMicros", at`;

const knownTasks = `(
    select account, task->>'id' as task_id, job_id, number as attempt, charged, cost_micros, intended_at as at
    from attempts where task is not null
    union all
    select account, task_id, null, null, case when cost_micros > 0 then 'yes' else 'no' end, cost_micros,
      coalesce(listed_at, found_at)
    from provider_orphans where resolution <> 'adopted'
  ) known`;

const byIdStatement = {
  name: 'known_tasks_by_id',
  text: `select ${columns} from ${knownTasks} where account = $1 and task_id = any($2)`,
};

const chargedStatement = {
  name: 'charged_tasks',
  text: `select ${columns} from ${knownTasks} where account = $1 and charged = 'yes' and at >= $2 and at < $3 order by at`,
};

/** It may read every attempt there is. */
const withoutTimeLimit = { name: 'without_time_limit', text: 'set local statement_timeout = 0' };

/** What we know of an account's tasks, to be held against what its provider bills. */
export function createKnownTasks(database: Database) {
  return {
    byId: ({ account, taskIds }: { account: string; taskIds: string[] }) =>
      database.run<KnownTask>(byIdStatement, [account, taskIds]),

    /** Those that are charged for sure, by the time at which they were sent. */
    charged: ({ account, from, to }: Span): Promise<KnownTask[]> =>
      database.transaction(async (run) => {
        await run(withoutTimeLimit, []);
        return run<KnownTask>(chargedStatement, [account, from, to]);
      }),
  };
}
