import type { StepKind } from '../../contract/pipeline.js';
import { newId } from '../../runtime/ids.js';
import type { Database } from '../../store/database.js';
import { createPipelineQueue } from '../../store/pipeline-queue.js';
import type { NewPipeline, NewStep } from '../../store/pipelines.js';

/** A step whose job costs 0.80 USD at most; one of another kind costs nothing. */
export function aStep(name: string, kind: StepKind = 'text_to_video', changes: Partial<NewStep> = {}): NewStep {
  const isJob = kind !== 'concat' && kind !== 'frame' && kind !== 'approval';
  const request = { model: 'sora', prompt: 'a paper boat on a lake', operation: 'text_to_video' } as const;
  return { name, kind, definition: isJob ? { request } : {}, reservedMicros: isJob ? 800_000 : 0, ...changes };
}

/** As the api hands it to the store. */
export function aNewPipeline(
  owner: Pick<NewPipeline, 'workspaceId' | 'apiKeyId'>,
  changes: Partial<NewPipeline> = {},
): NewPipeline {
  return {
    id: newId('pipe'),
    openJobLimit: 1_000,
    maxParallel: 4,
    onFailure: 'stop',
    metadata: {},
    steps: [aStep('shot'), aStep('longer', 'extend')],
    inputs: [],
    ...owner,
    ...changes,
  };
}

/** What a dispatcher needs to start the pipelines in a database. */
export function pipelinesIn(database: Database) {
  return { queue: createPipelineQueue(database), mediaTimeoutMs: 60_000 };
}
