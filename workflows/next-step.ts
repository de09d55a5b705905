import type { JobFailureCode } from '../contract/errors.js';
import { failoverOf } from './failover.js';
import {
  attemptOf,
  type JobEnding,
  type JobState,
  type LeavingReason,
  type Live,
  type Outcome,
  routeOf,
  type Step,
} from './job-state.js';

/** The whole policy of a job: from where it is and what just happened to what it does next. Pure. */
export function nextStep(state: JobState, outcome: Outcome): JobState {
  if (outcome.kind === 'interrupted') return interrupt(state, outcome.by);
  const { step } = state;
  switch (step.kind) {
    case 'submit':
    case 'reconcile':
    case 'hold':
      return afterSubmission(state, step.attempt, outcome);
    case 'wait':
      return { ...state, step: { kind: 'poll', live: step.live } };
    case 'poll':
      return afterVerdict(state, step.live, outcome);
    case 'download':
      if (outcome.kind === 'stored') return finish(state, { state: 'succeeded' });
      if (step.orElse) return finish(state, step.orElse);
      return abandon(state, step.live, 'result_unavailable');
    case 'cancelAtProvider': {
      const providerCancel = outcome.kind === 'left' ? outcome.providerCancel : 'unsupported';
      return { ...state, providerCancel, step: { ...step, kind: 'lastLook' } };
    }
    case 'lastLook':
      return afterLastLook(state, step, outcome);
    case 'revisit':
      return afterRevisit(state, step, outcome);
    case 'finish':
      return state;
  }
}

function afterSubmission(state: JobState, attempt: number, outcome: Outcome): JobState {
  switch (outcome.kind) {
    case 'accepted': {
      const spentMicros = state.step.kind === 'submit' ? spentWith(state) : state.spentMicros;
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
      return afterGrace(state, attempt);
    case 'resolved':
      return outcome.as === 'failover' ? leaveUnknown(state) : failAsUnknown(state);
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

/** The grace time, or the time for an operator, is over. */
function afterGrace(state: JobState, attempt: number): JobState {
  const policy = state.step.kind === 'hold' ? 'fail' : (state.plan.unknownPolicy ?? 'fail');
  // Who cancelled does not wait for an operator; who is late does, because the deadline says nothing about the money.
  if (state.interruptedBy === 'cancel') return failAsUnknown(state);
  switch (policy) {
    case 'fail':
      return failAsUnknown(state);
    case 'failover':
      return leaveUnknown(state);
    case 'hold':
      return { ...state, step: { kind: 'hold', attempt } };
  }
}

function failAsUnknown(state: JobState): JobState {
  if (state.interruptedBy === 'cancel') return finish(state, { state: 'canceled' });
  return finish(state, { state: 'failed', errorCode: 'submission_unknown' });
}

/** Goes on with the next route at the risk of one duplicate: what the lost attempt may cost stays counted, and a second is not risked. */
function leaveUnknown(state: JobState): JobState {
  if (state.hasLeftUnknown || state.interruptedBy) return failAsUnknown(state);
  const left = { ...state, hasLeftUnknown: true };
  return failover(left, { errorCode: 'submission_unknown', sameAccount: false, afterMs: 0 });
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
  return abandon(left, step.live, 'deadline_exceeded');
}

/** Goes on without a task, and remembers it where the job does go on. */
function abandon(state: JobState, live: Live, errorCode: JobFailureCode): JobState {
  const next = failover(state, { errorCode, sameAccount: false, afterMs: 0 });
  return next.step.kind === 'submit' ? { ...next, abandoned: [...state.abandoned, live] } : next;
}

/** Before a job fails it looks once more at what it left: a late success is paid for, so it is kept. Else the state as it is. */
export function revisit(state: JobState): JobState {
  const [live, ...abandoned] = state.abandoned;
  const { step } = state;
  if (step.kind !== 'finish' || step.ending.state !== 'failed' || !live) return state;
  return { ...state, abandoned, step: { kind: 'revisit', live, orElse: step.ending } };
}

function afterRevisit(state: JobState, { live, orElse }: Step & { kind: 'revisit' }, outcome: Outcome): JobState {
  if (state.interruptedBy === 'cancel') {
    return finish(
      { ...state, providerCancel: outcome.kind === 'succeeded' ? 'too_late' : null },
      { state: 'canceled' },
    );
  }
  if (outcome.kind === 'succeeded') return { ...state, step: { kind: 'download', live, orElse } };
  return finish(state, orElse);
}

/**
 * A cancel or the job's deadline. A step that owns a task, or may own one, is never skipped. A hold ends with a cancel and not with the
 * deadline: its own time is long, and money waits for a word on it.
 */
function interrupt(state: JobState, by: 'cancel' | 'deadline'): JobState {
  // A cancel also stops the late success that is fetched after the deadline; nothing comes after a cancel.
  if (state.interruptedBy === 'cancel' || state.interruptedBy === by) return state;
  const interrupted = { ...state, interruptedBy: by };
  const { step } = state;
  switch (step.kind) {
    case 'submit':
      // A resumed attempt may own a task, which is asked for first.
      if (step.attempt === state.plan.resumption?.attempt) return interrupted;
      return end(interrupted, 'deadline_exceeded');
    case 'hold':
      return by === 'cancel' ? finish(interrupted, { state: 'canceled' }) : state;
    case 'wait':
    case 'poll':
    case 'download':
      return leave(interrupted, step.live, by);
    case 'reconcile':
    case 'cancelAtProvider':
    case 'lastLook':
    case 'revisit':
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
