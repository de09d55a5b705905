import type { DialectWebhook } from '../../middleware/webhook-body.js';
import { LINK_LIFETIME_SECONDS, videoAnswer } from './answers.js';

/** The vendor has none. Ours is what the query of the video answers. */
export const globalaiopcWebhook: DialectWebhook = {
  linkLifetimeSeconds: LINK_LIFETIME_SECONDS,
  bodyOf: (job) => videoAnswer(job),
};
