import { isUtf8 } from 'node:buffer';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { z } from 'zod';
import type { CallbackReader, RawCallback } from '../../contract/provider.js';
import { taskIdSchema } from '../adapter.js';
import { createClaimReader } from '../callbacks.js';

const event = z.object({ data: z.object({ id: taskIdSchema }), type: z.string().regex(/^video\./) });

/** The webhooks of a whole project, by Standard Webhooks. They carry only the id of the video. Throws for a secret that cannot be one. */
export function signedCallbacks({ secret, apiKey }: { secret: string; apiKey: string }): CallbackReader {
  const webhook = new Webhook(secret);
  const readClaim = createClaimReader({
    secrets: [apiKey, secret],
    taskIdOf: (body) => event.safeParse(body).data?.data.id ?? null,
  });
  return {
    comesTo: 'account',
    readCallback: (callback) => (isSigned(webhook, callback) ? readClaim(callback) : 'forged'),
  };
}

/** Over the very bytes: what is no UTF-8 would be another text when it is decoded. */
function isSigned(webhook: Webhook, { body, header }: RawCallback): boolean {
  if (!isUtf8(body)) return false;
  const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature'];
  const headers = Object.fromEntries(names.map((name) => [name, header(name) ?? '']));
  try {
    webhook.verify(Buffer.from(body).toString('utf8'), headers);
    return true;
  } catch (error) {
    // What is signed and no JSON is still the vendor's.
    if (error instanceof SyntaxError) return true;
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}
