import { createHash } from 'node:crypto';
import type { ActivityDeps } from './deps.js';

export type NewCallback = { url: string; tokenSha256: Buffer };

/**
 * An address at which one attempt is called back, where its provider does that. Whoever has its token may wake the attempt, so the
 * token is with the provider alone: what is kept here is its hash.
 */
export function newCallback({ providers, callbackAddress }: ActivityDeps, account: string): NewCallback | undefined {
  if (!callbackAddress || !callsBack(providers, account)) return undefined;
  const { url, token } = callbackAddress(account);
  return { url, tokenSha256: createHash('sha256').update(token).digest() };
}

/** An account that cannot be used is found out when its submit is prepared. */
function callsBack(providers: ActivityDeps['providers'], account: string): boolean {
  try {
    return providers.get(account).callbacks?.comesTo === 'attempt';
  } catch {
    return false;
  }
}
