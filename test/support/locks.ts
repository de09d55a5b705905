import type { Database } from '../../store/database.js';

const waitingStatement = {
  name: 'waiting_for_test',
  text: `select count(*) as count from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
};

/** How many statements wait for a lock. */
export async function countWaiting({ run }: Pick<Database, 'run'>): Promise<number> {
  const [row] = await run<{ count: number }>(waitingStatement, []);
  return row?.count ?? 0;
}
