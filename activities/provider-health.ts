import { setTimeout as pause } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { AttemptRef, LiveAttempt, Route } from '../contract/plan.js';
import type { Look, Submission } from '../contract/provider.js';
import type { HealthReport } from '../store/provider-health.js';
import type { ActivityDeps } from './deps.js';

/** A report is waited for as long as this: the answer it is about is worth more, and must not be late for it. */
const REPORT_WITHIN_MS = 1_000;

type Try = AttemptRef & { route: Route; maySkip?: boolean };

/** Whether a try is sent where it stands. `trial`: it is sent although its account had trouble, so it says how the account does now. */
export async function admitTry(deps: ActivityDeps, input: Try): Promise<'send' | 'trial' | 'skip'> {
  const { jobId, attempt, route, maySkip } = input;
  try {
    const admission = await deps.health.admit(route);
    if (admission === 'closed') return 'send';
    // Only a first run may skip: an earlier one that is merely slow might still send, and the job would be bought twice.
    if (admission === 'trial' || !maySkip || Context.current().info.attempt > 1) return 'trial';
    if (await deps.attempts.find({ jobId, attempt })) return 'trial';
    deps.logger.info({ jobId, attempt, provider: route.account }, 'provider skipped, its breaker is open');
    return 'skip';
  } catch (error) {
    deps.logger.warn({ jobId, attempt, provider: route.account, err: error }, 'the health of a provider is not known');
    return 'send';
  }
}

/** Says what the answer to a submit means for its account. To be called when the attempt is recorded. */
export async function reportSubmission(
  deps: ActivityDeps,
  { route, submission, isTrial, ...ref }: Try & { submission: Submission; isTrial: boolean },
): Promise<void> {
  const { account, upstreamModel } = route;
  const stage = 'submission';
  switch (submission.outcome) {
    case 'accepted':
      return report(deps, ref, { account, upstreamModel, stage, outcome: 'done', isTrial });
    case 'refused':
      return report(deps, ref, { account, upstreamModel, stage, outcome: submission.error.class, isTrial });
    case 'unknown':
      return report(deps, ref, { account, upstreamModel, stage, outcome: 'OUTCOME_UNKNOWN', isTrial });
    case 'not_sent':
      // Anything but the network is trouble of this worker: a missing credential or a missing input.
      if (submission.error.class !== 'NETWORK') return;
      return report(deps, ref, { account, upstreamModel, stage, outcome: 'NETWORK', isTrial });
  }
}

type Verdict = Exclude<Look, { status: 'pending' }>;

/** Says what a provider's word on a task means for its account. To be called when the word is recorded. */
export function reportVerdict(
  deps: ActivityDeps,
  { task, verdict, ...ref }: LiveAttempt & { verdict: Verdict },
): Promise<void> {
  const { account, upstreamModel } = task;
  const outcome = verdict.status === 'succeeded' ? 'done' : verdict.error.class;
  return report(deps, ref, { account, upstreamModel, stage: 'generation', outcome });
}

/** Counts a task that its provider never decided on. */
export function reportStall(deps: ActivityDeps, { task, ...ref }: LiveAttempt): Promise<void> {
  const { account, upstreamModel } = task;
  return report(deps, ref, { account, upstreamModel, stage: 'generation', outcome: 'stalled' });
}

async function report(deps: ActivityDeps, { jobId, attempt }: AttemptRef, said: HealthReport): Promise<void> {
  const { account: provider, upstreamModel, stage, outcome } = said;
  const facts = { jobId, attempt, provider, upstreamModel };
  const reporting = deps.health.report(said).then(
    (change) => {
      if (change === 'opened') deps.logger.warn({ ...facts, stage, reason: outcome }, 'provider breaker opened');
      if (change === 'closed') deps.logger.info(facts, 'provider breaker closed');
    },
    (error: unknown) => deps.logger.warn({ ...facts, err: error }, 'the health of a provider could not be recorded'),
  );
  await Promise.race([reporting, pause(REPORT_WITHIN_MS, undefined, { ref: false })]);
}
