import type { LedgerEntry } from '../../sandbox/ledger.js';
import type { JobView } from '../caller.js';
import type { AcceptedJob } from '../cell.js';
import { traceOf } from '../trace.js';
import type { World } from '../world.js';

/** How a job must have ended. What is left out does not matter. */
export type Expected = {
  status: JobView['status'];
  code?: string;
  provider?: string;
  attempts?: number;
  /** Tasks that providers made, whatever they told. */
  accepted?: number;
};

const ENDED_WITHIN_MS = 120_000;

/** Waits for the end of a job and says what is wrong with it: it must be one of those that are expected. */
export async function judgeEnding(world: World, { id, prompt }: AcceptedJob, expected: Expected[]): Promise<string[]> {
  const job = await world.caller.ended(id, ENDED_WITHIN_MS);
  // A rare case may not come again for whoever reads the log.
  if (!job)
    return [`${id} has not ended within ${ENDED_WITHIN_MS / 1_000} s | ${await traceOf(world, { id, prompt })}`];
  const calls = await world.sandbox.ledger({ promptIncludes: prompt, call: 'submit' });
  const told = tell(job, calls);
  const isExpected = expected.some((each) => Object.entries(each).every(([name, value]) => told[name] === value));
  if (isExpected) return [];
  const ends = expected.map((each) => JSON.stringify(each)).join(' or ');
  return [`${id} ended as ${JSON.stringify(told)}, expected was ${ends} | ${await traceOf(world, { id, prompt })}`];
}

function tell(job: JobView, calls: LedgerEntry[]): Record<string, unknown> {
  return {
    status: job.status,
    ...(job.error && { code: job.error.code }),
    provider: job.provider,
    attempts: job.attempts,
    accepted: calls.filter(({ outcome }) => outcome === 'accepted').length,
  };
}
