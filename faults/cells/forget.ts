import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { AcceptedJob, Cell, Episode, EpisodeResult } from '../cell.js';
import { eventually } from '../patience.js';
import { killAll, killEverything, whileNothingIsRestarted } from '../processes.js';
import type { World } from '../world.js';
import { createMany, judgeMany, untilRunning } from './load.js';
import { judgeEnding } from './outcome.js';

const ENDED_WITHIN_MS = 240_000;
const STARTED_WITHIN_MS = 30_000;
const JOBS = 30;
const FEW_JOBS = 4;
/** Much longer than it takes until they all run, or until their workflow is terminated. */
const AT_WORK_SECONDS = 10;
const TERMINATED_WITHIN_MS = 4_000;
const SCHEDULE = 'reelay-sweep-providers';

/** Temporal forgets a job, or is made to: the rows remember it. */
export const forgetCells: Cell[] = [
  { name: 'temporal/file lost, 30 jobs', isAlone: true, most: 3, run: loseFile },
  { name: 'temporal/file lost while the rest goes on', isAlone: true, most: 3, run: loseFileAlone },
  { name: 'temporal/workflow terminated by hand', isAlone: false, run: terminate },
];

async function loseFile(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const creating = createMany(world, { mark, jobs: JOBS, atOnce: 10, lastSeconds: 10 });
  const isLoaded = await untilRunning(world, mark, JOBS);
  const { home } = world.stack();
  const killedAtMs = performance.now();
  // A file that a server still has must not go.
  const areDead = await killEverything(world);
  removeTemporalFile(home);
  await world.restart();
  const jobs = await creating;
  const violations = await judgeMany(world, jobs, {
    withinMs: ENDED_WITHIN_MS,
    mayEndAs: ['succeeded', 'failed submission_unknown'],
  });
  return { fired: isLoaded && areDead, recoveredMs: performance.now() - killedAtMs, jobs, violations };
}

/** Nothing but the Temporal server and its file goes. One job waits meanwhile and is cancelled, and one comes. */
async function loseFileAlone(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const { caller } = world;
  const creating = createMany(world, { mark, jobs: FEW_JOBS, atOnce: FEW_JOBS, lastSeconds: AT_WORK_SECONDS });
  const waiting = await create(world, { mark: `${mark}-waiting-`, more: { wait_seconds: 600 } });
  const isLoaded = await untilRunning(world, mark, FEW_JOBS);
  const isWaiting = await caller.seen(waiting.id, {
    as: ({ phase }) => phase === 'waiting',
    withinMs: STARTED_WITHIN_MS,
  });
  const isLost = await loseTemporal(world);
  const lostAtMs = performance.now();
  const during = await create(world, { mark: `${mark}-during-` });
  const isCanceled = await caller.cancel(waiting.id);
  const many = await creating;

  const violations = await judgeMany(world, [...many, during], {
    withinMs: ENDED_WITHIN_MS,
    mayEndAs: ['succeeded'],
  });
  violations.push(...(await judgeEnding(world, waiting, [{ status: 'canceled', attempts: 1, accepted: 1 }])));
  const recoveredMs = performance.now() - lostAtMs;
  for (const job of [...many, waiting]) violations.push(...(await judgeRevival(world, job, 'not_found')));
  const schedule = await eventually(() => world.temporal.schedule.getHandle(SCHEDULE).describe(), {
    withinMs: STARTED_WITHIN_MS,
  });
  if (!schedule) violations.push('the schedule of the standing sweep was not put back');
  const fired = isLoaded && isWaiting !== undefined && isLost && isCanceled;
  return { fired, recoveredMs, jobs: [...many, waiting, during], violations };
}

async function create(world: World, { mark, more = {} }: { mark: string; more?: Record<string, unknown> }) {
  return world.caller.create({ prompt: world.promptOf(mark), idempotencyKey: `key of ${mark}`, more });
}

/** Kills the Temporal server and takes its file away before it is started again. */
export function loseTemporal(world: World): Promise<boolean> {
  const { home, pidOf } = world.stack();
  return whileNothingIsRestarted(world, async () => {
    const isDead = await killAll([pidOf('temporal')]);
    removeTemporalFile(home);
    return isDead;
  });
}

function removeTemporalFile(home: string): void {
  for (const name of ['temporal.db', 'temporal.db-wal', 'temporal.db-shm']) rmSync(join(home, name), { force: true });
}

const revivalsStatement = {
  name: 'revivals_of_job',
  text: `select data->>'workflow' as workflow from job_events where job_id = $1 and type = 'job.revived'`,
};

/** What had become of its workflow must have been seen. */
async function judgeRevival({ database }: World, { id }: AcceptedJob, wanted: string): Promise<string[]> {
  const rows = await database.run<{ workflow: string }>(revivalsStatement, [id]);
  const seen = rows.map(({ workflow }) => workflow);
  return seen.includes(wanted) ? [] : [`${id} was not revived as ${wanted}: ${seen.join(', ') || 'never'}`];
}

async function terminate(world: World, { mark, random }: Episode): Promise<EpisodeResult> {
  const { caller, sandbox, temporal } = world;
  const prompt = world.promptOf(mark);
  await sandbox.script({ call: 'submit', fault: 'stall', seconds: AT_WORK_SECONDS, promptIncludes: prompt });
  const job = await caller.create({ prompt, idempotencyKey: `key of ${mark}` });
  await pause(random.next() * TERMINATED_WITHIN_MS);
  const terminated = await eventually(() => temporal.workflow.getHandle(job.id).terminate('by hand'), {
    withinMs: STARTED_WITHIN_MS,
  });
  const terminatedAtMs = performance.now();
  const violations = await judgeEnding(world, job, [
    { status: 'succeeded', attempts: 1, accepted: 1 },
    // Between a submit and its record.
    { status: 'failed', code: 'submission_unknown', attempts: 1, accepted: 1 },
  ]);
  violations.push(...(await judgeRevival(world, job, 'terminated')));
  return { fired: terminated !== undefined, recoveredMs: performance.now() - terminatedAtMs, jobs: [job], violations };
}
