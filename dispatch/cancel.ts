import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { DispatchQueue } from '../store/dispatch-queue.js';
import type { Settlement } from '../store/settlement.js';

type CancelDelivery = {
  client: Client;
  queue: DispatchQueue;
  settlement: Settlement;
  jobId: string;
  mayHaveWorkflow: boolean;
};

/** Tells a job's workflow to stop; a job that never got one ends here. */
export async function deliverCancel({
  client,
  queue,
  settlement,
  jobId,
  mayHaveWorkflow,
}: CancelDelivery): Promise<void> {
  if (!mayHaveWorkflow && (await settlement.cancelUnstarted(jobId))) return;
  try {
    await client.workflow.getHandle(jobId).cancel();
  } catch (error) {
    // Not started yet, or ended at this moment: the next round sees which.
    if (error instanceof WorkflowNotFoundError) return;
    throw error;
  }
  await queue.markCancelDelivered(jobId);
}
