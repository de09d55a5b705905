import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { eventually } from '../patience.js';
import type { World } from '../world.js';
import { judgeEnding } from './outcome.js';

const MET_WITHIN_MS = 30_000;

/** The worker dies while the statement that settles a job is in Postgres already: it may still be carried out, for nobody. */
export const settlingCells: Cell[] = [
  { name: 'crash/settling/its statement waits', isAlone: true, run: dieWhileWaiting },
];

const lockStatement = {
  name: 'lock_revenue',
  text: `select 1 from ledger_accounts where kind = 'revenue' for update`,
};

const waitingStatement = {
  name: 'is_waiting_for_a_lock',
  text: `select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
};

async function dieWhileWaiting(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const { caller, database } = world;
  const { job, isWaiting } = await database.transaction(async (run) => {
    await run(lockStatement, []);
    const made = await caller.create({ prompt: world.promptOf(mark), idempotencyKey: `key of ${mark}` });
    const look = async () => ((await database.run(waitingStatement, [])).length > 0 ? true : undefined);
    const found = await eventually(look, { withinMs: MET_WITHIN_MS });
    process.kill(world.stack().pidOf('worker'), 'SIGKILL');
    return { job: made, isWaiting: found };
  });
  const diedAtMs = performance.now();
  const violations = await judgeEnding(world, job, [{ status: 'succeeded', attempts: 1, accepted: 1 }]);
  return { fired: isWaiting === true, recoveredMs: performance.now() - diedAtMs, jobs: [job], violations };
}
