import type { ProviderTask, VideoProvider } from '../contract/provider.js';
import { deniesTask } from '../contract/provider-errors.js';
import type { AttemptRow } from '../store/attempts.js';
import type { ActivityDeps } from './deps.js';

type Search = { row: AttemptRow; provider: VideoProvider; timeoutMs: number };

/**
 * The task of an attempt whose answer was lost, as a callback names it. A callback is a claim: the provider must know the task, and no other
 * attempt may own it. @throws LookError when the provider could not be asked
 */
export async function findCalledBackTask(
  deps: ActivityDeps,
  { row, provider, timeoutMs }: Search,
): Promise<ProviderTask | undefined> {
  const { job_id: jobId, number: attempt, account, upstream_model: upstreamModel, callback_task_id: id } = row;
  if (id === null) return undefined;
  const task = { account, upstreamModel, id };
  const isKnown = await provider.look(task, { signal: AbortSignal.timeout(timeoutMs) }).then(
    () => true,
    (error: unknown) => {
      if (deniesTask(error)) return false;
      throw error;
    },
  );
  if (isKnown && (await deps.attempts.recordFound({ jobId, attempt, task }))) {
    deps.logger.info({ jobId, attempt, provider: account, task: id }, 'a callback told of a lost task');
    return task;
  }
  deps.logger.debug({ jobId, attempt, provider: account, isKnown }, 'a callback names a task of nobody or of another');
  return undefined;
}
