import type { PipelineRow } from '../store/pipeline-row.js';
import type { Pipelines } from '../store/pipelines.js';
import type { ViewSettings } from './job-view.js';
import { type Pipeline, viewOfPipeline } from './pipeline-view.js';

export type PipelineReadDeps = ViewSettings & {
  pipelines: Pick<Pipelines, 'find' | 'stepsOf' | 'filesOf' | 'spentBy'>;
};

/** A pipeline with all that belongs to it, as of now. */
export async function showPipeline(deps: PipelineReadDeps, row: PipelineRow): Promise<Pipeline> {
  const ids = [row.id];
  const { pipelines } = deps;
  const [steps, files, spent] = await Promise.all([
    pipelines.stepsOf(ids),
    pipelines.filesOf(row.id),
    pipelines.spentBy(ids),
  ]);
  return viewOfPipeline(row, { steps, files, capturedMicros: spent[0]?.captured ?? 0 }, deps);
}

/** For who has to tell of one. Nothing when there is none. */
export function createPipelineFinder(deps: PipelineReadDeps) {
  return async (owned: { id: string; workspaceId: string }): Promise<Pipeline | undefined> => {
    const row = await deps.pipelines.find(owned);
    return row && showPipeline(deps, row);
  };
}
