import type { StepEnd } from '../contract/pipeline-plan.js';
import type { TerminalState } from '../contract/states.js';
import type { ActivityDeps } from './deps.js';
import { notReady } from './failure.js';

export type FinishPipelineInput = { pipelineId: string; run: number; state: TerminalState };

const LOOK_AGAIN_MS = 1_000;

/** Ends the run and gives back what is left of its reserve, in one transaction. A second run of this changes nothing. */
export async function finishPipeline(deps: ActivityDeps, input: FinishPipelineInput): Promise<StepEnd[]> {
  const { pipelineId, run, state } = input;
  const { progress } = deps.pipelines;
  const ended = await progress.record({ pipelineId, run, skip: [], cancel: [] });
  if (!(await progress.finish(input))) throw notReady('a job of it is open', LOOK_AGAIN_MS);
  deps.logger.info({ pipelineId, run, state }, 'pipeline ended');
  deps.wakeDispatcher();
  return ended;
}
