import type { IncomingMessage, ServerResponse } from 'node:http';
import { pinoHttp } from 'pino-http';
import type { Logger } from '../../runtime/logger.js';
import { knownCallerOf } from './caller.js';
import { giveRequestId } from './request-id.js';

/** Asked every few seconds by whoever watches over the process. */
const quietPaths = new Set(['/healthz', '/readyz']);

/** One line per request when it has been answered. Paths only: queries may hold signatures, headers hold keys. */
export function createRequestLog(logger: Logger) {
  return pinoHttp({
    logger,
    genReqId: giveRequestId,
    quietReqLogger: true,
    quietResLogger: true,
    wrapSerializers: false,
    // Left out where the logger would otherwise write the whole request down.
    serializers: { req: () => undefined, res: () => undefined },
    customAttributeKeys: { reqId: 'requestId', responseTime: 'durationMs' },
    autoLogging: { ignore: (request) => quietPaths.has(pathOf(request)) },
    customLogLevel: (_request, response, error) => (error || response.statusCode >= 500 ? 'error' : 'info'),
    customSuccessObject: describe,
    customErrorObject: (request, response, _error, value) => describe(request, response, value),
    customSuccessMessage: () => 'request answered',
    customErrorMessage: () => 'request failed',
  });
}

function describe(request: IncomingMessage, response: ServerResponse, value: { durationMs?: number }) {
  const caller = knownCallerOf(request);
  return {
    durationMs: value.durationMs,
    method: request.method,
    path: pathOf(request),
    status: response.statusCode,
    ...(caller && { workspaceId: caller.workspaceId, keyId: caller.keyId }),
  };
}

/** Express keeps the whole address beside the one that it shortens for each router. */
function pathOf(request: IncomingMessage): string {
  const address = 'originalUrl' in request ? request.originalUrl : request.url;
  return String(address).split('?', 1)[0] ?? '';
}
