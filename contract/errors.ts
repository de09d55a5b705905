type Meaning = {
  /** HTTP status of the native API. */
  status: number;
  retry: 'never' | 'backoff';
  fault: 'caller' | 'provider' | 'service';
  title: string;
};

/** Every way the service can fail, and what each means for the caller and for retries. A code is never renamed and never reused. */
export const errorCatalogue = {
  request_invalid: { status: 400, retry: 'never', fault: 'caller', title: 'The request is not valid' },
  unauthorized: { status: 401, retry: 'never', fault: 'caller', title: 'No valid API key' },
  insufficient_funds: { status: 402, retry: 'never', fault: 'caller', title: 'The balance is too low' },
  forbidden: { status: 403, retry: 'never', fault: 'caller', title: 'The API key may not do this' },
  link_invalid: { status: 403, retry: 'never', fault: 'caller', title: 'The link has expired or was changed' },
  not_found: { status: 404, retry: 'never', fault: 'caller', title: 'Nothing is here' },
  method_not_allowed: { status: 405, retry: 'never', fault: 'caller', title: 'The address does not take this method' },
  content_not_ready: { status: 409, retry: 'backoff', fault: 'caller', title: 'The job has no file yet' },
  job_not_finished: { status: 409, retry: 'backoff', fault: 'caller', title: 'The job has not ended' },
  webhook_disabled: { status: 409, retry: 'never', fault: 'caller', title: 'There is nobody to send the webhook to' },
  idempotency_in_flight: {
    status: 409,
    retry: 'backoff',
    fault: 'caller',
    title: 'A request with this idempotency key is still in flight',
  },
  step_not_waiting: { status: 409, retry: 'never', fault: 'caller', title: 'The step does not wait for a decision' },
  pipeline_not_finished: { status: 409, retry: 'backoff', fault: 'caller', title: 'The pipeline has not ended' },
  pipeline_not_retryable: { status: 409, retry: 'never', fault: 'caller', title: 'The pipeline cannot be run again' },
  approval_expired: { status: 409, retry: 'never', fault: 'caller', title: 'Nobody decided in time' },
  content_gone: { status: 410, retry: 'never', fault: 'caller', title: 'The file is no longer kept' },
  model_retired: { status: 410, retry: 'never', fault: 'caller', title: 'The model is retired' },
  payload_too_large: { status: 413, retry: 'never', fault: 'caller', title: 'The body is too large' },
  unsupported_media_type: { status: 415, retry: 'never', fault: 'caller', title: 'The body must be JSON' },
  no_route: { status: 422, retry: 'never', fault: 'caller', title: 'No provider can do this' },
  idempotency_key_reused: {
    status: 422,
    retry: 'never',
    fault: 'caller',
    title: 'The idempotency key was used with another request',
  },
  prompt_rejected: { status: 422, retry: 'never', fault: 'caller', title: 'The content was refused by moderation' },
  approval_rejected: { status: 422, retry: 'never', fault: 'caller', title: 'The step was rejected' },
  media_failed: { status: 422, retry: 'never', fault: 'service', title: 'The video could not be worked on' },
  provider_rejected: { status: 422, retry: 'never', fault: 'caller', title: 'The provider refused the input' },
  rate_limited: { status: 429, retry: 'backoff', fault: 'caller', title: 'Too many requests' },
  too_many_jobs: { status: 429, retry: 'backoff', fault: 'caller', title: 'Too many open jobs' },
  internal: { status: 500, retry: 'backoff', fault: 'service', title: 'Something went wrong here' },
  provider_unavailable: { status: 502, retry: 'backoff', fault: 'provider', title: 'No provider could take the job' },
  generation_failed: { status: 502, retry: 'backoff', fault: 'provider', title: 'The generation failed' },
  result_unavailable: {
    status: 502,
    retry: 'backoff',
    fault: 'provider',
    title: 'The finished video could not be fetched',
  },
  submission_unknown: {
    status: 502,
    retry: 'never',
    fault: 'provider',
    title: 'It is not known whether the provider took the job',
  },
  service_unavailable: { status: 503, retry: 'backoff', fault: 'service', title: 'A part of the service is away' },
  deadline_exceeded: { status: 504, retry: 'never', fault: 'provider', title: 'The job did not end in time' },
} as const satisfies Record<string, Meaning>;

export type ErrorCode = keyof typeof errorCatalogue;

/** The codes with which a job can end. */
export type JobFailureCode = Extract<
  ErrorCode,
  | 'prompt_rejected'
  | 'provider_rejected'
  | 'provider_unavailable'
  | 'generation_failed'
  | 'result_unavailable'
  | 'submission_unknown'
  | 'deadline_exceeded'
>;

/** One refused field, by its path in the caller's own words: `duration_seconds`, `reference_images.0`. */
export type FieldError = { field: string; message: string };

type Details = { detail?: string; errors?: FieldError[]; retryAfterSeconds?: number; cause?: unknown };

/** The one error of the service. Branch on `code`; `detail` is for the caller's eyes, `cause` for ours only. */
export class ServiceError extends Error {
  readonly code: ErrorCode;
  readonly errors: FieldError[];
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, { detail, errors = [], retryAfterSeconds, cause }: Details = {}) {
    super(detail ?? errorCatalogue[code].title, { cause });
    this.name = 'ServiceError';
    this.code = code;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }
}

/** A request that names the one field it was refused for. */
export function fieldError(code: ErrorCode, field: string, message: string): ServiceError {
  return new ServiceError(code, { detail: `${field}: ${message}`, errors: [{ field, message }] });
}
