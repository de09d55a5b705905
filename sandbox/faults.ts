import type { Request, Response } from 'express';
import { type StrangeAnswer, sendStrange } from './strange-answers.js';
import { commonRefusals, type Vendor } from './vendor.js';

type ReadingFault =
  | { fault: 'rate_limit'; retryAfterSeconds?: number | undefined }
  | { fault: 'server_error' | 'hang' | 'drop' | 'garbage' | StrangeAnswer };
type Exchange = { vendor: Vendor; request: Request; response: Response };

const GARBAGE = '<!doctype html><title>Bad gateway</title><h1>Something went wrong</h1>';

/** A reading call goes wrong in a way that tells nothing of any task. */
export function playFault(script: ReadingFault, { vendor, request, response }: Exchange): void {
  switch (script.fault) {
    case 'server_error':
      vendor.sendError(response, commonRefusals.internal);
      break;
    case 'rate_limit':
      sendRateLimit({ vendor, response, retryAfterSeconds: script.retryAfterSeconds });
      break;
    case 'drop':
      request.socket.destroy();
      break;
    case 'garbage':
      sendGarbage(response);
      break;
    case 'hang':
      break;
    default:
      void sendStrange(script.fault, { request, response });
  }
}

export function sendGarbage(response: Response): void {
  response.type('html').send(GARBAGE);
}

type RateLimit = { vendor: Vendor; response: Response; retryAfterSeconds: number | undefined };

export function sendRateLimit({ vendor, response, retryAfterSeconds }: RateLimit): void {
  if (retryAfterSeconds !== undefined) response.set('Retry-After', String(retryAfterSeconds));
  vendor.sendError(response, commonRefusals.tooMany);
}
