import { createHash } from 'node:crypto';
import type { RequestHandler } from 'express';
import { ServiceError } from '../../contract/errors.js';
import type { Caller } from '../jobs.js';
import { setCaller } from './caller.js';

type FindCaller = (secret: string) => Promise<Caller | undefined>;

const KEPT_MS = 2_000;
const MAX_KEPT = 10_000;
const MAX_SECRET_CHARACTERS = 256;

/** Lets in who has a valid key, and remembers whose it is for two seconds: a revoked key works that long at most. */
export function createAuthentication(findCaller: FindCaller): RequestHandler {
  const kept = new Map<string, { caller: Promise<Caller | undefined>; until: number }>();

  return async (request, response, next) => {
    const secret = bearerOf(request.get('authorization'));
    const caller = secret === undefined ? undefined : await callerWith(secret);
    if (!caller) {
      response.set('WWW-Authenticate', secret === undefined ? 'Bearer' : 'Bearer error="invalid_token"');
      throw new ServiceError('unauthorized', { detail: 'Send a valid key: Authorization: Bearer rly_…' });
    }
    setCaller(request, caller);
    next();
  };

  async function callerWith(secret: string): Promise<Caller | undefined> {
    const hash = createHash('sha256').update(secret).digest('base64');
    const now = performance.now();
    const known = kept.get(hash);
    if (known && known.until > now) return known.caller;
    if (kept.size >= MAX_KEPT) kept.clear();
    const caller = findCaller(secret);
    kept.set(hash, { caller, until: now + KEPT_MS });
    try {
      const found = await caller;
      // A key that is made a moment later must work at once.
      if (!found) kept.delete(hash);
      return found;
    } catch (error) {
      kept.delete(hash);
      throw error;
    }
  }
}

function bearerOf(header: string | undefined): string | undefined {
  const secret = header && /^Bearer +([\x21-\x7e]+) *$/i.exec(header)?.[1];
  return secret && secret.length <= MAX_SECRET_CHARACTERS ? secret : undefined;
}
