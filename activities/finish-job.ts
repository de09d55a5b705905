import type { JobFailureCode } from '../contract/errors.js';
import type { JobState, ProviderCancel } from '../contract/states.js';
import { crashPoint } from '../runtime/crash-points.js';
import type { ActivityDeps } from './deps.js';

export type FinishInput = {
  jobId: string;
  ending: { state: 'succeeded' } | { state: 'failed'; errorCode: JobFailureCode } | { state: 'canceled' };
  providerCancel: ProviderCancel | null;
};

/** Ends the job and resolves its hold in one transaction. A second run answers what the first did. */
export async function finishJob(
  deps: ActivityDeps,
  input: FinishInput,
): Promise<{ state: JobState; capturedMicros: number }> {
  const { jobId, ending, providerCancel } = input;
  await crashPoint('S10', { jobId });
  const { queuedWebhooks, ...settled } = await deps.settlement.settle({ jobId, ...ending, providerCancel });
  // Its first try comes at once, and not with the dispatcher's next look.
  if (queuedWebhooks > 0) deps.wakeDispatcher();
  deps.logger.info({ jobId, state: settled.state, capturedMicros: settled.capturedMicros }, 'job ended');
  return settled;
}
