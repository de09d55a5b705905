import { newId } from '../../runtime/ids.js';
import type { NewJob } from '../../store/jobs.js';
import { aPlan } from './plans.js';

/** A job of 8 s at 0.10 USD a second, as the api hands it to the store. */
export function aNewJob(owner: Pick<NewJob, 'workspaceId' | 'apiKeyId'>, changes: Partial<NewJob> = {}): NewJob {
  return {
    id: newId('job'),
    openJobLimit: 1_000,
    dialect: 'native',
    request: {
      model: 'sora',
      operation: 'text_to_video',
      prompt: 'a paper boat on a lake',
      durationSeconds: 8,
      variants: 1,
      inputs: { references: [] },
    },
    plan: aPlan(),
    priceMicrosPerSecond: 100_000,
    holdMicros: 800_000,
    inputs: [],
    ...owner,
    ...changes,
  };
}
