import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { optionalTsToDate } from '@temporalio/common/lib/time.js';
import { ServiceError } from '../contract/errors.js';
import { type JobStateView, jobState } from '../workflows/messages.js';

type WorkflowDescription = Awaited<ReturnType<ReturnType<Client['workflow']['getHandle']>['describe']>>;
type RawActivity = NonNullable<WorkflowDescription['raw']['pendingActivities']>[number];

/** What a job's workflow is doing at this moment, as Temporal tells it. */
export type LiveWorkflow = {
  /** `null` when the job has no workflow yet. */
  workflow: { status: string; historyEvents: number; state: JobStateView | null } | null;
  pending: PendingActivity[];
};

export type PendingActivity = {
  activity: string;
  attempt: number;
  /** When the next try begins; `null` while one runs. */
  nextLookAt: Date | null;
  lastFailure: { type: string | null; message: string | null } | null;
};

const PATIENCE_MS = 2_000;
const RETRY_AFTER_SECONDS = 5;

/** Asks Temporal. @throws `service_unavailable` when it is away or slow; the job itself is then still to be read. */
export async function lookAtWorkflow(client: Client, jobId: string): Promise<LiveWorkflow> {
  const handle = client.workflow.getHandle(jobId);
  const deadline = Date.now() + PATIENCE_MS;
  const [described, queried] = await Promise.allSettled([
    client.withDeadline(deadline, () => handle.describe()),
    client.withDeadline(deadline, () => handle.query(jobState)),
  ]);
  if (described.status === 'rejected') {
    if (described.reason instanceof WorkflowNotFoundError) return { workflow: null, pending: [] };
    throw new ServiceError('service_unavailable', {
      detail: 'Temporal does not answer. The job itself can be read all the same.',
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      cause: described.reason,
    });
  }
  const { status, historyLength, raw } = described.value;
  // Only a worker can answer the query: without one, what the server knows is still worth telling.
  const state = queried.status === 'fulfilled' ? queried.value : null;
  return {
    workflow: { status: status.name.toLowerCase(), historyEvents: historyLength, state },
    pending: (raw.pendingActivities ?? []).map(viewOfActivity),
  };
}

function viewOfActivity(activity: RawActivity): PendingActivity {
  const { activityType, attempt, nextAttemptScheduleTime, lastFailure } = activity;
  return {
    activity: activityType?.name ?? '',
    attempt: attempt ?? 1,
    nextLookAt: optionalTsToDate(nextAttemptScheduleTime) ?? null,
    lastFailure: lastFailure
      ? { type: lastFailure.applicationFailureInfo?.type ?? null, message: lastFailure.message ?? null }
      : null,
  };
}
