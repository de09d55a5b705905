import { setTimeout as pause } from 'node:timers/promises';
import type { AttemptRef } from '../contract/plan.js';
import type { Submission } from '../contract/provider.js';
import type { ActivityDeps } from './deps.js';

const TRY_FOR_MS = 10_000;
const PAUSE_MS = 200;

/**
 * Keeps the answer to a submit, through a database that is away for a moment. When it stays away the answer goes on without its row:
 * the workflow's history has the task, and every later step writes it again.
 */
export async function recordForAWhile(
  deps: ActivityDeps,
  record: AttemptRef & { submission: Submission },
): Promise<void> {
  const giveUpAtMs = Date.now() + TRY_FOR_MS;
  for (;;) {
    try {
      return await deps.attempts.recordSubmission(record);
    } catch (error) {
      const { jobId, attempt } = record;
      if (Date.now() >= giveUpAtMs) {
        deps.logger.error({ jobId, attempt, err: error }, 'the answer to a submit could not be recorded');
        return;
      }
      await pause(PAUSE_MS);
    }
  }
}
