import type { WebhookEvent } from '../../contract/webhooks.js';
import type { Job } from '../jobs.js';

/** What a dialect's callers are told when a job of theirs has ended. */
export type DialectWebhook = {
  /** How long the links in it live, where the dialect promises another time than ours. */
  linkLifetimeSeconds?: number;
  bodyOf: (job: Job, event: WebhookEvent, settings: { publicUrl: string }) => unknown;
};
