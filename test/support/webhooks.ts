import { Webhook } from 'standardwebhooks';
import type { WebhookTiming } from '../../contract/webhooks.js';
import type { Database } from '../../store/database.js';
import { createJobs, type NewJob } from '../../store/jobs.js';
import { createSettlement } from '../../store/settlement.js';
import { createWebhookLog } from '../../store/webhook-log.js';
import { createWebhookQueue } from '../../store/webhook-queue.js';
import type { SeenRequest } from '../providers/scripted-server.js';
import { aNewJob } from './jobs.js';

/** Three tries, milliseconds apart. */
export const quickTiming: WebhookTiming = {
  scheduleMs: [0, 100, 200],
  jitter: 0,
  timeoutMs: 1_000,
  longestRetryAfterMs: 60_000,
};

/** What a dispatcher needs to start the webhooks that are queued in a database. */
export function webhooksIn(database: Database, timing: WebhookTiming = quickTiming) {
  return { queue: createWebhookQueue(database), timing };
}

/** Throws unless the request is signed with this secret, as a receiver with the library sees it. */
export function verify(secret: string, { headers, body }: Pick<SeenRequest, 'headers' | 'body'>): unknown {
  const texts = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  return new Webhook(secret).verify(body, texts);
}

/** A job that has failed. */
export async function endAJob(
  database: Database,
  owner: Pick<NewJob, 'workspaceId' | 'apiKeyId'>,
  changes: Partial<NewJob> = {},
) {
  const { job } = await createJobs(database).accept(aNewJob(owner, changes));
  const ending = { state: 'failed', errorCode: 'generation_failed', providerCancel: null } as const;
  const settled = await createSettlement(database).settle({ jobId: job.id, ...ending });
  return { jobId: job.id, queuedWebhooks: settled.queuedWebhooks };
}

export async function deliveriesOf(database: Database, workspaceId: string) {
  const { deliveries } = await createWebhookLog(database).page({ workspaceId, limit: 100 });
  return deliveries.toReversed();
}
