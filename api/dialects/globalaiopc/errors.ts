import type { Response } from 'express';
import type { ErrorCode, ServiceError } from '../../../contract/errors.js';
import type { ErrorBody } from './schemas.js';

type ErrorType = ErrorBody['error']['type'];

const types: Partial<Record<ErrorCode, ErrorType>> = {
  unauthorized: 'authentication_error',
  forbidden: 'permission_error',
  insufficient_funds: 'insufficient_quota',
  rate_limited: 'rate_limit_error',
  too_many_jobs: 'rate_limit_error',
};

/** The vendor documents no error: this is the shape that its create call imitates elsewhere. */
export function renderError(error: ServiceError, response: Response): void {
  const { code, message, errors } = error;
  // To these clients, what no provider can do is a request that is wrong.
  const status = code === 'no_route' ? 400 : error.status;
  const type = types[code] ?? (status >= 500 ? 'server_error' : 'invalid_request_error');
  const body: ErrorBody = { error: { message, type, param: errors[0]?.field ?? null, code } };
  response.status(status).json(body);
}
