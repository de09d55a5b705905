import type { JobFailureCode } from '../contract/errors.js';
import type { JobPlan, Route } from '../contract/plan.js';
import type { ProviderTask } from '../contract/provider.js';
import type { ProviderErrorClass } from '../contract/provider-errors.js';
import type { JobPhase, ProviderCancel } from '../contract/states.js';
import { failoverOf } from './failover.js';

/** An accepted task that this job still owns. */
export type Live = { attempt: number; task: ProviderTask };

/** Why a task is left before its verdict. */
export type LeavingReason = 'stalled' | 'cancel' | 'deadline';

export type JobEnding = { state: 'succeeded' } | { state: 'failed'; errorCode: JobFailureCode } | { state: 'canceled' };

/** What the workflow does next. It decides nothing itself. */
export type Step =
  | { kind: 'submit'; attempt: number; afterMs: number }
  | { kind: 'reconcile'; attempt: number }
  | { kind: 'wait'; live: Live; forMs: number }
  | { kind: 'poll'; live: Live }
  | { kind: 'download'; live: Live }
  | { kind: 'cancelAtProvider'; live: Live; because: LeavingReason }
  | { kind: 'lastLook'; live: Live; because: LeavingReason }
  | { kind: 'finish'; ending: JobEnding };

/**
 * What came of a step. `stopped`: the job was cancelled or had ended before its attempt was written down. `skipped`: this account is
 * left alone just now, and nothing was written down.
 */
export type Outcome =
  | { kind: 'accepted'; task: ProviderTask; lookAgainInMs?: number; isFinished?: boolean }
  | { kind: 'not_sent' | 'refused'; errorClass: ProviderErrorClass; retryAfterMs?: number }
  | { kind: 'unknown' | 'never_existed' | 'still_unknown' | 'stopped' | 'skipped' }
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
  plan: JobPlan;
  step: Step;
  routeIndex: number;
  triesOnRoute: number;
  /** What providers may have billed so far. */
  spentMicros: number;
  interruptedBy: 'cancel' | 'deadline' | null;
  providerCancel: ProviderCancel | null;
};

export function startState(plan: JobPlan): JobState {
  return {
    plan,
    step: { kind: 'submit', attempt: 1, afterMs: 0 },
    routeIndex: 0,
    triesOnRoute: 1,
    spentMicros: 0,
    interruptedBy: null,
    providerCancel: null,
  };
}

export function routeOf(state: JobState): Route {
  const route = state.plan.routes[state.routeIndex];
  if (!route) throw new Error(`the job has no route ${state.routeIndex}`);
  return route;
}

/** The whole policy of a job: from where it is and what just happened to what it does next. Pure. */
export function nextStep(state: JobState, outcome: Outcome): JobState {
  if (outcome.kind === 'interrupted') return interrupt(state, outcome.by);
  const { step } = state;
  switch (step.kind) {
    case 'submit':
    case 'reconcile':
      return afterSubmission(state, step.attempt, outcome);
    case 'wait':
      return { ...state, step: { kind: 'poll', live: step.live } };
    case 'poll':
      return afterVerdict(state, step.live, outcome);
    case 'download':
      if (outcome.kind === 'stored') return finish(state, { state: 'succeeded' });
      return failover(state, { errorCode: 'result_unavailable', sameAccount: false, afterMs: 0 });
    case 'cancelAtProvider': {
      const providerCancel = outcome.kind === 'left' ? outcome.providerCancel : 'unsupported';
      return { ...state, providerCancel, step: { ...step, kind: 'lastLook' } };
    }
    case 'lastLook':
      return afterLastLook(state, step, outcome);
    case 'finish':
      return state;
  }
}

function afterSubmission(state: JobState, attempt: number, outcome: Outcome): JobState {
  switch (outcome.kind) {
    case 'accepted': {
      const spentMicros = state.step.kind === 'reconcile' ? state.spentMicros : spentWith(state);
      const live = { attempt, task: outcome.task };
      const accepted = { ...state, spentMicros };
      if (state.interruptedBy) return leave(accepted, live, state.interruptedBy);
      if (outcome.isFinished) return { ...accepted, step: { kind: 'poll', live } };
      const { timing } = state.plan;
      const forMs = timing.firstLookMs ?? outcome.lookAgainInMs ?? routeOf(state).firstLookMs;
      return { ...accepted, step: { kind: 'wait', live, forMs } };
    }
    case 'unknown':
      return { ...state, spentMicros: spentWith(state), step: { kind: 'reconcile', attempt } };
    case 'still_unknown':
      if (state.interruptedBy === 'cancel') return finish(state, { state: 'canceled' });
      return finish(state, { state: 'failed', errorCode: 'submission_unknown' });
    case 'never_existed': {
      const unspent = { ...state, spentMicros: state.spentMicros - routeOf(state).costMicros };
      return failover(unspent, { errorCode: 'provider_unavailable', sameAccount: true, afterMs: 0 });
    }
    case 'not_sent':
    case 'refused': {
      const decision = failoverOf(outcome, { timing: state.plan.timing, route: routeOf(state), stage: 'submission' });
      return decision.kind === 'end' ? end(state, decision.errorCode) : failover(state, decision);
    }
    case 'skipped':
      return skip(state, attempt);
    default:
      // The row says that the job was cancelled or has ended: nothing was sent.
      return finish(state, { state: 'canceled' });
  }
}

function afterVerdict(state: JobState, live: Live, outcome: Outcome): JobState {
  if (outcome.kind === 'succeeded') return { ...state, step: { kind: 'download', live } };
  if (outcome.kind !== 'failed') return leave(state, live, 'stalled');
  const spentMicros = outcome.mayBeCharged ? state.spentMicros : state.spentMicros - routeOf(state).costMicros;
  const decision = failoverOf(outcome, { timing: state.plan.timing, route: routeOf(state), stage: 'generation' });
  const judged = { ...state, spentMicros };
  return decision.kind === 'end' ? end(judged, decision.errorCode) : failover(judged, decision);
}

function afterLastLook(state: JobState, step: Step & { kind: 'lastLook' }, outcome: Outcome): JobState {
  const isFinished = outcome.kind === 'succeeded';
  if (step.because === 'cancel' || state.interruptedBy === 'cancel') {
    const providerCancel = isFinished ? 'too_late' : state.providerCancel;
    return finish({ ...state, providerCancel }, { state: 'canceled' });
  }
  // A late success is paid for, so it is kept, also after the deadline.
  if (isFinished) return { ...state, providerCancel: null, step: { kind: 'download', live: step.live } };
  const left = { ...state, providerCancel: null };
  if (step.because === 'deadline') return finish(left, { state: 'failed', errorCode: 'deadline_exceeded' });
  if (outcome.kind === 'failed') return afterVerdict(left, step.live, outcome);
  return failover(left, { errorCode: 'deadline_exceeded', sameAccount: false, afterMs: 0 });
}

/** A cancel or the job's deadline. A step that owns a task, or may own one, is never skipped. */
function interrupt(state: JobState, by: 'cancel' | 'deadline'): JobState {
  // A cancel also stops the late success that is fetched after the deadline; nothing comes after a cancel.
  if (state.interruptedBy === 'cancel' || state.interruptedBy === by) return state;
  const interrupted = { ...state, interruptedBy: by };
  const { step } = state;
  switch (step.kind) {
    case 'submit':
      return end(interrupted, 'deadline_exceeded');
    case 'wait':
    case 'poll':
    case 'download':
      return leave(interrupted, step.live, by);
    case 'reconcile':
    case 'cancelAtProvider':
    case 'lastLook':
    case 'finish':
      return interrupted;
  }
}

type Failover = { errorCode: JobFailureCode; sameAccount: boolean; afterMs: number };

/** The next try within the limits: the same account while it has tries left, else the next route that the budget allows. */
function failover(state: JobState, { errorCode, sameAccount, afterMs }: Failover): JobState {
  if (state.interruptedBy) return end(state, 'deadline_exceeded');
  const { limits } = state.plan;
  const attempt = attemptOf(state.step) + 1;
  if (attempt > limits.triesPerJob) return end(state, errorCode);

  const staysHere = sameAccount && state.triesOnRoute < limits.triesPerProvider;
  const routeIndex = affordableFrom(state, staysHere ? state.routeIndex : state.routeIndex + 1);
  if (routeIndex < 0) return end(state, errorCode);

  const isSame = routeIndex === state.routeIndex;
  const step: Step = { kind: 'submit', attempt, afterMs: isSame ? afterMs : 0 };
  return { ...state, routeIndex, triesOnRoute: isSame ? state.triesOnRoute + 1 : 1, step };
}

/** Whether a try may pass over the route where it stands: another is left. The last one is asked however its account does. */
export function maySkip(state: JobState): boolean {
  return affordableFrom(state, state.routeIndex + 1) >= 0;
}

/** The same try at the next route, never back; it costs no try, as nobody was asked. */
function skip(state: JobState, attempt: number): JobState {
  const routeIndex = affordableFrom(state, state.routeIndex + 1);
  const step: Step = { kind: 'submit', attempt, afterMs: 0 };
  return routeIndex < 0 ? { ...state, step } : { ...state, routeIndex, triesOnRoute: 1, step };
}

/** The first route from `firstIndex` on that the budget allows; -1 when there is none. */
function affordableFrom({ plan, spentMicros }: JobState, firstIndex: number): number {
  const { routes, limits } = plan;
  return routes.findIndex(
    ({ costMicros }, index) => index >= firstIndex && spentMicros + costMicros <= limits.spendMicros,
  );
}

function leave(state: JobState, live: Live, because: LeavingReason): JobState {
  return { ...state, step: { kind: 'cancelAtProvider', live, because } };
}

function end(state: JobState, errorCode: JobFailureCode): JobState {
  if (state.interruptedBy === 'cancel') return finish(state, { state: 'canceled' });
  return finish(state, { state: 'failed', errorCode: state.interruptedBy ? 'deadline_exceeded' : errorCode });
}

function finish(state: JobState, ending: JobEnding): JobState {
  return { ...state, step: { kind: 'finish', ending } };
}

function spentWith(state: JobState): number {
  return state.spentMicros + routeOf(state).costMicros;
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
    wait: 'waiting',
    poll: 'polling',
    download: 'downloading',
    cancelAtProvider: 'settling',
    lastLook: 'settling',
    finish: 'settling',
  } as const satisfies Record<Step['kind'], JobPhase>;
  return phases[step.kind];
}
