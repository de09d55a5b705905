import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { type ChildWorkflowHandle, startChild, WorkflowIdReusePolicy } from '@temporalio/workflow';
import type { StepJob, VideoPipelineInput } from '../contract/pipeline-plan.js';
import { jobTitle } from '../contract/plan.js';
import { searchAttributeNames, workflowQueue } from '../contract/queues.js';
import type { videoJob } from './video-job.js';

const keys = {
  status: defineSearchAttributeKey(searchAttributeNames.status, 'KEYWORD'),
  provider: defineSearchAttributeKey(searchAttributeNames.provider, 'KEYWORD'),
  model: defineSearchAttributeKey(searchAttributeNames.model, 'KEYWORD'),
  workspace: defineSearchAttributeKey(searchAttributeNames.workspace, 'KEYWORD'),
  operation: defineSearchAttributeKey(searchAttributeNames.operation, 'KEYWORD'),
  pipeline: defineSearchAttributeKey(searchAttributeNames.pipeline, 'KEYWORD'),
};

type StepStart = { name: string; job: StepJob; input: Pick<VideoPipelineInput, 'pipelineId' | 'workspaceId'> };

/** Starts the workflow of a step's job under the job's own id, named after the step. */
export function startStepJob({ name, job, input }: StepStart): Promise<ChildWorkflowHandle<typeof videoJob>> {
  const { pipelineId, workspaceId } = input;
  return startChild<typeof videoJob>('videoJob', {
    workflowId: job.input.jobId,
    taskQueue: workflowQueue,
    args: [job.input],
    // What is closed under this id was lost, or has ended its job: then the row stops the new one before it buys anything.
    workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
    workflowTaskTimeout: '5 seconds',
    priority: { fairnessKey: workspaceId },
    staticSummary: `${name} · ${jobTitle(job)}`,
    staticDetails: [`**Step** ${name}`, `**Pipeline** ${pipelineId}`, `**Job** ${job.input.jobId}`].join('\n\n'),
    typedSearchAttributes: new TypedSearchAttributes([
      { key: keys.status, value: 'running' },
      { key: keys.provider, value: job.provider },
      { key: keys.model, value: job.model },
      { key: keys.workspace, value: workspaceId },
      { key: keys.operation, value: job.operation },
      { key: keys.pipeline, value: pipelineId },
    ]),
  });
}
