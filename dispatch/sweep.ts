import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Logger } from '../runtime/logger.js';
import type { EarlierAttempt, JobToSweep, SweepList } from '../store/sweep.js';
import type { Calls } from './calls.js';
import { isLost, resumptionOf } from './resumption.js';
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

/** A revived job keeps what is left of its time, and at least so much: it must hear of what it has bought already. */
const LEAST_DEADLINE_MS = 60_000;

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
  const plan = { ...job.plan, timing: { ...job.plan.timing, deadlineMs: remainingMs(job, earlier.attempts) } };
  const resumption = resumptionOf(plan.routes, earlier);
  await calls.soon(() => startWorkflow(client, { ...job, plan }, { mayHaveRun: true, resumption }));
  logger.warn({ jobId: job.id, workflow }, 'an open job had no running workflow; it was started again');
  await sweepList.recordRevival({ jobId: job.id, workflow });
}

/** What is left of the job's time. While nobody knows what became of an attempt, the clock may have stood still: then all of it. */
function remainingMs({ plan, started_ago_ms: startedAgoMs }: JobToSweep, attempts: EarlierAttempt[]): number {
  const { deadlineMs } = plan.timing;
  const last = attempts.at(-1);
  if (last && isLost(last.state)) return deadlineMs;
  return Math.round(Math.min(Math.max(deadlineMs - startedAgoMs, LEAST_DEADLINE_MS), deadlineMs));
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
