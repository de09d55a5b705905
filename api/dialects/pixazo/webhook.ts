import type { DialectWebhook } from '../../middleware/webhook-body.js';
import { LINK_LIFETIME_SECONDS, statusAnswer } from './answers.js';

/** The vendor's page shows one of an error, and that is what its status call answers. */
export const pixazoWebhook: DialectWebhook = {
  linkLifetimeSeconds: LINK_LIFETIME_SECONDS,
  bodyOf: (job) => statusAnswer(job),
};
