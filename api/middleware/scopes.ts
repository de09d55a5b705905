import type { RequestHandler } from 'express';
import { ServiceError } from '../../contract/errors.js';
import type { Caller } from '../jobs.js';
import { callerOf } from './caller.js';

/** Lets in keys that have the scope. */
export function requireScope(scope: Caller['scopes'][number]): RequestHandler {
  return (request, _response, next) => {
    if (!callerOf(request).scopes.includes(scope)) {
      throw new ServiceError('forbidden', { detail: `This needs a key with the scope ${scope}.` });
    }
    next();
  };
}
