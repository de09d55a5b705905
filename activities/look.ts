import type { AttemptRef } from '../contract/plan.js';
import type { Look, ProviderTask } from '../contract/provider.js';
import type { ProviderErrorClass } from '../contract/provider-errors.js';
import type { ActivityDeps } from './deps.js';

export type LookInput = AttemptRef & { task: ProviderTask; timeoutMs: number };

/** The provider's word on a task, as the workflow needs it. Addresses and texts stay in the attempt's row. */
export type VerdictOutcome =
  | { kind: 'succeeded' }
  | { kind: 'failed'; errorClass: ProviderErrorClass; mayBeCharged: boolean };

/** Looks once and keeps what was seen. @throws LookError when the look itself failed. */
export async function lookAndRecord(deps: ActivityDeps, { jobId, attempt, task, timeoutMs }: LookInput): Promise<Look> {
  const look = await deps.providers.get(task.account).look(task, { signal: AbortSignal.timeout(timeoutMs) });
  if (look.status === 'pending') await deps.attempts.recordLook({ jobId, progress: look.progress });
  else await deps.attempts.recordVerdict({ jobId, attempt, task, verdict: look });
  return look;
}

export function verdictOutcome(verdict: Exclude<Look, { status: 'pending' }>): VerdictOutcome {
  if (verdict.status === 'succeeded') return { kind: 'succeeded' };
  return { kind: 'failed', errorClass: verdict.error.class, mayBeCharged: verdict.charged !== false };
}
