import { STATUS_CODES } from 'node:http';
import type { Response } from 'express';
import { type ErrorCode, ServiceError } from '../../../contract/errors.js';
import type { ErrorBody } from './schemas.js';

/** Of these the page has other statuses than we. */
const statuses: Partial<Record<ErrorCode, number>> = { no_route: 400, model_retired: 400 };

/** What the page says in place of the status's own words. */
const titles: Partial<Record<ErrorCode, string>> = { insufficient_funds: 'Insufficient Balance' };

const MODEL_NOT_FOUND = 'Model not found';

/** In the page's own words, which clients compare. */
const notFoundOrDisabled = (name: string) => `Model '${name}' not found or is disabled`;

export function unknownModel(name: string): ServiceError {
  const message = notFoundOrDisabled(name);
  return new ServiceError('request_invalid', { detail: message, errors: [{ field: 'model', message }] });
}

/** An error in Pixazo's shape. */
export function renderError(error: ServiceError, response: Response): void {
  const status = statuses[error.code] ?? error.status;
  response.status(status).json(bodyOf(error, status));
}

function bodyOf(error: ServiceError, status: number): ErrorBody {
  if (error.code === 'model_retired') return { error: MODEL_NOT_FOUND, message: notFoundOrDisabled('sora-video') };
  const isAboutModel = error.code === 'request_invalid' && error.errors[0]?.field === 'model';
  if (isAboutModel) return { error: MODEL_NOT_FOUND, message: error.message };
  return { error: titles[error.code] ?? STATUS_CODES[status] ?? 'Error', message: error.message };
}
