import type { ActivityDeps } from './deps.js';
import { type LookInput, lookAndRecord, type VerdictOutcome, verdictOutcome } from './look.js';
import { reportStall } from './provider-health.js';

export type LastLookInput = LookInput & {
  /** It is left because it was silent for too long; absent in jobs that began before that was counted. */
  isStalled?: boolean;
};

/** The last look at a task that is being left: a late success is kept or its cost recorded. */
export async function lookOnce(
  deps: ActivityDeps,
  { isStalled, ...input }: LastLookInput,
): Promise<VerdictOutcome | { kind: 'pending' }> {
  const look = await lookAndRecord(deps, input);
  // What it failed of now may be our own cancel, so nothing but the stall is counted.
  if (isStalled && look.status !== 'succeeded') await reportStall(deps, input);
  return look.status === 'pending' ? { kind: 'pending' } : verdictOutcome(look);
}
