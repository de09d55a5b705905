import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { needsOf } from '../contract/pipeline.js';
import { pipelineWorkflowId } from '../contract/pipeline-plan.js';
import { searchAttributeNames, workflowQueue } from '../contract/queues.js';
import type { Logger } from '../runtime/logger.js';
import type { PipelineQueue, PipelineToStart } from '../store/pipeline-queue.js';
import { approvalDecided } from '../workflows/messages.js';
import type { videoPipeline } from '../workflows/video-pipeline.js';
import type { Calls } from './calls.js';
import { createRounds } from './rounds.js';
import { endOfWorkflow } from './sweep.js';
import { createTokenBucket } from './token-bucket.js';

export type PipelineDispatchDeps = {
  pipelines: {
    queue: PipelineQueue;
    /** One frame or one joined video. */
    mediaTimeoutMs: number;
    /** For tests: a workflow goes on as a new one after so many steps. */
    continueAfterSteps?: number;
  };
  client: Client;
  calls: Calls;
  logger: Logger;
  startsPerSecond: number;
  /** Mends what can be mended when Temporal refuses to start a workflow. */
  prepareTemporal: (failure: unknown) => Promise<void>;
};

const keys = {
  status: defineSearchAttributeKey(searchAttributeNames.status, 'KEYWORD'),
  workspace: defineSearchAttributeKey(searchAttributeNames.workspace, 'KEYWORD'),
  pipeline: defineSearchAttributeKey(searchAttributeNames.pipeline, 'KEYWORD'),
};

const LOOK_EVERY_MS = 1_000;
const BATCH = 20;
const SWEEP_BATCH = 200;

/** Makes Temporal agree with the rows of pipelines: starts them, tells them of cancels and decisions, and starts the lost ones again. */
export function createPipelineDispatch(deps: PipelineDispatchDeps) {
  const { pipelines, client, calls, logger } = deps;
  const { queue } = pipelines;
  const bucket = createTokenBucket(deps.startsPerSecond);
  const rounds = createRounds({ what: 'dispatching pipelines', everyMs: LOOK_EVERY_MS, logger, round });

  return {
    ...rounds,

    /** Looks for the workflow of every open pipeline, and starts those again that have none. What they have done stands in their rows. */
    async sweep({ intervalMs }: { intervalMs: number }): Promise<void> {
      const open = await queue.claimSweep({ limit: SWEEP_BATCH, intervalMs });
      try {
        for (const pipeline of open) await sweepOne(pipeline);
      } catch (error) {
        await queue.giveBack(open.map(({ id }) => id));
        throw error;
      }
    },
  };

  async function round(signal: AbortSignal): Promise<boolean> {
    await deliver();
    const tokens = await bucket.take(BATCH, signal);
    const waiting = tokens > 0 ? await queue.claim(tokens) : [];
    bucket.giveBack(tokens - waiting.length);
    for (const pipeline of waiting) {
      try {
        await start(pipeline);
        await queue.markDispatched(pipeline.id);
      } catch (error) {
        logger.warn({ err: error, pipelineId: pipeline.id }, 'a pipeline could not be started; it is tried again');
        await Promise.all(waiting.map(({ id }) => queue.release(id)));
        await deps.prepareTemporal(error);
        return false;
      }
    }
    return waiting.length > 0;
  }

  /** What cannot be delivered now waits for the next round. A workflow that is not there is looked for by the sweep. */
  async function deliver(): Promise<void> {
    for (const pipeline of await queue.cancelRequests()) {
      const handle = client.workflow.getHandle(pipelineWorkflowId(pipeline));
      if (await told(() => handle.cancel())) await queue.markCancelDelivered(pipeline.id);
    }
    for (const { name: step, ...pipeline } of await queue.decisions()) {
      const handle = client.workflow.getHandle(pipelineWorkflowId(pipeline));
      const isTold = await told(() => handle.signal(approvalDecided, { step }));
      if (isTold) await queue.markDecisionDelivered({ pipelineId: pipeline.id, step });
    }
  }

  async function told(tell: () => Promise<unknown>): Promise<boolean> {
    try {
      await calls.soon(tell);
      return true;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return false;
      throw error;
    }
  }

  async function sweepOne({ id, run }: PipelineToStart): Promise<void> {
    const workflow = await calls.soon(() => endOfWorkflow(client, pipelineWorkflowId({ id, run })));
    if (!workflow) return;
    // Read after the workflow was found closed: one that had ended its pipeline has done so by then.
    const pipeline = await queue.prepareRevival(id);
    if (!pipeline) return;
    await start(pipeline);
    logger.warn({ pipelineId: id, workflow }, 'an open pipeline had no running workflow; it was started again');
    await queue.recordRevival({ id, workflow });
  }

  async function start(pipeline: PipelineToStart): Promise<void> {
    const { id, workspace_id: workspaceId, run } = pipeline;
    const steps = await queue.steps(id);
    const { mediaTimeoutMs, continueAfterSteps } = pipelines;
    const planned = steps.map(({ name, kind, definition, state }) => ({
      name,
      kind,
      needs: needsOf({ name, kind, ...definition }),
      state,
    }));
    try {
      await calls.soon(() =>
        client.workflow.start<typeof videoPipeline>('videoPipeline', {
          workflowId: pipelineWorkflowId(pipeline),
          taskQueue: workflowQueue,
          args: [
            {
              pipelineId: id,
              workspaceId,
              run,
              maxParallel: pipeline.max_parallel,
              onFailure: pipeline.on_failure,
              steps: planned,
              isCancelRequested: pipeline.is_cancel_requested,
              mediaTimeoutMs,
              ...(continueAfterSteps !== undefined && { continueAfterSteps }),
            },
          ],
          // An earlier one was lost: the row says that another is wanted.
          workflowIdReusePolicy: WorkflowIdReusePolicy.ALLOW_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          workflowTaskTimeout: '5 seconds',
          priority: { fairnessKey: workspaceId },
          staticSummary: `pipeline · ${steps.length} steps${run > 1 ? ` · run ${run}` : ''}`,
          staticDetails: [`**Pipeline** ${id}`, `**Workspace** ${workspaceId}`].join('\n\n'),
          typedSearchAttributes: new TypedSearchAttributes([
            { key: keys.status, value: 'running' },
            { key: keys.workspace, value: workspaceId },
            { key: keys.pipeline, value: id },
          ]),
        }),
      );
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }
}
