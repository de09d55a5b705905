import { deniesTask } from '../contract/provider-errors.js';
import type { Providers } from '../providers/registry.js';
import type { Logger } from '../runtime/logger.js';
import type { Attempts } from '../store/attempts.js';
import type { WatchedTask, WatchList, WatchTimes } from '../store/watch-list.js';

type Deps = {
  watchList: WatchList;
  attempts: Pick<Attempts, 'recordFound' | 'recordVerdict'>;
  providers: Pick<Providers, 'get'>;
  logger: Logger;
  times: WatchTimes;
  lookTimeoutMs: number;
};

/** So many looks of each kind at once. What is due above that comes next. */
const BATCH = 20;

/**
 * Looks at the tasks whose job has ended without the provider's verdict, so that what they cost is known and booked. Nothing of what it
 * finds changes the job.
 */
export async function lookAtLeftTasks(deps: Deps, signal: AbortSignal): Promise<void> {
  for (;;) {
    const due = await deps.watchList.claim(BATCH, deps.times);
    await Promise.all(due.map((watched) => look(deps, watched)));
    if (due.length < BATCH || signal.aborted) return;
  }
}

async function look(deps: Deps, watched: WatchedTask): Promise<void> {
  const { job_id: jobId, number: attempt, task, is_claim: isClaim, is_last_look: isLastLook } = watched;
  const facts = { jobId, attempt, provider: task.account };
  try {
    const signal = AbortSignal.timeout(deps.lookTimeoutMs);
    const verdict = await deps.providers.get(task.account).look(task, { signal });
    if (isClaim && !(await deps.attempts.recordFound({ jobId, attempt, task }))) {
      deps.logger.info(facts, 'a late callback names a task of another');
      return await deps.watchList.end(watched);
    }
    if (verdict.status !== 'pending') {
      await deps.attempts.recordVerdict({ jobId, attempt, task, verdict });
      deps.logger.info({ ...facts, verdict: verdict.status }, 'a task that was left has ended');
      return await deps.watchList.end(watched);
    }
  } catch (error) {
    if (isClaim && deniesTask(error)) {
      deps.logger.info(facts, 'a late callback names a task that the provider does not know');
      return await deps.watchList.end(watched);
    }
    // A failed look is no verdict: an account without a key, or a provider that is away, is asked again like one that says "not yet".
    deps.logger.info({ ...facts, err: error }, 'a task that was left could not be looked at');
  }
  if (!isLastLook) return;
  await deps.watchList.end(watched);
  deps.logger.warn(facts, 'a task that was left is given up: what it costs stays unknown');
}
