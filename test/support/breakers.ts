import type { HealthSettings } from '../../store/provider-health.js';

/** Three failures open a breaker; nothing passes by itself while a test runs. */
export const breakerSettings: HealthSettings = {
  BREAKER_FAILURES: 3,
  BREAKER_WINDOW_MS: 600_000,
  BREAKER_OPEN_MS: 600_000,
  BREAKER_STOPPED_MS: 600_000,
  MODEL_RETIRED_MS: 600_000,
};
