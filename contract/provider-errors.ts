type ProviderMeaning = {
  /** Whether another provider, or the same one later, may do better. */
  failover: 'never' | 'later' | 'elsewhere';
};

/**
 * Classes of provider failure, internal to the service. `later`: the same account may be tried again after a pause;
 * `elsewhere`: this account is of no use to this job; `never`: no account will do better.
 */
export const providerErrorClasses = {
  INPUT_INVALID: { failover: 'never' },
  CONTENT_REFUSED: { failover: 'never' },
  AUTH: { failover: 'elsewhere' },
  BALANCE: { failover: 'elsewhere' },
  MODEL_RETIRED: { failover: 'elsewhere' },
  NOT_FOUND: { failover: 'elsewhere' },
  RATE_LIMITED: { failover: 'later' },
  CONCURRENCY: { failover: 'later' },
  OVERLOADED: { failover: 'later' },
  NETWORK: { failover: 'later' },
  PROVIDER_INTERNAL: { failover: 'later' },
  OUTCOME_UNKNOWN: { failover: 'never' },
  RESULT_MISSING: { failover: 'later' },
  RESULT_EXPIRED: { failover: 'later' },
  RESULT_INVALID: { failover: 'later' },
} as const satisfies Record<string, ProviderMeaning>;

export type ProviderErrorClass = keyof typeof providerErrorClasses;

/**
 * What went wrong at a provider. Kept in the attempt's row; only `class` and counts go on to the workflow.
 * `message`, `providerCode` and the redacted `excerpt` (at most 2 kB) are for operators.
 */
export type ProviderFailure = {
  class: ProviderErrorClass;
  message: string;
  providerCode?: string;
  retryAfterMs?: number;
  excerpt?: string;
};

/** Thrown by `look` and `openResult` when the look itself failed: never a verdict on the task. */
export class LookError extends Error {
  readonly failure: ProviderFailure;

  constructor(failure: ProviderFailure, cause?: unknown) {
    super(`${failure.class}: ${failure.message}`, { cause });
    this.name = 'LookError';
    this.failure = failure;
  }
}

/** Whether this is a provider's answer that it never gave out the id it was asked about. */
export function deniesTask(error: unknown): boolean {
  if (!(error instanceof LookError)) return false;
  return error.failure.class === 'NOT_FOUND' || error.failure.class === 'INPUT_INVALID';
}
