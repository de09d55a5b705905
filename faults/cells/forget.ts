import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { eventually } from '../patience.js';
import { isAlive } from '../processes.js';
import type { World } from '../world.js';
import { createMany, judgeMany, untilRunning } from './load.js';
import { judgeEnding } from './outcome.js';

const ENDED_WITHIN_MS = 240_000;
const STARTED_WITHIN_MS = 30_000;
const JOBS = 30;

/** Temporal forgets a job, or is made to: the rows remember it. */
export const forgetCells: Cell[] = [
  { name: 'temporal/file lost, 30 jobs', isAlone: true, most: 3, run: loseFile },
  { name: 'temporal/workflow terminated by hand', isAlone: false, run: terminate },
];

async function loseFile(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const creating = createMany(world, { mark, jobs: JOBS, atOnce: 10, lastSeconds: 10 });
  const isLoaded = await untilRunning(world, mark, JOBS);
  const { pids, home } = world.stack();
  const victims = Object.keys(pids).map((part) => world.stack().pidOf(part));
  for (const pid of victims) process.kill(pid, 'SIGKILL');
  const killedAtMs = performance.now();
  // A file that a server still has must not go.
  const isDead = await eventually(() => victims.every((pid) => !isAlive(pid)) || undefined, { withinMs: 5_000 });
  for (const name of ['temporal.db', 'temporal.db-wal', 'temporal.db-shm']) rmSync(join(home, name), { force: true });
  await world.restart();
  const jobs = await creating;
  const violations = await judgeMany(world, jobs, {
    withinMs: ENDED_WITHIN_MS,
    mayEndAs: ['succeeded', 'failed submission_unknown'],
  });
  return { fired: isLoaded && isDead === true, recoveredMs: performance.now() - killedAtMs, jobs, violations };
}

async function terminate(world: World, { mark, random }: Episode): Promise<EpisodeResult> {
  const { caller, sandbox, temporal } = world;
  const prompt = world.promptOf(mark);
  await sandbox.script({ call: 'submit', fault: 'stall', seconds: 5, promptIncludes: prompt });
  const job = await caller.create({ prompt, idempotencyKey: `key of ${mark}` });
  await pause(random.next() * 4_000);
  const terminated = await eventually(() => temporal.workflow.getHandle(job.id).terminate('by hand'), {
    withinMs: STARTED_WITHIN_MS,
  });
  const terminatedAtMs = performance.now();
  const violations = await judgeEnding(world, job, [
    { status: 'succeeded', attempts: 1, accepted: 1 },
    // Between a submit and its record.
    { status: 'failed', code: 'submission_unknown', attempts: 1, accepted: 1 },
  ]);
  return { fired: terminated !== undefined, recoveredMs: performance.now() - terminatedAtMs, jobs: [job], violations };
}
