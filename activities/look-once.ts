import type { ActivityDeps } from './deps.js';
import { type LookInput, lookAndRecord, type VerdictOutcome, verdictOutcome } from './look.js';

/** The last look at a task that is being left: a late success is kept or its cost recorded. */
export async function lookOnce(deps: ActivityDeps, input: LookInput): Promise<VerdictOutcome | { kind: 'pending' }> {
  const look = await lookAndRecord(deps, input);
  return look.status === 'pending' ? { kind: 'pending' } : verdictOutcome(look);
}
