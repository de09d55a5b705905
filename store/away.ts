import { ServiceError } from '../contract/errors.js';

/** SQLSTATE classes and socket errors that mean "the database is away", as against "the statement is wrong". */
const awayCodes = /^(08|53|57P)|^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EPIPE|ETIMEDOUT)$/;
/** The same from the driver itself, which gives its errors no codes. */
const awayMessages =
  /Connection terminated|connection error and is not queryable|timeout exceeded when trying to connect|Query read timeout/;

/** True for an error that says nothing about the statement: the database could not be reached or is going down. */
export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && typeof error.code === 'string') return awayCodes.test(error.code);
  return awayMessages.test(error.message);
}

/** Says of an error that it is the database's being away, where it is; else it is thrown as it came. */
export function throwTranslated(error: unknown): never {
  if (!isDatabaseAway(error)) throw error;
  throw new ServiceError('service_unavailable', {
    detail: 'The database does not answer.',
    retryAfterSeconds: 1,
    cause: error,
  });
}
