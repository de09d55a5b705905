const MAX_EXCERPT_BYTES = 2_000;
const MAX_MESSAGE_CHARACTERS = 300;

/** Far more than is kept, so that what is cut off here cannot matter; it bounds the work of the expressions below. */
const WINDOW_CHARACTERS = 16_384;

export type Redact = { excerpt(text: string): string; message(text: string): string };

/** Makes a vendor's words fit to be kept: without credentials, without the query strings that sign addresses, short, and storable. */
export function createRedact(secrets: readonly string[]): Redact {
  const clean = (text: string) => {
    const withoutSecrets = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
    return (
      withoutSecrets
        .slice(0, WINDOW_CHARACTERS)
        .replaceAll(/\bBearer\s+[\w.~+/=-]{1,500}/gi, 'Bearer [redacted]')
        .replaceAll(/(https?:(?:\\?\/){2})[^\s"'<>@/?#]{1,500}@/gi, '$1[redacted]@')
        .replaceAll(/(https?:(?:\\?\/){2}[^\s"'<>?#]{1,1000})\?[^\s"'<>]*/gi, '$1?[redacted]')
        // Our own address for callbacks: its end is the secret of an attempt.
        .replaceAll(/(\/callbacks(?:\\?\/)[a-z0-9-]{1,100}(?:\\?\/))[\w-]{16,200}/g, '$1[redacted]')
        .replaceAll(/(data:[\w.+-]{1,50}\/[\w.+-]{1,50};base64,)[\w+/=-]*/gi, '$1[redacted]')
        .replaceAll('\u0000', '')
        .toWellFormed()
    );
  };
  return {
    excerpt: (text) => {
      const bytes = Buffer.from(clean(text));
      return bytes.length <= MAX_EXCERPT_BYTES ? bytes.toString() : cutBytes(bytes);
    },
    message: (text) => clean(text).slice(0, MAX_MESSAGE_CHARACTERS).toWellFormed(),
  };
}

/** Cuts before a character that would be torn apart. */
function cutBytes(bytes: Buffer): string {
  let end = MAX_EXCERPT_BYTES;
  while (((bytes[end] ?? 0) & 0b1100_0000) === 0b1000_0000) end -= 1;
  return bytes.subarray(0, end).toString();
}
