import type { Response } from 'express';
import { type ErrorCode, errorCatalogue, type ServiceError } from '../../../contract/errors.js';
import type { ErrorBody } from './schemas.js';

type Word = { code: string; status?: number; type?: string };

const invalid = { code: 'invalid_value', status: 400 };

/**
 * What differs from our own codes and statuses. The clients try 408, 409, 429 and 5xx again of themselves, so nothing that is final
 * has one of these; but for the empty balance, as the vendor has it.
 */
const words: Partial<Record<ErrorCode, Word>> = {
  request_invalid: invalid,
  no_route: invalid,
  unauthorized: { code: 'invalid_api_key' },
  forbidden: { code: 'insufficient_permissions' },
  insufficient_funds: { code: 'insufficient_quota', status: 429, type: 'insufficient_quota' },
  method_not_allowed: { code: 'method_not_supported' },
  job_not_finished: { code: 'video_not_completed', status: 400 },
  pipeline_not_finished: { code: 'video_in_use', status: 400 },
  content_not_ready: { code: 'video_not_ready', status: 404 },
  content_gone: { code: 'video_expired', status: 404 },
  model_retired: { code: 'model_not_found', status: 404 },
  payload_too_large: { code: 'request_too_large' },
  unsupported_media_type: { code: 'unsupported_content_type' },
  rate_limited: { code: 'rate_limit_exceeded', type: 'rate_limit_error' },
  too_many_jobs: { code: 'rate_limit_exceeded', type: 'rate_limit_error' },
  internal: { code: 'server_error' },
};

/** These pass of themselves. */
const passing: ReadonlySet<ErrorCode> = new Set(['idempotency_in_flight', 'rate_limited', 'too_many_jobs']);

/** An error in OpenAI's shape. */
export function renderError(error: ServiceError, response: Response): void {
  const word = words[error.code];
  const status = word?.status ?? error.status;
  const isCallersFault = errorCatalogue[error.code].fault === 'caller';
  // Read by the vendor's clients before they look at the status.
  if (isCallersFault && !passing.has(error.code)) response.set('x-should-retry', 'false');
  const body: ErrorBody = {
    error: {
      message: error.message,
      type: word?.type ?? (isCallersFault ? 'invalid_request_error' : 'server_error'),
      param: error.errors[0]?.field ?? null,
      code: word?.code ?? error.code,
    },
  };
  response.status(status).json(body);
}
