import type { ProviderCancel } from '../contract/states.js';
import type { ActivityDeps } from './deps.js';
import type { LookInput } from './look.js';

/** Stops a task at its provider where that can be done. The attempt is left either way: what it may cost stays open until a verdict. */
export async function cancelTask(
  deps: ActivityDeps,
  { jobId, attempt, task, timeoutMs }: LookInput,
): Promise<{ kind: 'left'; providerCancel: ProviderCancel }> {
  const provider = deps.providers.get(task.account);
  const providerCancel = provider.cancel
    ? await provider.cancel(task, { signal: AbortSignal.timeout(timeoutMs) })
    : 'unsupported';
  await deps.attempts.abandon({ jobId, attempt, task });
  deps.logger.info({ jobId, attempt, provider: task.account, providerCancel }, 'task left');
  return { kind: 'left', providerCancel };
}
