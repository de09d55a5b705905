import { createHmac, timingSafeEqual } from 'node:crypto';

/** One file of a job, or an input by its own id, until a moment. */
type Link = { id: string; index: number; expiresAtSeconds: number };

type AddressSettings = { signer: LinkSigner; publicUrl: string; nowSeconds?: number };

const INPUT_LINK_SECONDS = 24 * 60 * 60;

export interface LinkSigner {
  sign(link: Link): string;
  /** Whether the signature is ours for exactly this link, and the link has not expired. */
  verify(link: Link & { signature: string; nowSeconds?: number }): boolean;
}

/** Links that need no key: whoever holds one can read one file until it expires. */
export function createLinkSigner(secret: string): LinkSigner {
  // The label keeps these signatures apart from any other use of the secret.
  const digest = ({ id, index, expiresAtSeconds }: Link) =>
    createHmac('sha256', secret).update(`content-link\n${id}\n${index}\n${expiresAtSeconds}`).digest();

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

/** The address at which a provider can fetch an input, for as long as a job may take. */
export function inputAddress(
  id: string,
  { signer, publicUrl, nowSeconds = Date.now() / 1000 }: AddressSettings,
): string {
  const expiresAtSeconds = Math.floor(nowSeconds) + INPUT_LINK_SECONDS;
  const signature = signer.sign({ id, index: 0, expiresAtSeconds });
  return `${publicUrl}/api/v1/videos/inputs/${id}?expires=${expiresAtSeconds}&signature=${signature}`;
}
