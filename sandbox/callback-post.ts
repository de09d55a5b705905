import { createHmac, randomUUID } from 'node:crypto';

const TIMEOUT_MS = 10_000;

export type CallbackPost = {
  url: string;
  body: string;
  /** For a vendor that signs: what with, and when it says that it did. */
  signature?: { secret: string; atMs: number };
  /** What is sent in place of what was signed. */
  sentBody?: string;
};

/** The status that came back, or `unreachable`. */
export async function postCallback({ url, body, signature, sentBody = body }: CallbackPost): Promise<string> {
  const headers = { 'content-type': 'application/json', ...(signature && signatureOf(body, signature)) };
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await fetch(url, { method: 'POST', headers, body: sentBody, signal });
    await response.body?.cancel();
    return String(response.status);
  } catch {
    return 'unreachable';
  }
}

/** By OpenAI's page, and by hand: HMAC-SHA256 over id, seconds and body, with the secret behind its prefix. */
function signatureOf(body: string, { secret, atMs }: NonNullable<CallbackPost['signature']>): Record<string, string> {
  const id = `evt_${randomUUID().replaceAll('-', '')}`;
  const seconds = String(Math.floor(atMs / 1_000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signed = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signed}` };
}
