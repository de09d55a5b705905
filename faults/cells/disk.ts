import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { eventually } from '../patience.js';
import type { World } from '../world.js';
import { judgeEnding } from './outcome.js';

const MET_WITHIN_MS = 30_000;
const FULL_FOR_MS = 4_000;
const PIECES = [1024 * 1024, 4 * 1024, 256];

const whyNot = ({ hasOwnDisk }: World) =>
  hasOwnDisk ? undefined : 'needs the right to mount a small file system for the artifacts';

export const diskCells: Cell[] = [
  { name: 'machine/disk full for a while', isAlone: true, most: 10, whyNot, run: fullForAWhile },
  { name: 'machine/disk full for good', isAlone: true, most: 2, whyNot, run: fullForGood },
];

async function fullForAWhile(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const disk = fill(world);
  try {
    const job = await world.caller.create({ prompt: world.promptOf(mark), idempotencyKey: `key of ${mark}` });
    const fired = await disk.isMet();
    await pause(FULL_FOR_MS);
    // What is stored already is served all the same.
    const list = await world.caller.send('GET', '/api/v1/videos/jobs?limit=1');
    disk.free();
    const freedAtMs = performance.now();
    const violations = await judgeEnding(world, job, [{ status: 'succeeded', attempts: 1, accepted: 1 }]);
    if (!list.ok) violations.push(`reading answered ${list.status} while the disk was full`);
    return { fired, recoveredMs: performance.now() - freedAtMs, jobs: [job], violations };
  } finally {
    disk.free();
  }
}

async function fullForGood(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const disk = fill(world);
  try {
    const job = await world.caller.create({ prompt: world.promptOf(mark), idempotencyKey: `key of ${mark}` });
    const fired = await disk.isMet();
    const violations = await judgeEnding(world, job, [{ status: 'failed', code: 'result_unavailable' }]);
    return { fired, recoveredMs: null, jobs: [job], violations };
  } finally {
    disk.free();
  }
}

/** Takes all the room that is left for artifacts. */
function fill(world: World) {
  const file = join(world.artifactsDir, 'ballast');
  const log = join(world.stack().home, 'logs', 'worker.log');
  const before = readFileSync(log).length;
  const descriptor = openSync(file, 'w');
  for (const bytes of PIECES) while (writes(descriptor, bytes));
  closeSync(descriptor);

  return {
    isMet: async () =>
      (await eventually(() => readFileSync(log).subarray(before).includes('ENOSPC') || undefined, {
        withinMs: MET_WITHIN_MS,
      })) ?? false,
    free: () => rmSync(file, { force: true }),
  };
}

function writes(descriptor: number, bytes: number): boolean {
  try {
    return writeSync(descriptor, Buffer.alloc(bytes)) === bytes;
  } catch {
    return false;
  }
}
