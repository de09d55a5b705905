import { Context } from '@temporalio/activity';
import type { AttemptRef } from '../contract/plan.js';
import type { AttemptRow } from '../store/attempts.js';
import type { ActivityDeps } from './deps.js';
import type { VerdictOutcome } from './look.js';

/** Whether an earlier life of the job came to an end with this attempt, so that there is nothing to wait for. */
export function isOver({ state }: Pick<AttemptRow, 'state'>): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'abandoned';
}

/**
 * What an earlier life of the job, whose history was lost, wrote down of a task, or a poll that a callback broke off. Its provider may have
 * forgotten it by now, and waiting for it once more would take the time of the task that came after it.
 */
export async function recordedVerdict(
  deps: ActivityDeps,
  ref: AttemptRef,
): Promise<VerdictOutcome | { kind: 'stalled' } | undefined> {
  if (Context.current().info.attempt > 1) return undefined;
  const row = await deps.attempts.find(ref);
  switch (row?.state) {
    case 'succeeded':
      return { kind: 'succeeded' };
    case 'failed':
      return {
        kind: 'failed',
        errorClass: row.failure?.class ?? 'PROVIDER_INTERNAL',
        mayBeCharged: row.charged !== 'no',
      };
    case 'abandoned':
      return { kind: 'stalled' };
    default:
      return undefined;
  }
}
