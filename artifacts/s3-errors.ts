import { S3ServiceException } from '@aws-sdk/client-s3';
import { ServiceError } from '../contract/errors.js';

const RETRY_AFTER_SECONDS = 5;

const missingNames = new Set(['NotFound', 'NoSuchKey', 'NoSuchUpload']);

/** `undefined` instead of an error for a key that is not there. A bucket that is not there is an error. */
export async function ifKeyThere<Found>(finding: Promise<Found>): Promise<Found | undefined> {
  try {
    return await finding;
  } catch (error) {
    if (error instanceof S3ServiceException && missingNames.has(error.name)) return undefined;
    throw error;
  }
}

/** The key has an object already, or is getting one from somebody else just now. */
export function isTaken(error: unknown): boolean {
  if (!(error instanceof S3ServiceException)) return false;
  const status = error.$metadata.httpStatusCode;
  return status === 412 || status === 409;
}

const busyStatuses = new Set([408, 429]);

/** What waiting will not mend, in words for an operator; `undefined` for an answer that is late, busy or lost. */
export function faultOf(error: unknown): string | undefined {
  if (error instanceof S3ServiceException) {
    const status = error.$metadata.httpStatusCode ?? 500;
    if (status >= 500 || busyStatuses.has(status)) return undefined;
    return `${error.name}: ${error.message}`;
  }
  // Of another package than the client, and of several classes.
  if (error instanceof Error && error.name === 'CredentialsProviderError') return error.message;
  return undefined;
}

/** Throws a verdict of S3 on the request as it is, and a silence as what it means to those who wait for an answer. */
export function throwTranslated(error: unknown): never {
  if (faultOf(error) !== undefined || error instanceof TypeError) throw error;
  throw new ServiceError('service_unavailable', {
    detail: 'The file storage does not answer.',
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    cause: error,
  });
}
