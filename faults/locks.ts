import { eventually } from './patience.js';
import type { World } from './world.js';

const WAITED_FOR_WITHIN_MS = 30_000;

/** Nobody but who is meant may need what is locked: of other locks there are always some. */
const waitingStatement = {
  name: 'who_waits_for',
  text: `select 1 from pg_stat_activity where $1 = any(pg_blocking_pids(pid))`,
};

/** Whether a statement comes to wait for what this session of Postgres has locked. */
export async function isWaitedFor({ database }: Pick<World, 'database'>, pid: number): Promise<boolean> {
  const look = async () => (await database.run(waitingStatement, [pid])).length > 0 || undefined;
  return (await eventually(look, { withinMs: WAITED_FOR_WITHIN_MS })) ?? false;
}
