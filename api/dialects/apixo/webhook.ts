import type { DialectWebhook } from '../../middleware/webhook-body.js';
import { LINK_LIFETIME_SECONDS, statusAnswer } from './answers.js';

/** The vendor's page does not show what it calls back with. Ours is what its status call answers. */
export const apixoWebhook: DialectWebhook = {
  linkLifetimeSeconds: LINK_LIFETIME_SECONDS,
  bodyOf: (job) => statusAnswer(job),
};
