import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { jobTitle, type Resumption } from '../contract/plan.js';
import { searchAttributeNames, workflowQueue } from '../contract/queues.js';
import type { JobToStart } from '../store/dispatch-queue.js';
import type { videoJob } from '../workflows/video-job.js';

const keys = {
  status: defineSearchAttributeKey(searchAttributeNames.status, 'KEYWORD'),
  provider: defineSearchAttributeKey(searchAttributeNames.provider, 'KEYWORD'),
  model: defineSearchAttributeKey(searchAttributeNames.model, 'KEYWORD'),
  workspace: defineSearchAttributeKey(searchAttributeNames.workspace, 'KEYWORD'),
  operation: defineSearchAttributeKey(searchAttributeNames.operation, 'KEYWORD'),
};

type StartOptions = {
  /** There may have been a workflow under this id that ended before its job did. */
  mayHaveRun?: boolean;
  /** Where that one stood. */
  resumption?: Resumption | undefined;
};

/**
 * Starts the workflow of a job under the job's own id. There is never more than one at a time, and only `mayHaveRun` lets a second
 * follow a first.
 */
export async function startWorkflow(
  client: Client,
  job: JobToStart,
  { mayHaveRun = false, resumption }: StartOptions = {},
): Promise<void> {
  const { id, workspace_id: workspaceId, model, operation, provider, duration_seconds: durationSeconds, plan } = job;
  try {
    await client.workflow.start<typeof videoJob>('videoJob', {
      workflowId: id,
      taskQueue: workflowQueue,
      args: [{ jobId: id, workspaceId, ...plan, ...(resumption && { resumption }) }],
      workflowIdReusePolicy: mayHaveRun
        ? WorkflowIdReusePolicy.ALLOW_DUPLICATE
        : WorkflowIdReusePolicy.REJECT_DUPLICATE,
      workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
      workflowTaskTimeout: '5 seconds',
      priority: { fairnessKey: workspaceId },
      staticSummary: jobTitle({ model, operation, durationSeconds }),
      staticDetails: [
        `**Job** ${id}`,
        `**Workspace** ${workspaceId}`,
        `**Routes** ${plan.routes.map(({ account, upstreamModel }) => `${account} (${upstreamModel})`).join(', ')}`,
      ].join('\n\n'),
      typedSearchAttributes: new TypedSearchAttributes([
        { key: keys.status, value: 'running' },
        { key: keys.provider, value: provider },
        { key: keys.model, value: model },
        { key: keys.workspace, value: workspaceId },
        { key: keys.operation, value: operation },
      ]),
    });
  } catch (error) {
    // Another process started it and it has even ended by now.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
}
