import { Webhook } from 'standardwebhooks';
import { FetchFailure } from '../artifacts/fetch-failure.js';
import type { GuardedFetch, GuardedResponse } from '../artifacts/guarded-fetch.js';
import type { WebhookError } from '../contract/webhooks.js';
import { readRetryAfterMs } from '../providers/retry-after.js';

export type SignedPost = {
  url: string;
  messageId: string;
  body: string;
  secrets: readonly string[];
  timeoutMs: number;
  signal: AbortSignal;
};

export type WebhookAnswer = {
  /** What the log of the delivery keeps. */
  said: {
    status: number | null;
    error: WebhookError | null;
    detail: string | null;
    /** The beginning of what was answered, for whoever looks for a mistake. */
    answer: string;
  };
  retryAfterMs: number | undefined;
};

const MAX_ANSWER_BYTES = 4_096;
/** The status has told what became of it: nobody waits long for the rest. */
const ANSWER_WITHIN_MS = 2_000;

/** Posts an event once, signed, and says what the other side made of it. Throws only when `signal` is aborted. */
export async function postWebhook(fetchGuarded: GuardedFetch, post: SignedPost): Promise<WebhookAnswer> {
  const { url, body, timeoutMs, signal } = post;
  try {
    const response = await fetchGuarded.post({
      url,
      body,
      headers: { 'content-type': 'application/json', 'user-agent': 'reelay-webhooks', ...signatureOf(post) },
      limits: {
        deadlineMs: timeoutMs,
        // The deadline comes before these.
        headersTimeoutMs: 2 * timeoutMs,
        idleTimeoutMs: 2 * timeoutMs,
        // What is too long is not read to its end, so no length is too long.
        maxBytes: Number.MAX_SAFE_INTEGER,
        minimumRate: { bytes: 0, windowMs: timeoutMs },
      },
      signal,
    });
    const { status, headers } = response;
    const isTaken = status >= 200 && status < 300;
    return {
      said: { status, error: isTaken ? null : 'status', detail: null, answer: await beginningOf(response) },
      retryAfterMs: isTaken ? undefined : readRetryAfterMs(headers['retry-after']),
    };
  } catch (error) {
    if (!(error instanceof FetchFailure)) throw error;
    const { message: detail } = error;
    return { said: { status: null, error: classOf(error), detail, answer: '' }, retryAfterMs: undefined };
  }
}

/** Each try has a time of its own, so that an old one cannot be replayed; the id stays, so that a repeated event is known as such. */
function signatureOf({ messageId, body, secrets }: SignedPost): Record<string, string> {
  const now = new Date();
  return {
    'webhook-id': messageId,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(messageId, now, body)).join(' '),
  };
}

/** However long the answer is, or slow, its connection is free afterwards. */
async function beginningOf(response: GuardedResponse): Promise<string> {
  const timer = setTimeout(() => response.discard(), ANSWER_WITHIN_MS);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= MAX_ANSWER_BYTES) break;
    }
  } catch {
    // Cut off, by us or by them: what came is the answer.
  } finally {
    clearTimeout(timer);
    response.discard();
  }
  // PostgreSQL holds no U+0000.
  return Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString('utf8').replaceAll('\u0000', '\uFFFD');
}

function classOf({ reason, message }: FetchFailure): WebhookError {
  switch (reason) {
    case 'address_refused':
      return 'address_refused';
    case 'deadline':
    case 'too_slow':
      return 'timeout';
    case 'network':
      if (/TIMEOUT|ETIMEDOUT/.test(message)) return 'timeout';
      return /CERT|TLS|SSL|SELF_SIGNED|VERIFY/.test(message) ? 'tls' : 'network';
    case 'redirects':
    case 'too_large':
      return 'network';
  }
}
