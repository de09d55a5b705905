import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { StepState } from '../contract/pipeline.js';
import type { JobPhase, ProviderCancel } from '../contract/states.js';

/** What a running job's workflow knows of itself. Ids, words and counts only. */
export type JobStateView = {
  step: string;
  phase: JobPhase;
  attempt: number;
  provider: string | null;
  isCancelRequested: boolean;
  providerCancel: ProviderCancel | null;
  /** One line per ended attempt, oldest first: `1 omixa: refused (RATE_LIMITED)`. */
  story: string[];
};

export const jobState = defineQuery<JobStateView>('jobState');

/** The provider of this attempt called back. Nobody is believed: it only says that a look is worth while. */
export const providerCallback = defineSignal<[{ attempt: number }]>('providerCallback');

/** What a running pipeline's workflow knows of itself. */
export type PipelineStateView = { steps: { name: string; state: StepState }[]; isCancelRequested: boolean };

export const pipelineState = defineQuery<PipelineStateView>('pipelineState');

/** Somebody decided about this step. What was decided stands in its row. */
export const approvalDecided = defineSignal<[{ step: string }]>('approvalDecided');
