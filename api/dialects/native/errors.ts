import type { Response } from 'express';
import { errorCatalogue, type ServiceError } from '../../../contract/errors.js';
import { requestIdOf } from '../../middleware/request-id.js';

/** An error as an RFC 9457 problem. */
export function renderProblem(error: ServiceError, response: Response): void {
  const problem = {
    type: `urn:reelay:error:${error.code}`,
    title: errorCatalogue[error.code].title,
    status: error.status,
    code: error.code,
    detail: error.message,
    instance: requestIdOf(response),
    errors: error.errors,
  };
  response.setHeader('Content-Type', 'application/problem+json');
  response.end(JSON.stringify(problem));
}
