import type { StepJob } from '../contract/pipeline-plan.js';
import type { SweepList } from '../store/sweep.js';
import { secondLifeOf } from './resumption.js';

/**
 * How the parent of a job starts its workflow, as the dispatcher starts those of other jobs: from the beginning, or where a lost one stood.
 * Nothing when the job has ended.
 */
export function createStepJobStart(sweepList: Pick<SweepList, 'find' | 'prepareRevival' | 'recordRevival'>) {
  return async (jobId: string): Promise<Omit<StepJob, 'mayHaveRun'> | undefined> => {
    const job = await sweepList.find(jobId);
    const earlier = job && (await sweepList.prepareRevival(jobId));
    if (!earlier) return undefined;
    const { plan, resumption } = secondLifeOf(job, earlier);
    if (resumption) await sweepList.recordRevival({ jobId, workflow: 'lost' });
    const { workspace_id: workspaceId, model, operation, provider, duration_seconds: durationSeconds } = job;
    const input = { jobId, workspaceId, ...plan, ...(resumption && { resumption }) };
    return { input, model, operation, provider, durationSeconds };
  };
}
