import type { Micros } from './money.js';
import type { FailurePolicy, StepKind, StepState } from './pipeline.js';
import type { VideoJobInput } from './plan.js';

/** A step as its pipeline's workflow knows it: ids, names and numbers only. */
export type PlannedStep = {
  name: string;
  kind: StepKind;
  /** The steps that must have succeeded before. */
  needs: string[];
  state: StepState;
};

/** What is told of a step that has been at work: who made it, what it cost, and how long it took. */
export type StepFacts = {
  provider?: string;
  costMicros?: Micros;
  errorCode?: string;
  startedAtMs?: number;
  finishedAtMs?: number;
};

/** What the workflow of a pipeline is started with, at first, after a loss, and where it goes on as a new one. */
export type VideoPipelineInput = {
  pipelineId: string;
  workspaceId: string;
  run: number;
  maxParallel: number;
  onFailure: FailurePolicy;
  steps: PlannedStep[];
  isCancelRequested: boolean;
  /** One frame or one joined video, with its turn. */
  mediaTimeoutMs: number;
  /** After so many steps the workflow goes on as a new one; where it is not set, when Temporal suggests it. */
  continueAfterSteps?: number;
  facts?: Record<string, StepFacts>;
};

/** A job that a step is carried out by, as its workflow is started. */
export type StepJob = {
  input: VideoJobInput;
  model: string;
  operation: string;
  provider: string;
  durationSeconds: number;
  /** There may have been a workflow of it before. */
  mayHaveRun: boolean;
};

/** How a step ended, in numbers and words that may stand in a history. */
export type StepEnd = {
  name: string;
  state: StepState;
  provider: string | null;
  costMicros: Micros;
  errorCode: string | null;
};

/**
 * What came of beginning a step. `stopped`: its pipeline is being cancelled, or this run of it has ended. `delayed`: something stands in its
 * way that may pass, and nothing of it exists yet.
 */
export type BegunStep = { name: string } & (
  | { kind: 'ended'; end: StepEnd }
  | { kind: 'job'; job: StepJob }
  | { kind: 'media' }
  | { kind: 'approval'; remainingMs: number }
  | { kind: 'stopped' }
  | { kind: 'delayed' }
);

/** Each run is a workflow of its own: the one before may still be about to close when a caller has it run again. */
export function pipelineWorkflowId({ id, run }: { id: string; run: number }): string {
  return run === 1 ? id : `${id}:${run}`;
}
