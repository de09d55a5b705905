import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const LOOK_EVERY_MS = 50;
const BYTES_PER_MB = 1_048_576;
const STDERR = 2;

export type Guarded = { residentLimitMb: number; parentPid: number };

/**
 * Ends the process when it outgrows its memory or outlives its parent. Runs in a thread of its own, which goes on while the main thread is
 * stuck in a codec, and within the process, where it needs no /proc and no parent that is at leisure.
 */
const { residentLimitMb, parentPid }: Guarded = workerData;

setInterval(() => {
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL');
  if (process.memoryUsage.rss() <= residentLimitMb * BYTES_PER_MB) return;
  writeSync(STDERR, 'out of memory\n');
  process.kill(process.pid, 'SIGKILL');
}, LOOK_EVERY_MS);
