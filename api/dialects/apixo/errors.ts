import type { Response } from 'express';
import type { ErrorCode, ServiceError } from '../../../contract/errors.js';
import type { ErrorBody } from './schemas.js';

/** The page has 400 for whatever is wrong with a request, want of money included. */
const statuses: Partial<Record<ErrorCode, number>> = { insufficient_funds: 400, no_route: 400, model_retired: 400 };

/** What clients compare: only these words tell want of money from a wrong field. */
const INSUFFICIENT_CREDITS = 'Insufficient credits';

/** An error in APIXO's envelope. The HTTP status follows its `code`. */
export function renderError(error: ServiceError, response: Response): void {
  const code = statuses[error.code] ?? error.status;
  const message = error.code === 'insufficient_funds' ? INSUFFICIENT_CREDITS : error.message;
  const body: ErrorBody = { code, message, data: null };
  response.status(code).json(body);
}
