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
  text: `select pg_backend_pid() as pid from ledger_accounts where kind = 'revenue' for update`,
};

/** Nobody but a settlement needs what is locked here; of other locks there are always some. */
const waitingStatement = {
  name: 'who_waits_for',
  text: `select 1 from pg_stat_activity where $1 = any(pg_blocking_pids(pid))`,
};

async function dieWhileWaiting(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const { caller, database } = world;
  const { job, isWaiting } = await database.transaction(async (run) => {
    const [lock] = await run<{ pid: number }>(lockStatement, []);
    const made = await caller.create({ prompt: world.promptOf(mark), idempotencyKey: `key of ${mark}` });
    const look = async () => ((await database.run(waitingStatement, [lock?.pid ?? 0])).length > 0 ? true : undefined);
    const found = await eventually(look, { withinMs: MET_WITHIN_MS });
    process.kill(world.stack().pidOf('worker'), 'SIGKILL');
    return { job: made, isWaiting: found };
  });
  const diedAtMs = performance.now();
  const violations = await judgeEnding(world, job, [{ status: 'succeeded', attempts: 1, accepted: 1 }]);
  return { fired: isWaiting === true, recoveredMs: performance.now() - diedAtMs, jobs: [job], violations };
}
