import type { Config } from '../runtime/config.js';

/** Room for writing down an answer, and for telling Temporal. */
const RECORDING_MS = 15_000;

/**
 * How long a worker that is told to stop waits for what it has under way. A submit is never cut off while its answer may still come: its
 * job would be left with a task that nobody knows of.
 */
export function drainMs({ SUBMIT_TIMEOUT_MS, WORKER_GRACE_MS }: Pick<Config, 'SUBMIT_TIMEOUT_MS' | 'WORKER_GRACE_MS'>) {
  return Math.max(SUBMIT_TIMEOUT_MS, WORKER_GRACE_MS) + RECORDING_MS;
}
