import { setTimeout as pause } from 'node:timers/promises';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { createPipelineCaller } from '../pipeline-caller.js';
import { killAll, whileNothingIsRestarted } from '../processes.js';
import type { World } from '../world.js';
import { filmOf, honestly, isAtWork, judgeFilm, stepNow, untilStep } from './film.js';

const ENDED_WITHIN_MS = 60_000;
const KILLED_WITHIN_MS = 800;
/** So that the step is surely at work when its worker dies. */
const AT_WORK_SECONDS = 5;
const TARGET = 'target';

/** What callers wish of a pipeline whose worker dies. */
export const pipelineWishCells: Cell[] = [
  { name: 'pipeline/cancelled while its worker is killed', isAlone: true, run: cancel },
  { name: 'pipeline/retried after a failed step, worker killed', isAlone: true, run: retry },
  { name: 'pipeline/a decision while the worker is down', isAlone: true, run: decide },
];

async function cancel(world: World, { mark, random }: Episode): Promise<EpisodeResult> {
  const caller = createPipelineCaller(world);
  const film = filmOf(world, mark);
  const forEver = { fault: 'stall', times: null, promptIncludes: film.prompt(TARGET) };
  await world.sandbox.script({ call: 'submit', ...forEver });
  const pipeline = await caller.create({
    idempotencyKey: `key of ${mark}`,
    steps: [film.shot('shot'), film.remix(TARGET, 'shot'), film.still('still', TARGET)],
  });
  const polling = await untilStep(world, { id: pipeline.id, step: TARGET, as: ({ phase }) => phase === 'polling' });
  const wish = () => caller.cancel(pipeline.id);
  const isWishedFirst = random.next() < 0.5;
  const isTakenAlive = isWishedFirst && (await wish());
  process.kill(world.stack().pidOf('worker'), 'SIGKILL');
  const killedAtMs = performance.now();
  const isTaken = isTakenAlive || (await wish());

  const violations = await judgeFilm(world, pipeline, { status: 'canceled' });
  const recoveredMs = performance.now() - killedAtMs;
  // What had come is kept, and nothing came after it.
  const states = await Promise.all(
    ['shot', TARGET, 'still'].map(async (step) => (await stepNow(world, { id: pipeline.id, step })).state),
  );
  if (states.join() !== 'succeeded,canceled,canceled') violations.push(`its steps are ${states.join(', ')}`);
  const fired = polling !== undefined && isTaken;
  return { fired, recoveredMs, jobs: [], pipelines: [pipeline], violations };
}

async function retry(world: World, { mark, random }: Episode): Promise<EpisodeResult> {
  const caller = createPipelineCaller(world);
  const film = filmOf(world, mark);
  const promptIncludes = film.prompt(TARGET);
  await world.sandbox.script({ call: 'submit', fault: 'refuse', reason: 'moderation', promptIncludes });
  await world.sandbox.script({ call: 'submit', fault: 'stall', seconds: AT_WORK_SECONDS, promptIncludes });
  const pipeline = await caller.create({
    idempotencyKey: `key of ${mark}`,
    steps: [film.shot('shot'), film.extension(TARGET, 'shot'), film.joined('film', ['shot', TARGET])],
  });
  const failed = await caller.ended(pipeline.id, ENDED_WITHIN_MS);
  const hasFailed = failed?.error?.step === TARGET && failed.error.code === 'prompt_rejected';
  const kept = await stepNow(world, { id: pipeline.id, step: 'shot' });
  const isRetried = await caller.retry(pipeline.id);
  await untilStep(world, { id: pipeline.id, step: TARGET, as: isAtWork });
  await pause(random.next() * KILLED_WITHIN_MS);
  const isKilledAtWork = isAtWork(await stepNow(world, { id: pipeline.id, step: TARGET }));
  process.kill(world.stack().pidOf('worker'), 'SIGKILL');
  const killedAtMs = performance.now();

  const violations = await judgeFilm(world, pipeline, { status: 'succeeded', mayFailWith: honestly });
  const recoveredMs = performance.now() - killedAtMs;
  const now = await stepNow(world, { id: pipeline.id, step: 'shot' });
  if (now.jobId !== kept.jobId) violations.push(`the step that was done had ${kept.jobId} and has ${now.jobId}`);
  const fired = hasFailed && isRetried && isKilledAtWork;
  return { fired, recoveredMs, jobs: [], pipelines: [pipeline], violations };
}

async function decide(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const caller = createPipelineCaller(world);
  const { shot, approval, still } = filmOf(world, mark);
  const pipeline = await caller.create({
    idempotencyKey: `key of ${mark}`,
    steps: [shot('shot'), approval(TARGET, 'shot'), still('still', TARGET)],
  });
  const asked = await untilStep(world, { id: pipeline.id, step: TARGET, as: isAtWork });
  const isDecided = await whileNothingIsRestarted(world, async () => {
    const isDead = await killAll([world.stack().pidOf('worker')]);
    return (await caller.approve(pipeline.id, TARGET)) && isDead;
  });
  const decidedAtMs = performance.now();
  const violations = await judgeFilm(world, pipeline, { status: 'succeeded' });
  const recoveredMs = performance.now() - decidedAtMs;
  return { fired: asked !== undefined && isDecided, recoveredMs, jobs: [], pipelines: [pipeline], violations };
}
