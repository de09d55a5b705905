import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Logger } from '../runtime/logger.js';
import type { JobToSweep, SweepList } from '../store/sweep.js';
import type { Calls } from './calls.js';
import { secondLifeOf } from './resumption.js';
import { startWorkflow } from './start.js';

type Deps = {
  sweepList: SweepList;
  client: Client;
  calls: Calls;
  logger: Logger;
  intervalMs: number;
  /** Resolves when one more workflow may be started; false when that is no longer wanted. */
  mayStart: () => Promise<boolean>;
};

const BATCH = 200;
const AT_ONCE = 8;

/**
 * Looks for the workflow of every open job, and starts those again that have none: the server's file was lost, or somebody terminated
 * it. The new run goes on at the last attempt, whose steps first read what the lost one recorded.
 */
export async function sweepLostWorkflows(deps: Deps, signal: AbortSignal): Promise<void> {
  const { sweepList, intervalMs } = deps;
  for (;;) {
    const jobs = await sweepList.claim({ limit: BATCH, intervalMs });
    const left = [...jobs];
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, () => work(left)));
    } catch (error) {
      // Temporal is away, or a part of it is. Who was not looked for is the first of the next sweep.
      await sweepList.giveBack(jobs.map(({ id }) => id));
      throw error;
    }
    if (jobs.length < BATCH || signal.aborted) return;
  }

  async function work(left: JobToSweep[]): Promise<void> {
    for (let job = left.shift(); job && !signal.aborted; job = left.shift()) {
      try {
        await sweep(deps, job);
      } catch (error) {
        left.length = 0;
        throw error;
      }
    }
  }
}

async function sweep(deps: Deps, job: JobToSweep): Promise<void> {
  const { sweepList, client, calls, logger } = deps;
  const workflow = await calls.soon(() => endOfWorkflow(client, job.id));
  if (!workflow || !(await deps.mayStart())) return;
  // Read after the workflow was found closed: one that had settled its job has done so by then.
  const earlier = await sweepList.prepareRevival(job.id);
  if (!earlier) return;
  const { plan, resumption } = secondLifeOf(job, earlier);
  await calls.soon(() => startWorkflow(client, { ...job, plan }, { mayHaveRun: true, resumption }));
  logger.warn({ jobId: job.id, workflow }, 'an open job had no running workflow; it was started again');
  await sweepList.recordRevival({ jobId: job.id, workflow });
}

/** Every other status, and those that only a later server knows, is of a workflow that goes on. */
const closedStatuses = new Map([
  ['COMPLETED', 'completed'],
  ['FAILED', 'failed'],
  ['CANCELLED', 'canceled'],
  ['TERMINATED', 'terminated'],
  ['TIMED_OUT', 'timed_out'],
]);

/** What became of a workflow; undefined while it runs. */
export async function endOfWorkflow(client: Client, workflowId: string): Promise<string | undefined> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return closedStatuses.get(status.name);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'not_found';
    throw error;
  }
}
