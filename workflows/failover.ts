import type { JobFailureCode } from '../contract/errors.js';
import type { JobTiming, Route } from '../contract/plan.js';
import { type ProviderErrorClass, providerErrorClasses } from '../contract/provider-errors.js';

type Failure = { errorClass: ProviderErrorClass; retryAfterMs?: number };
type Circumstances = { timing: JobTiming; route: Route; stage: 'submission' | 'generation' };

type Decision =
  | { kind: 'end'; errorCode: JobFailureCode }
  | { kind: 'again'; errorCode: JobFailureCode; sameAccount: boolean; afterMs: number };

/** Whether a failure at a provider is tried again, where and when; `errorCode` is what the caller reads when no try is left. */
export function failoverOf({ errorClass, retryAfterMs }: Failure, { timing, route, stage }: Circumstances): Decision {
  const errorCode = codeOf(errorClass, stage);
  if (errorClass === 'CONTENT_REFUSED' && route.failoverOnModeration) {
    return { kind: 'again', errorCode, sameAccount: false, afterMs: 0 };
  }
  switch (providerErrorClasses[errorClass].failover) {
    case 'never':
      return { kind: 'end', errorCode };
    case 'elsewhere':
      return { kind: 'again', errorCode, sameAccount: false, afterMs: 0 };
    case 'later': {
      // A short wait is worth keeping the account; for a long one another is faster.
      const afterMs = retryAfterMs ?? timing.retryPauseMs;
      return { kind: 'again', errorCode, sameAccount: afterMs <= timing.longestRetryAfterMs, afterMs };
    }
  }
}

function codeOf(errorClass: ProviderErrorClass, stage: Circumstances['stage']): JobFailureCode {
  if (errorClass === 'CONTENT_REFUSED') return 'prompt_rejected';
  if (errorClass === 'INPUT_INVALID') return 'provider_rejected';
  return stage === 'submission' ? 'provider_unavailable' : 'generation_failed';
}
