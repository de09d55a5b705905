import type { ProviderTask } from '../contract/provider.js';
import type { Database } from './database.js';

/** A task whose job has ended without the provider's verdict on it, or without knowing of it. */
export type WatchedTask = {
  job_id: string;
  number: number;
  task: ProviderTask;
  /** A callback named it, and nobody else says that it is this attempt's. */
  is_claim: boolean;
  /** It was watched for long enough: after this look nobody looks again. */
  is_last_look: boolean;
};

/** Looks at one task come after the first pause, then each time twice as late, at most so long apart, until the watch ends. */
export type WatchTimes = { firstPauseMs: number; longestPauseMs: number; watchMs: number };

export type WatchList = ReturnType<typeof createWatchList>;

const milliseconds = (parameter: number) => `$${parameter} * interval '1 millisecond'`;

/** The pause after a look is as long as the job has been over by then. */
const claimOf = (name: string, which: string) => ({
  name,
  text: `with due as (
      select attempts.job_id, attempts.number, jobs.finished_at
      from attempts join jobs on jobs.id = attempts.job_id
      where ${which} and watch_ended_at is null
        and now() >= coalesce(
          watched_at + least(greatest(watched_at - jobs.finished_at, ${milliseconds(2)}), ${milliseconds(3)}),
          jobs.finished_at + ${milliseconds(2)})
      order by watched_at nulls first limit $1 for update of attempts skip locked
    )
    update attempts set watched_at = now() from due where attempts.job_id = due.job_id and attempts.number = due.number
    returning attempts.job_id, attempts.number, task is null as is_claim, now() >= due.finished_at + ${milliseconds(4)} as is_last_look,
      coalesce(task, jsonb_build_object('account', account, 'upstreamModel', upstream_model, 'id', callback_task_id)) as task`,
});

/** Also `accepted`: an answer that was recorded when its job had ended is waited for by nobody. */
const claimLeftStatement = claimOf(
  'claim_tasks_to_watch',
  `attempts.state in ('accepted', 'abandoned') and task is not null`,
);

const claimCalledBackStatement = claimOf(
  'claim_called_back_tasks_to_watch',
  `attempts.state = 'unknown' and task is null and callback_task_id is not null`,
);

const endStatement = {
  name: 'end_watch',
  text: 'update attempts set watch_ended_at = now() where job_id = $1 and number = $2 and watch_ended_at is null',
};

export function createWatchList(database: Database) {
  return {
    /** Takes up to `limit` tasks of either kind that are to be looked at now, and nobody else looks at. */
    async claim(limit: number, { firstPauseMs, longestPauseMs, watchMs }: WatchTimes): Promise<WatchedTask[]> {
      const values = [limit, firstPauseMs, longestPauseMs, watchMs];
      const left = await database.run<WatchedTask>(claimLeftStatement, values);
      return [...left, ...(await database.run<WatchedTask>(claimCalledBackStatement, values))];
    },

    async end({ job_id, number }: Pick<WatchedTask, 'job_id' | 'number'>): Promise<void> {
      await database.run(endStatement, [job_id, number]);
    },
  };
}
