import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const RANDOM_BYTES = 24;
const MARK_BYTES = 12;

export type CallbackTokens = ReturnType<typeof createCallbackTokens>;

/**
 * The secrets in the addresses that providers call back at: random, with a mark by which one that was never given out is told without asking
 * anybody. Whether a marked one is an attempt's is known by the attempts alone.
 */
export function createCallbackTokens(secret: string) {
  // The label keeps these marks apart from any other use of the secret.
  const markOf = (account: string, random: Uint8Array) =>
    createHmac('sha256', secret).update(`callback\n${account}\n`).update(random).digest().subarray(0, MARK_BYTES);

  return {
    make(account: string): string {
      const random = randomBytes(RANDOM_BYTES);
      return Buffer.concat([random, markOf(account, random)]).toString('base64url');
    },

    /** Not so for those that were made with another secret: what is unmarked may be an attempt's all the same. */
    isMarked({ account, token }: { account: string; token: string }): boolean {
      const bytes = Buffer.from(token, 'base64url');
      if (bytes.length !== RANDOM_BYTES + MARK_BYTES) return false;
      return timingSafeEqual(bytes.subarray(RANDOM_BYTES), markOf(account, bytes.subarray(0, RANDOM_BYTES)));
    },
  };
}
