import type { AttemptRef, Route } from '../contract/plan.js';
import type { ActivityDeps } from './deps.js';
import { notReady } from './failure.js';
import { recordedOutcome, type SubmitOutcome } from './submit-generation.js';

export type ReconcileInput = AttemptRef & {
  route: Route;
  /** How long a lost answer is looked for, from the moment the attempt was intended. */
  graceMs: number;
  /** How long a first run may still be sending. */
  submitTimeoutMs: number;
  timeoutMs: number;
};

export type ReconcileOutcome = SubmitOutcome | { kind: 'never_existed' } | { kind: 'still_unknown' };

const LOOK_EVERY_MS = 1_000;

/** Finds out what became of an attempt whose answer was lost: from our own row first, then from the provider, until the grace time is over. */
export async function reconcileSubmission(deps: ActivityDeps, input: ReconcileInput): Promise<ReconcileOutcome> {
  const { jobId, attempt, route } = input;
  // Without a row nothing was sent; writing it now keeps a late first run from sending.
  const intent = await deps.attempts.intend({ jobId, attempt, route });
  if (intent.kind === 'stopped') return { kind: 'stopped' };
  if (intent.kind === 'inserted') {
    const error = { class: 'NETWORK', message: 'no run of this attempt had begun' } as const;
    await deps.attempts.recordSubmission({ jobId, attempt, submission: { outcome: 'not_sent', error } });
    return { kind: 'never_existed' };
  }
  const row = intent.attempt;
  const recorded = recordedOutcome(row);
  if (recorded) return recorded;

  const ageMs = row.age_ms;
  if (ageMs < input.submitTimeoutMs && row.answered_at === null)
    throw notReady('the first run may still record', LOOK_EVERY_MS);
  const found = await askProvider(deps, input, row.intended_at);
  if (found) return found;
  if (ageMs < input.graceMs) throw notReady('the provider does not know yet', LOOK_EVERY_MS);
  deps.logger.warn(
    { jobId, attempt, provider: route.account },
    'it stays unknown whether the provider took the attempt',
  );
  return { kind: 'still_unknown' };
}

async function askProvider(
  deps: ActivityDeps,
  input: ReconcileInput,
  intendedAt: Date,
): Promise<ReconcileOutcome | undefined> {
  const { jobId, attempt, route } = input;
  const provider = deps.providers.get(route.account);
  if (!provider.reconcile) return undefined;
  const lost = { attemptKey: `${jobId}:${attempt}`, intendedAt, upstreamModel: route.upstreamModel };
  const answer = await provider.reconcile(lost, { signal: AbortSignal.timeout(input.timeoutMs) });
  switch (answer.outcome) {
    case 'accepted':
      await deps.attempts.recordSubmission({ jobId, attempt, submission: answer });
      return { kind: 'accepted', task: answer.task };
    case 'never_existed': {
      const error = { class: 'NETWORK', message: 'the provider says that it never took this attempt' } as const;
      await deps.attempts.recordSubmission({ jobId, attempt, submission: { outcome: 'not_sent', error } });
      return { kind: 'never_existed' };
    }
    case 'still_unknown':
      return undefined;
  }
}
