import type { CrashPoint } from '../../runtime/crash-points.js';
import { jobState } from '../../workflows/messages.js';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { eventually } from '../patience.js';
import type { World } from '../world.js';
import { type Expected, judgeEnding } from './outcome.js';

const MET_WITHIN_MS = 30_000;
const HEARD_WITHIN_MS = 30_000;
const points = ['S2', 'S3', 'S3b', 'S4', 'S5', 'S6', 'S7', 'S8', 'S9', 'S10'] as const satisfies readonly CrashPoint[];

/** The caller cancels while the job is at each of its points. */
export const cancelCells: Cell[] = points.map((point) => ({
  name: `cancel/${point}`,
  isAlone: false,
  run: (world, episode) => cancelAt(world, episode, point),
}));

/** What was as good as finished may be finished; and while the dispatcher waits at S2, the job itself goes on. */
function expectedAt(point: CrashPoint): Expected[] {
  if (point === 'S2') return [{ status: 'canceled' }, { status: 'succeeded' }];
  if (point === 'S3') return [{ status: 'canceled', accepted: 0 }];
  const canceled: Expected = { status: 'canceled', accepted: 1 };
  return point === 'S10' ? [canceled, { status: 'succeeded', accepted: 1 }] : [canceled];
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
  const fired = isAsked && (await untilHeard(world, job.id));
  plan.release();
  const violations = await judgeEnding(world, job, expectedAt(point));
  return { fired, recoveredMs: performance.now() - askedAtMs, jobs: [job], violations };
}

/** Whether the job's workflow knows: the wish alone, and even its delivery, may come too late for a step that is as good as done. */
async function untilHeard({ temporal, caller }: World, jobId: string): Promise<boolean> {
  const look = async () => {
    const { isCancelRequested } = await temporal.workflow.getHandle(jobId).query(jobState);
    // Where the dispatcher waits, the job may come to its end meanwhile.
    return isCancelRequested || (await caller.ended(jobId, 1)) !== undefined || undefined;
  };
  return (await eventually(look, { withinMs: HEARD_WITHIN_MS, everyMs: 100 })) ?? false;
}
