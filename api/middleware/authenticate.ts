import { createHash } from 'node:crypto';
import type { Request, RequestHandler } from 'express';
import { ServiceError } from '../../contract/errors.js';
import type { Caller } from '../jobs.js';
import { setCaller } from './caller.js';

type FindCaller = (secret: string) => Promise<Caller | undefined>;

/** How a dialect's callers send their key. */
export type Credential = {
  secretOf: (request: Pick<Request, 'get'>) => string | undefined;
  /** Told to who sends none, or a wrong one. */
  hint: string;
  /** The scheme for `WWW-Authenticate`, where there is one. */
  scheme?: string;
};

/** `Authorization: Bearer …`, as most dialects have it. */
export const bearer: Credential = {
  secretOf: (request) => bearerOf(request.get('authorization')),
  hint: 'Send a valid key: Authorization: Bearer rly_…',
  scheme: 'Bearer',
};

const KEPT_MS = 2_000;
const MAX_KEPT = 10_000;
const MAX_SECRET_CHARACTERS = 256;

/** Lets in who has a valid key, and remembers whose it is for two seconds: a revoked key works that long at most. */
export function createAuthentication(findCaller: FindCaller): (credential: Credential) => RequestHandler {
  const kept = new Map<string, { caller: Promise<Caller | undefined>; until: number }>();

  return ({ secretOf, hint, scheme }) =>
    async (request, response, next) => {
      const secret = secretOf(request);
      const isPossible = secret !== undefined && secret !== '' && secret.length <= MAX_SECRET_CHARACTERS;
      const caller = isPossible ? await callerWith(secret) : undefined;
      if (!caller) {
        if (scheme) response.set('WWW-Authenticate', isPossible ? `${scheme} error="invalid_token"` : scheme);
        throw new ServiceError('unauthorized', { detail: hint });
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
  return header && /^Bearer +([\x21-\x7e]+) *$/i.exec(header)?.[1];
}
