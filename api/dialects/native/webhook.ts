import type { WebhookEvent } from '../../../contract/webhooks.js';
import type { DialectWebhook } from '../../middleware/webhook-body.js';
import { jobAnswer } from './answers.js';

/** An event as Standard Webhooks recommends it: what happened, when, and to what. */
export function nativeEvent<Data>({ type, createdAt }: WebhookEvent, data: Data) {
  return { type, timestamp: createdAt, data };
}

/** The job, as reading it answers. */
export const nativeWebhook: DialectWebhook = {
  bodyOf: (job, event, { publicUrl }) =>
    nativeEvent(event, jobAnswer(job, { showsQueued: true, publicUrl, temporalLink: undefined })),
};
