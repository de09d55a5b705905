import { setTimeout as pause } from 'node:timers/promises';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { isAlive, killEverything } from '../processes.js';
import type { World } from '../world.js';
import { countJobs, createMany, judgeMany, untilRunning } from './load.js';

const ENDED_WITHIN_MS = 240_000;
const AWAY_FOR_MS = 30_000;
const KILL_EVERY_MS = 4_000;
const KILLS = 10;
const ENOUGH_KILLS = 5;
const GIVE_UP_AFTER_MS = 90_000;
/** A worker that dies between a submit and its record leaves a job whose submit nobody can tell of. */
const honestly = ['succeeded', 'failed submission_unknown'];

/** Processes die, are away, or are asked to go, while many jobs are under way. */
export const machineCells: Cell[] = [
  { name: 'machine/all killed at once, 100 jobs', isAlone: true, most: 3, run: killAll },
  { name: 'machine/postgres away for 30 s', isAlone: true, most: 2, run: postgresAway },
  { name: 'machine/worker killed every 4 s', isAlone: true, most: 2, run: killWorkerOften },
];

async function killAll(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const creating = createMany(world, { mark, jobs: 100, atOnce: 25, lastSeconds: 10 });
  const isLoaded = await untilRunning(world, mark, 100);
  const killedAtMs = performance.now();
  const fired = (await killEverything(world)) && isLoaded;
  await world.restart();
  const jobs = await creating;
  const violations = await judgeMany(world, jobs, { withinMs: ENDED_WITHIN_MS, mayEndAs: honestly });
  return { fired, recoveredMs: performance.now() - killedAtMs, jobs, violations };
}

async function postgresAway(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const creating = createMany(world, { mark, jobs: 60, atOnce: 4, everyMs: 1_000, lastSeconds: 3 });
  const isLoaded = await untilRunning(world, mark, 4);
  const before = world.stack().pidOf('api');
  const endsAtMs = performance.now() + AWAY_FOR_MS;
  const killed = new Set<number>();
  while (performance.now() < endsAtMs) {
    const pid = world.stack().pidOf('postgres');
    if (isAlive(pid)) {
      process.kill(pid, 'SIGKILL');
      killed.add(pid);
    }
    await pause(20);
  }
  const backAtMs = performance.now();
  const jobs = await creating;
  const violations = await judgeMany(world, jobs, { withinMs: ENDED_WITHIN_MS, mayEndAs: honestly });
  if (world.stack().pidOf('api') !== before) violations.push('the api had to be started again');
  return { fired: isLoaded && killed.size > 1, recoveredMs: performance.now() - backAtMs, jobs, violations };
}

async function killWorkerOften(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const creating = createMany(world, { mark, jobs: 120, atOnce: 4, everyMs: 1_500, lastSeconds: 5 });
  await untilRunning(world, mark, 2);
  let kills = 0;
  // The supervisor waits longer each time before it starts what dies so often.
  const giveUpAtMs = performance.now() + GIVE_UP_AFTER_MS;
  while (kills < KILLS && performance.now() < giveUpAtMs && (await countJobs(world, mark)).open > 0) {
    const pid = world.stack().pidOf('worker');
    if (!isAlive(pid)) {
      await pause(100);
      continue;
    }
    await pause(KILL_EVERY_MS);
    if (!isAlive(pid)) continue;
    process.kill(pid, 'SIGKILL');
    kills += 1;
  }
  const lastAtMs = performance.now();
  const jobs = await creating;
  const violations = await judgeMany(world, jobs, { withinMs: ENDED_WITHIN_MS, mayEndAs: honestly });
  return { fired: kills >= ENOUGH_KILLS, recoveredMs: performance.now() - lastAtMs, jobs, violations };
}
