import { setTimeout as pause } from 'node:timers/promises';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { isAlive } from '../processes.js';
import type { World } from '../world.js';
import { countJobs, createMany, judgeMany, untilRunning } from './load.js';

const JOBS = 40;
const READERS = 8;
const ENDED_WITHIN_MS = 240_000;
const STOPPED_WITHIN_MS = 90_000;

/** `npm start` is asked to stop while callers create and read jobs. */
export const stopCells: Cell[] = [
  { name: 'machine/SIGTERM of everything', isAlone: true, most: 3, run: stopUnderLoad },
];

async function stopUnderLoad(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const creating = createMany(world, { mark, jobs: JOBS, atOnce: 8 });
  const isLoaded = await untilRunning(world, mark, 10);
  const readers = startReaders(world);
  await pause(500);
  const { pids } = world.stack();
  const { open } = await countJobs(world, mark);
  const reading = readers.count();
  const askedAtMs = performance.now();
  process.kill(pids.supervisor ?? 0, 'SIGTERM');
  const isDown = await untilGone(pids.supervisor ?? 0);
  const drainMs = performance.now() - askedAtMs;
  const failures = await readers.failures();
  await world.restart();
  const jobs = await creating;

  const violations = await judgeMany(world, jobs, { withinMs: ENDED_WITHIN_MS, mayEndAs: ['succeeded'] });
  if (!isDown) violations.push(`it did not stop within ${STOPPED_WITHIN_MS / 1_000} s`);
  violations.push(...failures.map((failure) => `a request that had begun failed: ${failure}`));
  const left = Object.entries(pids).filter(([, pid]) => isAlive(pid));
  violations.push(...left.map(([part]) => `${part} outlived the stop`));
  return { fired: isLoaded && open > 0 && reading === READERS, recoveredMs: drainMs, jobs, violations };
}

async function untilGone(pid: number): Promise<boolean> {
  const giveUpAtMs = performance.now() + STOPPED_WITHIN_MS;
  while (isAlive(pid) && performance.now() < giveUpAtMs) await pause(50);
  return !isAlive(pid);
}

/** Callers who read one job after the other, over connections that stay open. One who is not let in any more goes away. */
function startReaders({ caller }: World) {
  const failures: string[] = [];
  let running = 0;
  const read = async () => {
    running += 1;
    for (;;) {
      try {
        const response = await caller.send('GET', '/api/v1/videos/jobs?limit=5');
        await response.text();
        if (response.status >= 500) failures.push(`status ${response.status}`);
      } catch (error) {
        const cause = error instanceof Error ? error.cause : undefined;
        const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause ?? error);
        if (code !== 'ECONNREFUSED') failures.push(code);
        running -= 1;
        return;
      }
    }
  };
  const reading = Array.from({ length: READERS }, read);
  return {
    /** Those who are being served. */
    count: () => running,
    /** What befell requests that had begun, when all have gone away. */
    async failures() {
      await Promise.all(reading);
      return failures;
    },
  };
}
