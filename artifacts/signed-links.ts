import { createHmac, timingSafeEqual } from 'node:crypto';

/** One file of a job, until a moment. */
type Link = { jobId: string; index: number; expiresAtSeconds: number };

export interface LinkSigner {
  sign(link: Link): string;
  /** Whether the signature is ours for exactly this link, and the link has not expired. */
  verify(link: Link & { signature: string; nowSeconds?: number }): boolean;
}

/** Links that need no key: whoever holds one can read one file until it expires. */
export function createLinkSigner(secret: string): LinkSigner {
  // The label keeps these signatures apart from any other use of the secret.
  const digest = ({ jobId, index, expiresAtSeconds }: Link) =>
    createHmac('sha256', secret).update(`content-link\n${jobId}\n${index}\n${expiresAtSeconds}`).digest();

  return {
    sign: (link) => digest(link).toString('base64url'),
    verify({ signature, nowSeconds = Date.now() / 1000, ...link }) {
      const expected = digest(link);
      const given = Buffer.from(signature, 'base64url');
      // The length is known to everyone; only the content must be compared in constant time.
      const isOurs = given.length === expected.length && timingSafeEqual(given, expected);
      return isOurs && nowSeconds < link.expiresAtSeconds;
    },
  };
}
