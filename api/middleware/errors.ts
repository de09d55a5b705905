import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { ServiceError } from '../../contract/errors.js';
import type { Logger } from '../../runtime/logger.js';
import { requestIdOf } from './request-id.js';

export type RenderError = (error: ServiceError, response: Response) => void;

/** Answers every error in the words of one dialect. What we did not expect is logged and told to nobody. */
export function createErrorHandler({ logger, render }: { logger: Logger; render: RenderError }): ErrorRequestHandler {
  return (error: unknown, _request, response, _next) => {
    const known = toServiceError(error);
    const requestId = requestIdOf(response);
    if (known.code === 'internal') logger.error({ err: error, requestId }, 'a request failed unexpectedly');
    else if (known.code === 'service_unavailable')
      logger.warn({ err: error, requestId }, 'a part of the service is away');
    // Too late for another answer: cut short, it cannot be taken for a whole one.
    if (response.headersSent) {
      response.destroy();
      return;
    }
    if (known.retryAfterSeconds !== undefined) response.set('Retry-After', String(known.retryAfterSeconds));
    response.status(known.status);
    render(known, response);
  };
}

/** Refuses the methods that an address does not take. */
export function allowOnly(...methods: string[]): RequestHandler {
  return (_request, response) => {
    response.set('Allow', methods.join(', '));
    throw new ServiceError('method_not_allowed', { detail: `Use ${methods.join(' or ')}.` });
  };
}

export const refuseUnknownPath: RequestHandler = () => {
  throw new ServiceError('not_found', { detail: 'There is nothing at this address.' });
};

function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const type = error instanceof Error && 'type' in error ? error.type : undefined;
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  switch (type) {
    case 'entity.too.large':
      return new ServiceError('payload_too_large', { cause: error });
    case 'encoding.unsupported':
    case 'charset.unsupported':
      return new ServiceError('unsupported_media_type', {
        detail: 'The body must be UTF-8, plain or compressed with gzip, deflate or br.',
        cause: error,
      });
    case 'entity.parse.failed':
      return new ServiceError('request_invalid', { detail: 'The body is not a JSON object.', cause: error });
    case 'entity.verify.failed':
      return new ServiceError('request_invalid', { detail: 'The body is not valid UTF-8.', cause: error });
  }
  // What Express and its body reader blame on the request: a broken escape in the path, a body that was cut off.
  if (status === 400) return new ServiceError('request_invalid', { cause: error });
  return new ServiceError('internal', { cause: error });
}
