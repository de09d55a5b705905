import { type CrashPoint, crashPointNames } from '../../runtime/crash-points.js';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import type { World } from '../world.js';
import { expectedAfter } from './crash.js';
import { type Expected, judgeEnding } from './outcome.js';

const MET_WITHIN_MS = 30_000;
const ENDED_WITHIN_MS = 120_000;
/** Twice the time of one download: then the job gives up fetching. */
const FILE_WITHIN_MS = 20_000;
const elsewhere: Expected = { status: 'succeeded', attempts: 2, accepted: 2 };

/** Who waits here waits long; elsewhere a step is soon taken for dead by its time-out, so the other points come last. */
const patient: readonly CrashPoint[] = ['S0', 'S1', 'S3', 'S3b', 'S4'];
const impatient = crashPointNames.filter((point) => !patient.includes(point));

/** Api and worker die at once while a job stands at each of their points: what the single deaths show, in the time of one. */
export const crashTogetherCells: Cell[] = [{ name: 'crash/every point/at once', isAlone: true, run: crashTogether }];

async function crashTogether(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const held = [...(await holdAll(world, mark, patient)), ...(await holdAll(world, mark, impatient))];
  const missed = held.filter(({ hit }) => !hit).map(({ point }) => `nobody met ${point}`);
  const metAtMs = performance.now();
  for (const pid of new Set(held.flatMap(({ hit }) => hit?.pid ?? []))) process.kill(pid, 'SIGKILL');
  for (const { plan } of held) plan.release();

  const jobs = await Promise.all(held.map(({ creating }) => creating));
  const judged = await Promise.all(
    held.map(async ({ point, creating }) => {
      const job = await creating;
      await world.caller.ended(job.id, ENDED_WITHIN_MS);
      // On a machine so slow that the time for the file was over before the worker was back, going elsewhere is right.
      const isLate = performance.now() - metAtMs > FILE_WITHIN_MS;
      const expected = expectedAfter(point, 'itself');
      const found = await judgeEnding(world, job, isLate ? [...expected, elsewhere] : expected);
      return found.map((what) => `at ${point}: ${what}`);
    }),
  );
  const recoveredMs = performance.now() - metAtMs;
  return { fired: missed.length === 0, recoveredMs, jobs, violations: [...missed, ...judged.flat()] };
}

/** Has one job stand at each of these points. */
function holdAll({ caller, crashPlans, promptOf }: World, mark: string, points: readonly CrashPoint[]) {
  return Promise.all(
    points.map(async (point) => {
      const idempotencyKey = `key of ${mark} ${point}`;
      const plan = crashPlans.plan({ point, job: idempotencyKey, action: 'pause' });
      const creating = caller.create({ prompt: promptOf(`${mark}-at-${point}-`), idempotencyKey });
      return { point, plan, creating, hit: await plan.met(MET_WITHIN_MS) };
    }),
  );
}
