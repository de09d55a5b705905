import { setTimeout as pause } from 'node:timers/promises';
import { type StepKind, stepKinds } from '../../contract/pipeline.js';
import type { CrashPoint } from '../../runtime/crash-points.js';
import type { AcceptedPipeline, Cell, Episode, EpisodeResult } from '../cell.js';
import { isWaitedFor } from '../locks.js';
import { createPipelineCaller } from '../pipeline-caller.js';
import { killWorker } from '../processes.js';
import type { World } from '../world.js';
import { type Film, filmOf, honestly, isAtWork, judgeFilm, stepNow, untilStep } from './film.js';

const TARGET = 'target';
const MET_WITHIN_MS = 30_000;
const MOST_AIMS = 5;
const AT_WORK_SECONDS = 5;
/** Of a job that has accepted its task: what comes before is met by chance. */
const points = ['S8', 'S9', 'S10'] as const satisfies readonly CrashPoint[];

type Plan = {
  /** The last of them is at work when the worker dies. */
  stepsOf: (film: Film) => object[];
  /** It dies within this time; the work lasts longer, that of a job much longer. */
  withinMs: number;
};

const plans: Record<StepKind, Plan> = {
  text_to_video: { stepsOf: ({ shot }) => [shot(TARGET)], withinMs: 800 },
  image_to_video: {
    stepsOf: ({ shot, still, animation }) => [shot('shot'), still('still', 'shot'), animation(TARGET, 'still')],
    withinMs: 800,
  },
  extend: { stepsOf: ({ shot, extension }) => [shot('shot'), extension(TARGET, 'shot')], withinMs: 800 },
  remix: { stepsOf: ({ shot, remix }) => [shot('shot'), remix(TARGET, 'shot')], withinMs: 800 },
  concat: {
    stepsOf: ({ shot, joined }) => [shot('shot'), shot('other'), joined(TARGET, ['shot', 'other'])],
    withinMs: 30,
  },
  frame: { stepsOf: ({ shot, still }) => [shot('shot'), still(TARGET, 'shot')], withinMs: 30 },
  approval: { stepsOf: ({ shot, approval }) => [shot('shot'), approval(TARGET, 'shot')], withinMs: 500 },
};

/** The worker dies in the middle of a step. */
export const pipelineKillCells: Cell[] = [
  ...stepKinds.map(
    (kind): Cell => ({
      name: `pipeline/worker killed during ${kind}`,
      isAlone: true,
      run: (world, episode) => killDuring(world, episode, kind),
    }),
  ),
  ...points.map(
    (point): Cell => ({
      name: `pipeline/worker killed at ${point} of a step`,
      isAlone: true,
      run: (world, episode) => killAt(world, episode, point),
    }),
  ),
  { name: 'pipeline/worker killed while a file is recorded', isAlone: true, run: killWhileRecording },
];

async function killDuring(world: World, { mark, random }: Episode, kind: StepKind): Promise<EpisodeResult> {
  const caller = createPipelineCaller(world);
  const { stepsOf, withinMs } = plans[kind];
  const film = filmOf(world, mark);
  const lasting = { fault: 'stall', seconds: AT_WORK_SECONDS, promptIncludes: film.prompt(TARGET) };
  await world.sandbox.script({ call: 'submit', ...lasting });
  const pipeline = await caller.create({ idempotencyKey: `key of ${mark}`, steps: stepsOf(film) });
  const target = { id: pipeline.id, step: TARGET };
  await untilStep(world, { ...target, as: isAtWork });
  await pause(random.next() * withinMs);
  const fired = isAtWork(await stepNow(world, target));
  const killedAtMs = performance.now();
  const isBack = killWorker(world);
  if (kind === 'approval') {
    await isBack;
    await caller.approve(pipeline.id, TARGET);
  }
  const violations = await judgeFilm(world, pipeline, { status: 'succeeded', mayFailWith: honestly });
  return { fired, recoveredMs: performance.now() - killedAtMs, jobs: [], pipelines: [pipeline], violations };
}

/** The second job of a chain stands at a point when the worker dies. */
async function killAt(world: World, { mark }: Episode, point: CrashPoint): Promise<EpisodeResult> {
  const { shot, remix, still } = filmOf(world, mark);
  const pipeline = await createPipelineCaller(world).create({
    idempotencyKey: `key of ${mark}`,
    steps: [shot('shot'), remix(TARGET, 'shot'), still('still', TARGET)],
  });
  const begun = await untilStep(world, { id: pipeline.id, step: TARGET, as: ({ jobId }) => jobId !== null });
  const plan = world.crashPlans.plan({ point, job: begun?.jobId ?? 'none', action: 'pause' });
  const hit = await plan.met(MET_WITHIN_MS);
  const killedAtMs = performance.now();
  if (hit) process.kill(hit.pid, 'SIGKILL');
  plan.release();
  const violations = await judgeFilm(world, pipeline, { status: 'succeeded' });
  const recoveredMs = performance.now() - killedAtMs;
  return { fired: hit !== undefined, recoveredMs, jobs: [], pipelines: [pipeline], violations };
}

const lockStatement = {
  name: 'lock_step',
  text: `select pg_backend_pid() as pid, state from pipeline_steps where pipeline_id = $1 and name = $2 for update`,
};

/**
 * The still lies in its place and its row is being written, which may still be carried out, for nobody. A still that was done before its row
 * could be locked was missed: then another is aimed at.
 */
async function killWhileRecording(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const pipelines: AcceptedPipeline[] = [];
  let fired = false;
  while (!fired && pipelines.length < MOST_AIMS) {
    const { shot, still } = filmOf(world, `${mark}-${pipelines.length}-`);
    const pipeline = await createPipelineCaller(world).create({
      idempotencyKey: `key of ${mark} ${pipelines.length}`,
      steps: [shot('shot'), still(TARGET, 'shot')],
    });
    pipelines.push(pipeline);
    await untilStep(world, { id: pipeline.id, step: TARGET, as: isAtWork });
    fired = await killAtLock(world, pipeline);
  }
  const killedAtMs = performance.now();
  const judged = await Promise.all(pipelines.map((pipeline) => judgeFilm(world, pipeline, { status: 'succeeded' })));
  return { fired, recoveredMs: performance.now() - killedAtMs, jobs: [], pipelines, violations: judged.flat() };
}

/** Kills the worker while it waits to write the step's end. False, and nobody dies, where that is written already. */
function killAtLock(world: World, { id }: AcceptedPipeline): Promise<boolean> {
  return world.database.transaction(async (run) => {
    const [lock] = await run<{ pid: number; state: string }>(lockStatement, [id, TARGET]);
    if (lock?.state !== 'running' || !(await isWaitedFor(world, lock.pid))) return false;
    process.kill(world.stack().pidOf('worker'), 'SIGKILL');
    return true;
  });
}
