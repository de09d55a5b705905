import type { IncomingMessage, ServerResponse } from 'node:http';
import { newId } from '../../runtime/ids.js';

const acceptable = /^[\w.:-]{1,128}$/;

/** The caller's own id for the request, or a new one; sent back either way, so that both sides can find it in their logs. */
export function giveRequestId(request: IncomingMessage, response: ServerResponse): string {
  const given = request.headers['x-request-id'];
  const id = typeof given === 'string' && acceptable.test(given) ? given : newId('request');
  response.setHeader('X-Request-Id', id);
  return id;
}

export function requestIdOf(response: ServerResponse): string {
  return String(response.getHeader('X-Request-Id'));
}
