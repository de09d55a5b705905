import type { JobPlan } from '../../contract/plan.js';
import { type JobState, type Outcome, routeOf, startState } from '../../workflows/job-state.js';
import { nextStep } from '../../workflows/next-step.js';
import { aPlan } from '../support/plans.js';

const task = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };

export const accepted = { kind: 'accepted', task } satisfies Outcome;
export const cancel: Outcome = { kind: 'interrupted', by: 'cancel' };
export const deadline: Outcome = { kind: 'interrupted', by: 'deadline' };
export const left: Outcome = { kind: 'left', providerCancel: 'unsupported' };

/** The state of a job to which this happened. */
export function having(outcomes: Outcome[], plan: JobPlan = aPlan()): JobState {
  return outcomes.reduce(nextStep, startState(plan));
}

/** `submit#2@second`: what the job does next, at which try, with whom. */
export function inWords(state: JobState): string {
  const { step } = state;
  if (step.kind === 'finish') {
    const { ending } = step;
    return ending.state === 'failed' ? `failed: ${ending.errorCode}` : ending.state;
  }
  const attempt = 'attempt' in step ? step.attempt : step.live.attempt;
  const because = 'because' in step ? ` because ${step.because}` : '';
  return `${step.kind}#${attempt}@${routeOf(state).account}${because}`;
}
