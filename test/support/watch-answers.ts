import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { checkAsDescribed } from './described.js';

/** Holds every answer of an application to the description, whoever asked: a client package, a command, a plain `fetch`. */
export function watchAnswers(application: RequestListener) {
  const checks: Promise<void>[] = [];

  return {
    listener: (request: IncomingMessage, response: ServerResponse) => {
      const { end } = response;
      let body: unknown;
      Object.assign(response, {
        end(...values: unknown[]) {
          [body] = values;
          return Reflect.apply(end, response, values) as unknown;
        },
      });
      response.once('finish', () => {
        const { method = 'GET', url = '/' } = request;
        checks.push(checkAsDescribed({ method, path: url }, answerOf(response, body)));
      });
      application(request, response);
    },

    /** Throws what was not as described: nobody waits for it sooner. */
    async verdict(): Promise<void> {
      for (const check of await Promise.allSettled(checks)) if (check.status === 'rejected') throw check.reason;
    },
  };
}

/** JSON is sent at once, so that the last that was written is all of it. Nobody looks at anything else. */
function answerOf(response: ServerResponse, body: unknown): Response {
  const { statusCode: status } = response;
  const contentType = response.getHeader('content-type');
  const headers = typeof contentType === 'string' ? { 'content-type': contentType } : undefined;
  const hasText = (typeof body === 'string' || Buffer.isBuffer(body)) && status !== 204 && status !== 304;
  return new Response(hasText ? body.toString() : null, { status, headers });
}
