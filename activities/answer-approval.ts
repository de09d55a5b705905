import type { StepEnd } from '../contract/pipeline-plan.js';
import { endOf } from './advance-pipeline.js';
import type { ActivityDeps } from './deps.js';

export type AnswerInput = { pipelineId: string; step: string };

/** Ends an approval that was decided, or whose time is over; else says how long is left. */
export async function answerApproval(
  { pipelines: { progress }, logger }: ActivityDeps,
  { pipelineId, step }: AnswerInput,
): Promise<{ end: StepEnd | null; remainingMs: number }> {
  const { remainingMs } = await progress.answer({ pipelineId, step });
  const row = await progress.step({ pipelineId, step });
  const end = (row && endOf(row)) ?? null;
  if (end) logger.info({ pipelineId, step, state: end.state }, 'an approval has ended');
  return { end, remainingMs };
}
