import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { isWaitedFor } from '../locks.js';
import type { World } from '../world.js';
import { judgeEnding } from './outcome.js';

/** The worker dies while the statement that settles a job is in Postgres already: it may still be carried out, for nobody. */
export const settlingCells: Cell[] = [
  { name: 'crash/settling/its statement waits', isAlone: true, run: dieWhileWaiting },
];

/** Nobody but a settlement needs it. */
const lockStatement = {
  name: 'lock_revenue',
  text: `select pg_backend_pid() as pid from ledger_accounts where kind = 'revenue' for update`,
};

async function dieWhileWaiting(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const { caller, database } = world;
  const { job, isWaiting } = await database.transaction(async (run) => {
    const [lock] = await run<{ pid: number }>(lockStatement, []);
    const made = await caller.create({ prompt: world.promptOf(mark), idempotencyKey: `key of ${mark}` });
    const found = await isWaitedFor(world, lock?.pid ?? 0);
    process.kill(world.stack().pidOf('worker'), 'SIGKILL');
    return { job: made, isWaiting: found };
  });
  const diedAtMs = performance.now();
  const violations = await judgeEnding(world, job, [{ status: 'succeeded', attempts: 1, accepted: 1 }]);
  return { fired: isWaiting, recoveredMs: performance.now() - diedAtMs, jobs: [job], violations };
}
