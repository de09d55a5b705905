import type { JobFailureCode } from '../contract/errors.js';
import type { JobPlan, Resumption, Route } from '../contract/plan.js';
import type { ProviderTask } from '../contract/provider.js';
import type { ProviderErrorClass } from '../contract/provider-errors.js';
import type { JobPhase, ProviderCancel } from '../contract/states.js';

/** An accepted task that this job still owns. */
export type Live = { attempt: number; task: ProviderTask };

/** Why a task is left before its verdict. */
export type LeavingReason = 'stalled' | 'cancel' | 'deadline';

export type FailedEnding = { state: 'failed'; errorCode: JobFailureCode };
export type JobEnding = { state: 'succeeded' } | FailedEnding | { state: 'canceled' };

/** What the workflow does next. It decides nothing itself. */
export type Step =
  | { kind: 'submit'; attempt: number; afterMs: number }
  | { kind: 'reconcile'; attempt: number }
  /** Nobody knows, and an operator has the word. The job's clock stands still meanwhile. */
  | { kind: 'hold'; attempt: number }
  | { kind: 'wait'; live: Live; forMs: number }
  | { kind: 'poll'; live: Live }
  /** `orElse`: the job had come to its end when this late success was found. */
  | { kind: 'download'; live: Live; orElse?: FailedEnding }
  | { kind: 'cancelAtProvider'; live: Live; because: LeavingReason }
  | { kind: 'lastLook'; live: Live; because: LeavingReason }
  /** A task that was left before, looked at once more before the job fails. */
  | { kind: 'revisit'; live: Live; orElse: FailedEnding }
  | { kind: 'finish'; ending: JobEnding };

/**
 * What came of a step. `stopped`: the job was cancelled or had ended before its attempt was written down. `skipped`: this account is
 * left alone just now, and nothing was written down.
 */
export type Outcome =
  | { kind: 'accepted'; task: ProviderTask; lookAgainInMs?: number; isFinished?: boolean }
  | { kind: 'not_sent' | 'refused'; errorClass: ProviderErrorClass; retryAfterMs?: number }
  | { kind: 'unknown' | 'never_existed' | 'still_unknown' | 'stopped' | 'skipped' }
  | { kind: 'resolved'; as: 'fail' | 'failover' }
  | { kind: 'waited' }
  | { kind: 'succeeded' }
  | { kind: 'failed'; errorClass: ProviderErrorClass; mayBeCharged: boolean }
  | { kind: 'pending' | 'stalled' }
  | { kind: 'stored' }
  | { kind: 'result_lost' }
  | { kind: 'left'; providerCancel: ProviderCancel }
  | { kind: 'interrupted'; by: 'cancel' | 'deadline' };

/** All that a decision depends on. Plain data, so that every decision can be put in a table. */
export type JobState = {
  plan: ResumablePlan;
  step: Step;
  routeIndex: number;
  triesOnRoute: number;
  /** What providers may have billed so far. */
  spentMicros: number;
  /** An attempt was given up although nobody knows what became of it: a job does that once. */
  hasLeftUnknown: boolean;
  /** Tasks that were left for another provider, without the provider's word or without a file. */
  abandoned: readonly Live[];
  interruptedBy: 'cancel' | 'deadline' | null;
  providerCancel: ProviderCancel | null;
};

type ResumablePlan = JobPlan & { resumption?: Resumption };

/** A job that was started again begins at its last attempt: a submit that only asks what became of it. */
export function startState(plan: ResumablePlan): JobState {
  const { resumption } = plan;
  return {
    plan,
    step: { kind: 'submit', attempt: resumption?.attempt ?? 1, afterMs: 0 },
    routeIndex: resumption?.routeIndex ?? 0,
    triesOnRoute: resumption?.triesOnRoute ?? 1,
    spentMicros: resumption?.spentMicros ?? 0,
    hasLeftUnknown: resumption?.hasLeftUnknown ?? false,
    abandoned: resumption?.abandoned ?? [],
    interruptedBy: null,
    providerCancel: null,
  };
}

export function routeOf(state: JobState): Route {
  const route = state.plan.routes[state.routeIndex];
  if (!route) throw new Error(`the job has no route ${state.routeIndex}`);
  return route;
}

/** The number of the attempt that a step belongs to; 0 for the end. */
export function attemptOf(step: Step): number {
  if ('attempt' in step) return step.attempt;
  return 'live' in step ? step.live.attempt : 0;
}

/** What callers read while a step runs. */
export function phaseOf(step: Step): JobPhase {
  const phases = {
    submit: 'submitting',
    reconcile: 'reconciling',
    hold: 'reconciling',
    wait: 'waiting',
    poll: 'polling',
    download: 'downloading',
    cancelAtProvider: 'settling',
    lastLook: 'settling',
    revisit: 'settling',
    finish: 'settling',
  } as const satisfies Record<Step['kind'], JobPhase>;
  return phases[step.kind];
}
