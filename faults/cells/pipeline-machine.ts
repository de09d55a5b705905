import { setTimeout as pause } from 'node:timers/promises';
import type { AcceptedPipeline, Cell, Episode, EpisodeResult } from '../cell.js';
import { createPipelineCaller } from '../pipeline-caller.js';
import { killEverything } from '../processes.js';
import type { World } from '../world.js';
import { filmOf, honestly, isAtWork, judgeFilm, untilStep } from './film.js';
import { loseTemporal } from './forget.js';

const PIPELINES = 5;
const SLOW_SECONDS = 6;
/** Accepting takes about as long. */
const ACCEPTED_WITHIN_MS = 60;
/** A job takes longer, and a chain takes longer than a few jobs. */
const KILLED_WITHIN_MS = 800;
const ALL_KILLED_WITHIN_MS = 2_000;

/** Other parts than the worker die while pipelines run. */
export const pipelineMachineCells: Cell[] = [
  { name: 'pipeline/api killed while it is accepted', isAlone: true, run: killAccepting },
  { name: 'pipeline/api killed while it runs', isAlone: true, run: killApi },
  { name: `pipeline/everything killed at once, ${PIPELINES} pipelines`, isAlone: true, most: 3, run: killAll },
  { name: 'pipeline/Temporal lost its file', isAlone: true, most: 3, run: loseFile },
];

async function killAccepting(world: World, { mark, random }: Episode): Promise<EpisodeResult> {
  const creating = create(world, mark);
  await pause(random.next() * ACCEPTED_WITHIN_MS);
  process.kill(world.stack().pidOf('api'), 'SIGKILL');
  const killedAtMs = performance.now();
  const pipeline = await creating;
  const violations = await judgeFilm(world, pipeline, { status: 'succeeded' });
  // The same key must go on giving the same pipeline.
  const again = await create(world, mark);
  if (again.id !== pipeline.id) violations.push(`its key gave ${pipeline.id}, and then ${again.id}`);
  return { fired: true, recoveredMs: performance.now() - killedAtMs, jobs: [], pipelines: [pipeline], violations };
}

async function killApi(world: World, { mark, random }: Episode): Promise<EpisodeResult> {
  const pipeline = await create(world, mark);
  const begun = await untilStep(world, { id: pipeline.id, step: 'longer', as: isAtWork });
  await pause(random.next() * KILLED_WITHIN_MS);
  process.kill(world.stack().pidOf('api'), 'SIGKILL');
  const killedAtMs = performance.now();
  const violations = await judgeFilm(world, pipeline, { status: 'succeeded' });
  const recoveredMs = performance.now() - killedAtMs;
  return { fired: begun !== undefined, recoveredMs, jobs: [], pipelines: [pipeline], violations };
}

async function killAll(world: World, { mark, random }: Episode): Promise<EpisodeResult> {
  const pipelines = await Promise.all(
    Array.from({ length: PIPELINES }, (_, index) => create(world, `${mark}-${index}-`)),
  );
  const [first] = pipelines;
  const begun = first && (await untilStep(world, { id: first.id, step: 'longer', as: isAtWork }));
  await pause(random.next() * ALL_KILLED_WITHIN_MS);
  const killedAtMs = performance.now();
  const fired = (await killEverything(world)) && begun !== undefined;
  await world.restart();
  const expected = { status: 'succeeded', mayFailWith: honestly };
  const judged = await Promise.all(pipelines.map((pipeline) => judgeFilm(world, pipeline, expected)));
  const recoveredMs = performance.now() - killedAtMs;
  return { fired, recoveredMs, jobs: [], pipelines, violations: judged.flat() };
}

function create(world: World, mark: string): Promise<AcceptedPipeline> {
  const { shot, extension, still, animation } = filmOf(world, mark);
  return createPipelineCaller(world).create({
    idempotencyKey: `key of ${mark}`,
    steps: [shot('shot'), extension('longer', 'shot'), still('still', 'longer'), animation('next', 'still')],
  });
}

const revivalsStatement = {
  name: 'revivals_of_pipeline',
  text: `select data->>'workflow' as workflow from pipeline_events where pipeline_id = $1 and type = 'pipeline.revived'`,
};

/** One pipeline stands at a slow job, another waits for a person, when the server and all that it knew are gone. */
async function loseFile(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const { database, sandbox } = world;
  const caller = createPipelineCaller(world);
  const film = filmOf(world, mark);
  const { shot, remix, still, approval } = film;
  const slow = { fault: 'stall', seconds: SLOW_SECONDS, promptIncludes: film.prompt('slow') };
  await sandbox.script({ call: 'submit', ...slow });
  const atWork = await caller.create({
    idempotencyKey: `key of ${mark} at work`,
    steps: [shot('shot'), remix('slow', 'shot'), still('still', 'slow')],
  });
  const waiting = await caller.create({
    idempotencyKey: `key of ${mark} waiting`,
    steps: [shot('first'), approval('agreed', 'first'), still('last', 'agreed')],
  });
  const polling = await untilStep(world, { id: atWork.id, step: 'slow', as: ({ phase }) => phase === 'polling' });
  const asked = await untilStep(world, { id: waiting.id, step: 'agreed', as: isAtWork });
  const isLost = await loseTemporal(world);
  const lostAtMs = performance.now();
  const isDecided = await caller.approve(waiting.id, 'agreed');

  const pipelines = [atWork, waiting];
  const judged = await Promise.all(pipelines.map((pipeline) => judgeFilm(world, pipeline, { status: 'succeeded' })));
  const recoveredMs = performance.now() - lostAtMs;
  const violations = judged.flat();
  for (const { id } of pipelines) {
    const rows = await database.run<{ workflow: string }>(revivalsStatement, [id]);
    if (!rows.some(({ workflow }) => workflow === 'not_found')) violations.push(`${id} was not revived as not_found`);
  }
  const fired = polling !== undefined && asked !== undefined && isLost && isDecided;
  return { fired, recoveredMs, jobs: [], pipelines, violations };
}
