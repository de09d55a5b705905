import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityFailure,
  CancellationScope,
  ChildWorkflowFailure,
  condition,
  continueAsNew,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { StepState } from '../contract/pipeline.js';
import type { BegunStep, StepEnd, StepFacts, StepJob, VideoPipelineInput } from '../contract/pipeline-plan.js';
import type { TerminalState } from '../contract/states.js';
import { treeOf } from './describe-pipeline.js';
import { approvalDecided, pipelineState } from './messages.js';
import { nextSteps, type PipelineState } from './next-steps.js';
import { createPipelineSteps } from './pipeline-activities.js';
import { statusAttribute } from './search-attributes.js';
import { startStepJob } from './step-job.js';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

type Begun = Exclude<BegunStep, { kind: 'delayed' }>;
type Ended = Pick<StepEnd, 'state'> & Partial<Pick<StepEnd, 'provider' | 'costMicros' | 'errorCode'>>;

/** Carries the steps of a pipeline, each when what it needs is there, and ends when nothing is left that could be done. */
export async function videoPipeline(input: VideoPipelineInput): Promise<{ state: TerminalState }> {
  const activities = createPipelineSteps(input);
  // Whatever was at work when this run began is begun again: its row knows how far it has come.
  const states = new Map(input.steps.map(({ name, state }) => [name, isOpen(state) ? 'pending' : state]));
  const facts: Record<string, StepFacts> = { ...input.facts };
  const decided = new Set<string>();
  const jobs = new Map<string, CancellationScope>();
  const delayed = new Set<string>();
  const pauses = new Map<string, number>();
  let { isCancelRequested } = input;
  let begunCount = 0;
  let isChanged = true;

  CancellationScope.current().cancelRequested.catch(() => {
    isCancelRequested = true;
    isChanged = true;
    for (const scope of jobs.values()) scope.cancel();
  });
  setHandler(approvalDecided, ({ step }) => {
    decided.add(step);
  });
  setHandler(pipelineState, () => ({
    steps: stateNow().steps.map(({ name, state }) => ({ name, state })),
    isCancelRequested,
  }));

  // A cancel is a wish that the policy knows of; only the jobs are cancelled, each in a scope of its own.
  return CancellationScope.nonCancellable(async () => {
    for (;;) {
      isChanged = false;
      const state = stateNow();
      setCurrentDetails(treeOf(state, facts));
      const next = nextSteps(state);
      if (next.kind === 'finish') return finish(next.state);
      if (next.kind === 'continueAsNew') await continueAsNew<typeof videoPipeline>(whereWeAre(state));
      else if (next.begin.length + next.skip.length + next.cancel.length > 0) await advance(next);
      else await condition(() => isChanged);
    }
  });

  function stateNow(): PipelineState {
    const { maxParallel, onFailure, continueAfterSteps } = input;
    const isDraining =
      workflowInfo().continueAsNewSuggested || (continueAfterSteps !== undefined && begunCount >= continueAfterSteps);
    const steps = input.steps.map(({ name, kind, needs, state }) => ({
      name,
      kind,
      needs,
      state: states.get(name) ?? state,
      isDelayed: delayed.has(name),
    }));
    return { steps, maxParallel, onFailure, isCancelRequested, isDraining };
  }

  function whereWeAre({ steps }: PipelineState): VideoPipelineInput {
    const left = steps.map(({ name, kind, needs, state }) => ({ name, kind, needs, state }));
    return { ...input, steps: left, isCancelRequested, facts };
  }

  async function finish(state: TerminalState): Promise<{ state: TerminalState }> {
    note(await activities.finish(state));
    upsertSearchAttributes([{ key: statusAttribute, value: state }]);
    setCurrentDetails(treeOf(stateNow(), facts));
    return { state };
  }

  async function advance(next: { begin: string[]; skip: string[]; cancel: string[] }): Promise<void> {
    begunCount += next.begin.length;
    for (const name of next.skip) states.set(name, 'skipped');
    for (const name of next.cancel) states.set(name, 'canceled');
    const { ended, begun } = await activities.advance({ ...next, mayDelay: true });
    note(ended);
    for (const step of begun) {
      if (step.kind === 'delayed') {
        void delay(step.name);
        continue;
      }
      const { state } = begunAs(step);
      states.set(step.name, state);
      facts[step.name] = { ...facts[step.name], startedAtMs: facts[step.name]?.startedAtMs ?? Date.now() };
      // Each ends by itself: a job by its deadline, a file by its time-out, an approval by the time it was given.
      if (isOpen(state)) void carry(step).then((end) => settle(step.name, end));
      else settle(step.name, step.kind === 'ended' ? step.end : { state });
    }
  }

  /** The others go on meanwhile; a step that is to be passed over by then is not begun any more. */
  async function delay(name: string): Promise<void> {
    const pauseMs = pauses.get(name) ?? FIRST_PAUSE_MS;
    pauses.set(name, Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
    delayed.add(name);
    await sleep(pauseMs, { summary: `before ${name} is begun again` });
    delayed.delete(name);
    isChanged = true;
  }

  function begunAs(step: Begun): { state: StepState } {
    switch (step.kind) {
      case 'ended':
        return { state: step.end.state };
      case 'approval':
        return { state: 'waiting_approval' };
      case 'stopped':
        isCancelRequested = true;
        return { state: 'canceled' };
      case 'job':
      case 'media':
        return { state: 'running' };
    }
  }

  function carry(step: Begun): Promise<Ended> {
    switch (step.kind) {
      case 'job':
        return carryJob(step.name, step.job);
      case 'media':
        return carryFile(step.name);
      case 'approval':
        return carryApproval(step.name, step.remainingMs);
      case 'ended':
        return Promise.resolve(step.end);
      case 'stopped':
        return Promise.resolve({ state: 'canceled' });
    }
  }

  /** The job's own workflow, and another where that is lost. Of a job that may have ended in an earlier one, its row has the word. */
  async function carryJob(name: string, first: StepJob): Promise<Ended> {
    let job = first;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const ending = await runJob(name, job);
      if (ending && !job.mayHaveRun) return ending;
      const again = await beginAgain(name);
      if (again.kind === 'ended') return again.end;
      if (again.kind !== 'job') return { state: 'canceled' };
      job = again.job;
      await sleep(pauseMs, { summary: `before ${name} is started again` });
    }
  }

  async function beginAgain(name: string): Promise<BegunStep> {
    const { begun } = await activities.advance({ begin: [name] });
    const [step] = begun;
    if (!step) throw new Error(`${name} was not begun`);
    return step;
  }

  /** Nothing when its workflow was ended from outside, or an earlier one has not ended yet. */
  async function runJob(name: string, job: StepJob): Promise<Ended | undefined> {
    const scope = new CancellationScope();
    jobs.set(name, scope);
    try {
      return await scope.run(async () => {
        const child = await startStepJob({ name, job, input });
        if (isCancelRequested) scope.cancel();
        const ending = await child.result();
        return {
          state: ending.state,
          provider: job.provider,
          ...('errorCode' in ending && { errorCode: ending.errorCode }),
        };
      });
    } catch (error) {
      if (error instanceof ChildWorkflowFailure || error instanceof WorkflowExecutionAlreadyStartedError)
        return undefined;
      throw error;
    } finally {
      jobs.delete(name);
    }
  }

  async function carryFile(name: string): Promise<Ended> {
    try {
      return await activities.makeFile(name);
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      await activities.advance({ begin: [], fail: [name] });
      return { state: 'failed', errorCode: 'media_failed' };
    }
  }

  async function carryApproval(name: string, remainingMs: number): Promise<Ended> {
    for (let leftMs = remainingMs; ; ) {
      await condition(() => decided.has(name) || states.get(name) !== 'waiting_approval', Math.max(leftMs, 1));
      if (states.get(name) !== 'waiting_approval') return { state: states.get(name) ?? 'canceled' };
      decided.delete(name);
      const answer = await activities.answer(name);
      if (answer.end) return answer.end;
      leftMs = answer.remainingMs;
    }
  }

  function settle(name: string, { state, provider, costMicros, errorCode }: Ended): void {
    states.set(name, state);
    facts[name] = {
      ...facts[name],
      ...(provider && { provider }),
      ...(typeof costMicros === 'number' && { costMicros }),
      ...(errorCode && { errorCode }),
      finishedAtMs: Date.now(),
    };
    isChanged = true;
  }

  /** What the rows say of jobs that have ended: who made it, and the cost, which their workflows do not know. */
  function note(ended: readonly StepEnd[]): void {
    for (const { name, provider, costMicros } of ended) {
      facts[name] = { ...facts[name], ...(provider && { provider }), costMicros };
    }
  }
}

function isOpen(state: StepState): boolean {
  return state === 'running' || state === 'waiting_approval';
}
