import type { Config } from '../runtime/config.js';
import type { ServiceTiming } from './routing.js';

/** How long the parts of a job may take, as the settings have it; a job keeps what it was accepted with. */
export function serviceTimingOf(config: Config): ServiceTiming {
  return {
    submitTimeoutMs: config.SUBMIT_TIMEOUT_MS,
    lookTimeoutMs: config.LOOK_TIMEOUT_MS,
    downloadTimeoutMs: config.DOWNLOAD_TIMEOUT_MS,
    stallMs: config.TASK_STALL_MS,
    deadlineMs: config.JOB_DEADLINE_MS,
    reconcileGraceMs: config.RECONCILE_GRACE_MS,
    reconcileBlindGraceMs: config.RECONCILE_BLIND_GRACE_MS,
    retryPauseMs: config.RETRY_PAUSE_MS,
    longestRetryAfterMs: config.LONGEST_RETRY_AFTER_MS,
  };
}
