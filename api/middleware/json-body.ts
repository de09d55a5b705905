import { isUtf8 } from 'node:buffer';
import express, { type RequestHandler } from 'express';
import { ServiceError } from '../../contract/errors.js';

/** Reads a JSON body. A request without a body passes and has none. */
export function createJsonBody({ maxBytes }: { maxBytes: number }): RequestHandler {
  const read = express.json({
    limit: maxBytes,
    type: () => true,
    verify(_request, _response, body, encoding) {
      // The decoder would put U+FFFD in their place, and the caller's words would be changed without a word.
      if (encoding === 'utf-8' && !isUtf8(body)) throw new SyntaxError('The body is not valid UTF-8.');
    },
  });

  return (request, response, next) => {
    if (request.get('content-length') === '0') {
      next();
      return;
    }
    // `null` means that there is no body.
    if (request.is('application/json') === false) {
      const detail = 'The body must be JSON: Content-Type: application/json';
      throw new ServiceError('unsupported_media_type', { detail });
    }
    read(request, response, next);
  };
}
