import type { FailurePolicy, StepState } from '../contract/pipeline.js';
import type { PlannedStep } from '../contract/pipeline-plan.js';
import type { TerminalState } from '../contract/states.js';

type StepNow = Pick<PlannedStep, 'name' | 'kind' | 'needs' | 'state'> & {
  /** It could not be begun a moment ago, and is left alone for a while. */
  isDelayed?: boolean;
};

/** All that the way of a pipeline depends on. Plain data, so that every decision can be put in a table. */
export type PipelineState = {
  steps: readonly StepNow[];
  maxParallel: number;
  onFailure: FailurePolicy;
  isCancelRequested: boolean;
  /** Nothing begins any more until what runs has ended: then the workflow goes on as a new one. */
  isDraining: boolean;
};

export type NextSteps =
  /** Where all are empty, there is nothing to do but to wait. */
  | { kind: 'go'; begin: string[]; skip: string[]; cancel: string[] }
  | { kind: 'continueAsNew' }
  | { kind: 'finish'; state: TerminalState };

/** The whole policy of a pipeline: from where its steps are to what happens next. Pure. */
export function nextSteps(state: PipelineState): NextSteps {
  const { steps } = state;
  const isAtWork = steps.some((step) => step.state === 'running');
  if (state.isCancelRequested) {
    const cancel = namesOf(steps.filter(isUndone));
    if (cancel.length > 0 || isAtWork) return { kind: 'go', begin: [], skip: [], cancel };
    return { kind: 'finish', state: steps.every(hasSucceeded) ? 'succeeded' : 'canceled' };
  }

  const skip = skipped(state);
  const left = steps.filter((step) => isUndone(step) && !skip.includes(step.name));
  if (skip.length === 0 && left.length === 0 && !isAtWork) {
    return { kind: 'finish', state: steps.every(hasSucceeded) ? 'succeeded' : 'failed' };
  }
  if (!state.isDraining) return { kind: 'go', begin: beginning(state, left), skip, cancel: [] };
  return skip.length === 0 && !isAtWork ? { kind: 'continueAsNew' } : { kind: 'go', begin: [], skip, cancel: [] };
}

/** What cannot or is not to be done any more: after a failure everything, or all that needs what is not there. */
function skipped({ steps, onFailure }: PipelineState): string[] {
  const undone = steps.filter(isUndone);
  const lost = new Set(namesOf(steps.filter(({ state }) => isLost(state))));
  if (lost.size === 0) return [];
  if (onFailure === 'stop') return namesOf(undone);
  const skip: string[] = [];
  for (let found = true; found; ) {
    const more = undone.filter(({ name, needs }) => !lost.has(name) && needs.some((need) => lost.has(need)));
    for (const { name } of more) {
      lost.add(name);
      skip.push(name);
    }
    found = more.length > 0;
  }
  return skip;
}

/** In the order of the pipeline, as many as may run side by side. Who waits for a person takes nobody's place. */
function beginning({ steps, maxParallel }: PipelineState, left: readonly StepNow[]): string[] {
  const succeeded = new Set(namesOf(steps.filter(hasSucceeded)));
  const ready = left.filter(
    ({ state, needs, isDelayed }) => state === 'pending' && !isDelayed && needs.every((need) => succeeded.has(need)),
  );
  const places = maxParallel - steps.filter(({ state }) => state === 'running').length;
  const working = ready.filter(({ kind }) => kind !== 'approval').slice(0, Math.max(places, 0));
  return namesOf(ready.filter((step) => step.kind === 'approval' || working.includes(step)));
}

function isUndone({ state }: StepNow): boolean {
  return state === 'pending' || state === 'waiting_approval';
}

function hasSucceeded({ state }: StepNow): boolean {
  return state === 'succeeded';
}

function isLost(state: StepState): boolean {
  return state === 'failed' || state === 'skipped' || state === 'canceled';
}

function namesOf(steps: readonly StepNow[]): string[] {
  return steps.map(({ name }) => name);
}
