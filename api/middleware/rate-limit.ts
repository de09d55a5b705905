import type { RequestHandler } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { ServiceError } from '../../contract/errors.js';
import { callerOf } from './caller.js';

const WINDOW_SECONDS = 60;

/** Counts the requests of each workspace, in this process, and says in every answer what is left. */
export function createRateLimit(): RequestHandler {
  const limiters = new Map<number, RateLimiterMemory>();

  return async (request, response, next) => {
    const { workspaceId, requestsPerMinute } = callerOf(request);
    const count = await limiterOf(requestsPerMinute)
      .consume(workspaceId)
      .catch((refusal: unknown) => {
        if (refusal instanceof RateLimiterRes) return refusal;
        throw refusal;
      });
    const resetSeconds = Math.ceil(count.msBeforeNext / 1_000);
    response.set('RateLimit-Policy', `"workspace";q=${requestsPerMinute};w=${WINDOW_SECONDS}`);
    response.set('RateLimit', `"workspace";r=${count.remainingPoints};t=${resetSeconds}`);
    if (count.consumedPoints > requestsPerMinute) {
      const detail = `The workspace may send ${requestsPerMinute} requests a minute.`;
      throw new ServiceError('rate_limited', { detail, retryAfterSeconds: Math.max(resetSeconds, 1) });
    }
    next();
  };

  function limiterOf(points: number): RateLimiterMemory {
    const known = limiters.get(points);
    if (known) return known;
    const limiter = new RateLimiterMemory({ points, duration: WINDOW_SECONDS });
    limiters.set(points, limiter);
    return limiter;
  }
}
