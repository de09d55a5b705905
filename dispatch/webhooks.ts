import {
  type Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowIdConflictPolicy,
  WorkflowIdReusePolicy,
} from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { searchAttributeNames, workflowQueue } from '../contract/queues.js';
import type { WebhookTiming } from '../contract/webhooks.js';
import { crashPoint } from '../runtime/crash-points.js';
import type { Logger } from '../runtime/logger.js';
import type { DeliveryToStart, WebhookQueue } from '../store/webhook-queue.js';
import type { deliverWebhook } from '../workflows/deliver-webhook.js';
import type { Calls } from './calls.js';
import { createRounds } from './rounds.js';
import { endOfWorkflow } from './sweep.js';
import { createTokenBucket } from './token-bucket.js';

export type WebhookDispatchDeps = {
  webhooks: { queue: WebhookQueue; timing: WebhookTiming };
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
  operation: defineSearchAttributeKey(searchAttributeNames.operation, 'KEYWORD'),
};

const LOOK_EVERY_MS = 1_000;
const BATCH = 50;
const SWEEP_BATCH = 200;
const MAX_TARGET_CHARACTERS = 64;

/** One workflow for each sending of a delivery. */
const workflowIdOf = ({ id, sending }: Pick<DeliveryToStart, 'id' | 'sending'>) =>
  sending === 1 ? id : `${id}:${sending}`;

/** Starts the workflows of deliveries. Beside the dispatcher's own round: neither keeps the other waiting. */
export function createWebhookDispatch(deps: WebhookDispatchDeps) {
  const { webhooks, client, calls, logger, startsPerSecond } = deps;
  const { queue, timing } = webhooks;
  const bucket = createTokenBucket(startsPerSecond);
  const rounds = createRounds({ what: 'starting webhooks', everyMs: LOOK_EVERY_MS, logger, round });

  return {
    ...rounds,

    /** Looks for the workflows of deliveries whose try is overdue, and gives those another that have none. */
    async sweep({ intervalMs }: { intervalMs: number }): Promise<void> {
      for (const delivery of await queue.claimOverdue({ limit: SWEEP_BATCH, intervalMs })) {
        const workflow = await calls.soon(() => endOfWorkflow(client, workflowIdOf(delivery)));
        if (!workflow) continue;
        await queue.requeue(delivery);
        logger.warn({ deliveryId: delivery.id, workflow }, 'a webhook had no running workflow; it is started again');
        rounds.wake();
      }
    },
  };

  async function round(signal: AbortSignal): Promise<boolean> {
    const tokens = await bucket.take(BATCH, signal);
    const deliveries = tokens > 0 ? await queue.claim(tokens) : [];
    bucket.giveBack(tokens - deliveries.length);
    if (deliveries.length === 0) return false;

    const results = await Promise.allSettled(deliveries.map((delivery) => start(delivery)));
    const thoseThat = (status: PromiseSettledResult<unknown>['status']) =>
      deliveries.filter((_, index) => results[index]?.status === status);
    const started = thoseThat('fulfilled');
    if (started.length > 0) await queue.markDispatched(started);
    const failure = results.find((result) => result.status === 'rejected');
    if (!failure) return true;
    await queue.release(thoseThat('rejected').map(({ id }) => id));
    await deps.prepareTemporal(failure.reason);
    throw failure.reason;
  }

  async function start(delivery: DeliveryToStart): Promise<void> {
    const { id, workspace_id: workspaceId, sending, step, type, subject_id: subjectId } = delivery;
    await crashPoint('S11', { jobId: subjectId });
    try {
      await calls.soon(() =>
        client.workflow.start<typeof deliverWebhook>('deliverWebhook', {
          workflowId: workflowIdOf(delivery),
          taskQueue: workflowQueue,
          args: [{ ...timing, deliveryId: id, sending, step, target: targetOf(delivery) }],
          workflowIdReusePolicy: WorkflowIdReusePolicy.REJECT_DUPLICATE,
          workflowIdConflictPolicy: WorkflowIdConflictPolicy.USE_EXISTING,
          workflowTaskTimeout: '5 seconds',
          priority: { fairnessKey: workspaceId },
          staticSummary: `${type} of ${subjectId}`,
          staticDetails: [
            `**Delivery** ${id}`,
            `**Workspace** ${workspaceId}`,
            `**To** ${delivery.endpoint_id ?? 'the address that the job named'}`,
          ].join('\n\n'),
          typedSearchAttributes: new TypedSearchAttributes([
            { key: keys.status, value: 'pending' },
            { key: keys.workspace, value: workspaceId },
            { key: keys.operation, value: type },
          ]),
        }),
      );
    } catch (error) {
      // Another process started it and it has even ended by now.
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }
}

/** The host, as a dead one is dead for every address on it; each workspace's own, as its slowness is nobody else's. */
function targetOf({ workspace_id: workspaceId, url }: DeliveryToStart): string {
  const host = url !== null && URL.canParse(url) ? new URL(url).host : '';
  return `${workspaceId}/${host}`.slice(0, MAX_TARGET_CHARACTERS);
}
