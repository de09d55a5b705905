import { Agent, type Dispatcher } from 'undici';
import type { z } from 'zod';
import { readRetryAfterMs } from './retry-after.js';

/** An answer larger than this is not read on: no vendor's page knows one of even a tenth of it. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * A connection that took longer is not written to. Its own time-out is as long; but a process that was held up meanwhile learns that it is
 * connected before it learns that its time is over, and somebody else may long have gone on without it.
 */
const CONNECT_WITHIN_MS = 10_000;

/** Statuses below 500 that say nothing about whether the request was carried out. */
const undecidedStatuses = new Set([408, 409, 425]);

/** Whether a status, of HTTP or of a vendor's own envelope, says that nothing was done. */
export function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && !undecidedStatuses.has(status);
}

type JsonRequest<Body> = {
  method: 'GET' | 'POST';
  url: URL;
  headers: Record<string, string>;
  body?: unknown;
  response: z.ZodType<Body>;
  /**
   * Whether an idle connection may carry this request. Not for what costs money: a server may close an idle connection
   * at any moment, and the request that meets this has an unknown fate.
   */
  reuseConnection: boolean;
  /** Ends the whole exchange; there is no other deadline. */
  signal: AbortSignal;
};

type Words = { status: number; text: string; retryAfterMs?: number };

/**
 * What an exchange came to. `refused`: a complete 4xx that says nothing was done. `not_sent`: no byte was written.
 * `unknown`: bytes may have reached the server, and what came back, if anything, does not tell what became of them.
 */
export type JsonAnswer<Body> =
  | { kind: 'ok'; body: Body }
  | ({ kind: 'refused' } & Words)
  | ({ kind: 'unknown'; reason: string } & Partial<Words>)
  | { kind: 'not_sent'; reason: string };

export type FailedAnswer = Exclude<JsonAnswer<unknown>, { kind: 'ok' }>;

export type SendJson = <Body>(request: JsonRequest<Body>) => Promise<JsonAnswer<Body>>;

export type JsonClient = { sendJson: SendJson; close(): Promise<void> };

/** The connections of one provider account. Sends once: no retries, no redirects, and never throws for what a network can do. */
export function createJsonClient({ connectWithinMs = CONNECT_WITHIN_MS } = {}): JsonClient {
  // Looks share connections; each submit gets a fresh one (pipelining 0 closes it after the answer).
  const kept = new Agent();
  const fresh = new Agent({ pipelining: 0 });

  return {
    async sendJson(request) {
      const dispatcher = request.reuseConnection ? kept : fresh;
      const exchange = await exchangeOnce(dispatcher, { ...request, connectWithinMs });
      return judge(exchange, request.response);
    },
    async close() {
      await Promise.all([kept.close(), fresh.close()]);
    },
  };
}

type Exchange = { sent: boolean; status?: number; retryAfterMs?: number; text?: string; failure?: string };

function judge<Body>(exchange: Exchange, response: z.ZodType<Body>): JsonAnswer<Body> {
  const { sent, status, text, failure = 'no answer', retryAfterMs } = exchange;
  if (!sent) return { kind: 'not_sent', reason: failure };
  if (status === undefined) return { kind: 'unknown', reason: failure };
  if (text === undefined) return { kind: 'unknown', reason: `status ${status}, then ${failure}`, status, retryAfterMs };

  if (status >= 200 && status < 300) {
    const body = response.safeParse(parseJson(text));
    if (body.success) return { kind: 'ok', body: body.data };
    return {
      kind: 'unknown',
      reason: `status ${status} with an answer that cannot be read`,
      status,
      text,
      retryAfterMs,
    };
  }
  if (isRefusal(status)) return { kind: 'refused', status, text, retryAfterMs };
  return { kind: 'unknown', reason: `status ${status}`, status, text, retryAfterMs };
}

/** `undefined` for text that is not JSON, which no schema of an answer accepts. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * One exchange on the dispatcher itself, because only its handler tells when the request begins to be written:
 * everything before that (name, connection, TLS, a bad header) was surely not sent.
 */
function exchangeOnce(
  dispatcher: Dispatcher,
  { method, url, headers, body, signal, connectWithinMs }: JsonRequest<unknown> & { connectWithinMs: number },
): Promise<Exchange> {
  const json = body === undefined ? undefined : JSON.stringify(body);

  return new Promise((resolve) => {
    const exchange: Exchange = { sent: false };
    const startedAtMs = performance.now();
    const chunks: Buffer[] = [];
    let bytes = 0;
    let controller: Dispatcher.DispatchController | undefined;

    const settle = (end: Pick<Exchange, 'text' | 'failure'>) => {
      signal.removeEventListener('abort', abort);
      resolve({ ...exchange, ...end });
    };
    const abort = () => {
      settle({ failure: 'it was given up' });
      controller?.abort(new Error('given up'));
    };
    if (signal.aborted) return abort();
    signal.addEventListener('abort', abort, { once: true });

    dispatcher.dispatch(
      {
        origin: url.origin,
        path: `${url.pathname}${url.search}`,
        method,
        headers: {
          accept: 'application/json',
          'accept-encoding': 'identity',
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        body: json,
      },
      {
        onRequestStart(started) {
          controller = started;
          // Given up while the connection was being made: nothing has been written yet, and nothing shall be.
          const isLate = performance.now() - startedAtMs > connectWithinMs;
          if (signal.aborted || isLate) started.abort(new Error('given up'));
          else exchange.sent = true;
        },
        onResponseStart(_, status, responseHeaders) {
          exchange.status = status;
          exchange.retryAfterMs = readRetryAfterMs(responseHeaders['retry-after']);
        },
        onResponseData(active, chunk) {
          bytes += chunk.length;
          if (bytes > MAX_ANSWER_BYTES) active.abort(new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`));
          else chunks.push(chunk);
        },
        onResponseEnd() {
          settle({ text: Buffer.concat(chunks).toString('utf8') });
        },
        onResponseError(_, error) {
          // A failure of several addresses at once has a code and no message.
          settle({ failure: error.message || ('code' in error ? String(error.code) : error.name) });
        },
      },
    );
  });
}
