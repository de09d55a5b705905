import { proxyActivities, setCurrentDetails, sleep, upsertSearchAttributes } from '@temporalio/workflow';
import type { WebhookVerdict } from '../activities/deliver-webhook.js';
import type { WebhookActivities } from '../activities/index.js';
import { webhookQueue } from '../contract/queues.js';
import type { DeliverWebhookInput } from '../contract/webhooks.js';
import { statusAttribute } from './search-attributes.js';

/** Room for reading and writing the rows. */
const RECORDING_MS = 10_000;

type Ending = Exclude<WebhookVerdict['kind'], 'again'>;

/** Tells one event to one address: the tries of the schedule until one is taken, and the pauses between them. */
export async function deliverWebhook(input: DeliverWebhookInput): Promise<Ending> {
  const { scheduleMs, jitter, timeoutMs, longestRetryAfterMs, deliveryId, sending, target } = input;
  const story: string[] = [];
  // One that goes on where another workflow stood has waited already.
  let pauseMs = input.step === 0 ? (scheduleMs[0] ?? 0) : 0;

  for (let step = input.step + 1; ; step += 1) {
    if (pauseMs > 0) await sleep(pauseMs, { summary: `pause before try ${step}` });
    const { deliverWebhook: deliver } = proxyActivities<WebhookActivities>({
      taskQueue: webhookQueue,
      summary: `try ${step} of ${scheduleMs.length}`,
      startToCloseTimeout: timeoutMs + RECORDING_MS,
      // Where no worker comes for so long, the dispatcher finds the delivery overdue and goes on with it in another workflow.
      scheduleToCloseTimeout: '7 days',
      heartbeatTimeout: '5 seconds',
      retry: { initialInterval: 200, backoffCoefficient: 2, maximumInterval: '10 seconds' },
      priority: { fairnessKey: target },
    });
    const plannedMs = scheduleMs[step];
    const nextInMs = plannedMs === undefined ? null : Math.round(plannedMs * (1 + jitter * Math.random()));
    const verdict = await deliver({ deliveryId, sending, step, target, nextInMs, timeoutMs, longestRetryAfterMs });
    if (verdict.kind !== 'again') {
      upsertSearchAttributes([{ key: statusAttribute, value: verdict.kind }]);
      return verdict.kind;
    }
    pauseMs = verdict.afterMs;
    story.push(`- try ${step} was not taken; the next after ${Math.round(pauseMs / 1_000)} s`);
    setCurrentDetails(story.join('\n'));
  }
}
