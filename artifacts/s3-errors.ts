import { S3ServiceException } from '@aws-sdk/client-s3';

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
