import type { CrashPoint } from '../../runtime/crash-points.js';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import type { World } from '../world.js';
import { type Expected, judgeEnding } from './outcome.js';

const MET_WITHIN_MS = 30_000;
const points = ['S2', 'S3', 'S3b', 'S4', 'S5', 'S6', 'S7', 'S8', 'S9', 'S10'] as const satisfies readonly CrashPoint[];

/** The caller cancels while the job is at each of its points. */
export const cancelCells: Cell[] = points.map((point) => ({
  name: `cancel/${point}`,
  isAlone: false,
  run: (world, episode) => cancelAt(world, episode, point),
}));

/** Whatever it bought by then; and what was as good as finished may be finished. */
function expectedAt(point: CrashPoint): Expected[] {
  if (point === 'S2' || point === 'S3') return [{ status: 'canceled', accepted: 0 }];
  if (point === 'S10')
    return [
      { status: 'succeeded', accepted: 1 },
      { status: 'canceled', accepted: 1 },
    ];
  return [{ status: 'canceled', accepted: 1 }];
}

async function cancelAt(world: World, { mark }: Episode, point: CrashPoint): Promise<EpisodeResult> {
  const { caller, crashPlans } = world;
  const prompt = world.promptOf(mark);
  const idempotencyKey = `key of ${mark}`;
  const plan = crashPlans.plan({ point, job: idempotencyKey, action: 'pause' });
  const job = await caller.create({ prompt, idempotencyKey });
  const hit = await plan.met(MET_WITHIN_MS);
  const isAsked = hit !== undefined && (await caller.cancel(job.id));
  const askedAtMs = performance.now();
  plan.release();
  const violations = await judgeEnding(world, job, expectedAt(point));
  return { fired: isAsked, recoveredMs: performance.now() - askedAtMs, jobs: [job], violations };
}
