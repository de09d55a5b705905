import type { Response } from 'express';
import type { z } from 'zod';
import { errorCatalogue, type ServiceError } from '../../../contract/errors.js';
import { requestIdOf } from '../../middleware/request-id.js';
import type { problemSchema } from './answer-schemas.js';

/** An error as an RFC 9457 problem. */
export function renderProblem(error: ServiceError, response: Response): void {
  const problem: z.infer<typeof problemSchema> = {
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
