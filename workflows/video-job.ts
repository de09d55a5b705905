import {
  ActivityFailure,
  CancellationScope,
  isCancellation,
  patched,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { Route, VideoJobInput } from '../contract/plan.js';
import { createSteps } from './activities.js';
import { createBell } from './bell.js';
import { describeJob, storyOf } from './describe.js';
import {
  type JobEnding,
  type JobState,
  type Live,
  type Outcome,
  phaseOf,
  routeOf,
  type Step,
  startState,
} from './job-state.js';
import { jobState, providerCallback } from './messages.js';
import { maySkip, nextStep, revisit } from './next-step.js';
import { providerAttribute, statusAttribute } from './search-attributes.js';

/** Carries one accepted job through submit, wait, poll and download, and settles it exactly once. */
export async function videoJob(input: VideoJobInput): Promise<JobEnding> {
  let deadlineAtMs = Date.now() + input.timing.deadlineMs;
  const activities = createSteps(input);
  const bell = createBell();
  const story: string[] = [];
  let isCancelRequested = input.resumption?.isCancelRequested ?? false;
  let state = startState(input);

  CancellationScope.current().cancelRequested.catch(() => {
    isCancelRequested = true;
  });
  setHandler(jobState, () => describeJob({ state, story, isCancelRequested }));
  setHandler(providerCallback, ({ attempt }) => bell.ring(attempt));

  while (state.step.kind !== 'finish') {
    // Noticed between steps, too: a submit is never interrupted, because it may own a task that nobody knows of yet.
    if (isCancelRequested) state = after({ kind: 'interrupted', by: 'cancel' });
    else if (Date.now() >= deadlineAtMs) state = after({ kind: 'interrupted', by: 'deadline' });
    if (state.step.kind === 'finish') break;

    setCurrentDetails(storyOf(state, story));
    const outcome = await outcomeOf(state.step);
    const next = after(outcome);
    tell(state, outcome, next);
    state = next;
  }

  const { ending } = state.step;
  const settled = await CancellationScope.nonCancellable(() =>
    activities.finish({ ending, providerCancel: state.providerCancel }),
  );
  upsertSearchAttributes([{ key: statusAttribute, value: settled.state }]);
  story.push(settled.state);
  setCurrentDetails(storyOf(state, story));
  return ending;

  function after(outcome: Outcome): JobState {
    const next = nextStep(state, outcome);
    const again = revisit(next);
    // The patch is asked for only where it makes a difference, so that other histories have no trace of it.
    return again !== next && patched('revisit-abandoned') ? again : next;
  }

  async function outcomeOf(step: Exclude<Step, { kind: 'finish' }>): Promise<Outcome> {
    try {
      return await act(step);
    } catch (error) {
      // Only what we expect. Anything else is a bug: it stalls this workflow until it is mended, and settles nothing.
      if (isCancellation(error)) return { kind: 'interrupted', by: 'cancel' };
      if (error instanceof ActivityFailure) return outcomeOfFailure(step, Date.now() >= deadlineAtMs);
      throw error;
    }
  }

  async function act(step: Exclude<Step, { kind: 'finish' }>): Promise<Outcome> {
    const route = routeOf(state);
    const remainingMs = Math.max(deadlineAtMs - Date.now(), 1);
    switch (step.kind) {
      case 'submit':
        if (step.afterMs >= remainingMs && patched('deadline-ends-pause')) {
          await sleep(remainingMs, { summary: 'the rest of the time, too short for another try' });
          return { kind: 'interrupted', by: 'deadline' };
        }
        if (step.afterMs > 0) await sleep(step.afterMs, { summary: `pause before try ${step.attempt}` });
        // An answer to a submit is worth money: it is waited for, also by a cancelled job.
        return CancellationScope.nonCancellable(() =>
          activities.submit({ route, attempt: step.attempt, remainingMs, maySkip: maySkip(state) }),
        );
      case 'reconcile':
        return CancellationScope.nonCancellable(() => activities.reconcile({ route, attempt: step.attempt }));
      case 'hold': {
        const heldAtMs = Date.now();
        const outcome = await activities.hold({ route, attempt: step.attempt });
        deadlineAtMs += Date.now() - heldAtMs;
        return outcome;
      }
      case 'wait':
        return wait(step, { route, remainingMs });
      case 'poll':
        return poll({ route, live: step.live });
      case 'download':
        return activities.download({ live: step.live });
      // Steps that clean up are not cancellable themselves.
      case 'cancelAtProvider':
        return CancellationScope.nonCancellable(() => activities.cancelAtProvider({ live: step.live }));
      case 'lastLook':
        return CancellationScope.nonCancellable(() =>
          activities.lastLook({ live: step.live, isStalled: step.because === 'stalled' }),
        );
      case 'revisit':
        return CancellationScope.nonCancellable(() => activities.lastLook({ live: step.live, isStalled: false }));
    }
  }

  /** A callback ends it early. The provider is asked in any case, so a forged one changes nothing. */
  async function wait(
    { live, forMs }: Step & { kind: 'wait' },
    { route, remainingMs }: { route: Route; remainingMs: number },
  ): Promise<Outcome> {
    const summary = `wait before the first look at ${route.account}`;
    const sleeping = () => sleep(Math.min(forMs, remainingMs), { summary });
    const isRung =
      forMs > 0 && (bell.hasRung(live.attempt) || (await bell.orUntilRung(live.attempt, sleeping)) === 'rung');
    if (isRung) story.push(`${route.account} · called back`);
    return { kind: 'waited' };
  }

  /** One activity for all looks: "not yet" is its own retry with its own delay, so waiting writes no history. A callback makes it look now. */
  async function poll({ route, live }: { route: Route; live: Live }): Promise<Outcome> {
    const stallsAtMs = Date.now() + input.timing.stallMs;
    // What a callback breaks off, or a lost life of the job did, may have written down a verdict.
    for (let isFirstPoll = input.resumption === undefined; ; isFirstPoll = false) {
      const remainingMs = Math.max(Math.min(deadlineAtMs, stallsAtMs) - Date.now(), 1);
      const look = () => activities.poll({ route, live, remainingMs, isFirstPoll });
      const outcome = await bell.orUntilRung(live.attempt, look).catch(untilDeadline);
      if (outcome !== 'rung') return outcome;
      story.push(`${route.account} · called back`);
    }

    async function untilDeadline(error: unknown): Promise<Outcome | 'rung'> {
      const isGivenUp = error instanceof ActivityFailure && !isCancellation(error);
      const isTooEarly = deadlineAtMs <= stallsAtMs && Date.now() < deadlineAtMs;
      if (!isGivenUp || !isTooEarly || !patched('poll-until-deadline')) throw error;
      // Temporal gives up as soon as the next look would come after the end: the rest of the time is still the task's.
      const summary = 'the rest of the time, too short for another look';
      const sleeping = () => sleep(deadlineAtMs - Date.now(), { summary });
      const isRung = (await bell.orUntilRung(live.attempt, sleeping)) === 'rung';
      return isRung ? 'rung' : { kind: 'interrupted', by: 'deadline' };
    }
  }

  /** Keeps the story that operators read, and moves the search attribute when another provider takes over. */
  function tell(before: JobState, outcome: Outcome, now: JobState): void {
    const { account } = routeOf(before);
    if (outcome.kind !== 'waited') {
      const why = 'errorClass' in outcome ? ` (${outcome.errorClass})` : '';
      story.push(`${account} · ${phaseOf(before.step)} → ${outcome.kind}${why}`);
    }
    const next = routeOf(now).account;
    if (next !== account) upsertSearchAttributes([{ key: providerAttribute, value: next }]);
    const { step } = now;
    const isBack = step.kind === 'download' && step.orElse !== undefined;
    if (isBack) upsertSearchAttributes([{ key: providerAttribute, value: step.live.task.account }]);
  }
}

/** What it means that an activity gave up, after all its retries. */
function outcomeOfFailure(step: Exclude<Step, { kind: 'finish' }>, isPastDeadline: boolean): Outcome {
  switch (step.kind) {
    case 'submit':
      // Nobody can say whether it was sent: the attempt's row is read before anything else happens.
      return { kind: 'unknown' };
    case 'reconcile':
    case 'hold':
      return { kind: 'still_unknown' };
    case 'wait':
      return { kind: 'waited' };
    case 'poll':
      return isPastDeadline ? { kind: 'interrupted', by: 'deadline' } : { kind: 'stalled' };
    case 'download':
      return { kind: 'result_lost' };
    case 'cancelAtProvider':
      return { kind: 'left', providerCancel: 'unsupported' };
    case 'lastLook':
    case 'revisit':
      return { kind: 'pending' };
  }
}
