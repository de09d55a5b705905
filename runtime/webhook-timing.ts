import type { WebhookTiming } from '../contract/webhooks.js';
import type { Config } from './config.js';

/** Up to this part of a pause is added to it. */
const JITTER = 0.05;

type Settings = Pick<Config, 'WEBHOOK_SCHEDULE_MS' | 'WEBHOOK_TIMEOUT_MS' | 'WEBHOOK_LONGEST_RETRY_AFTER_MS'>;

/** How a webhook that nobody takes is tried again. */
export function webhookTimingOf(settings: Settings): WebhookTiming {
  return {
    scheduleMs: settings.WEBHOOK_SCHEDULE_MS,
    jitter: JITTER,
    timeoutMs: settings.WEBHOOK_TIMEOUT_MS,
    longestRetryAfterMs: settings.WEBHOOK_LONGEST_RETRY_AFTER_MS,
  };
}
