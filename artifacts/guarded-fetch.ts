import type { Dispatcher } from 'undici';
import { errorCodeOf } from './error-code.js';
import { FetchFailure } from './fetch-failure.js';
import { createGuardedAgent, type GuardSettings } from './guarded-connection.js';
import { meter } from './meter.js';

const MAX_REDIRECTS = 5;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);

export type FetchLimits = {
  maxBytes: number;
  /** From the call to the last byte, redirects included. */
  deadlineMs: number;
  headersTimeoutMs: number;
  /** Between two pieces of the body. */
  idleTimeoutMs: number;
  /** At least so many bytes in each window that is spent waiting for the other side. */
  minimumRate: { bytes: number; windowMs: number };
};

export type GuardedRequest = {
  url: string;
  headers?: Record<string, string>;
  /** Headers that only `credentialOrigin` may see. A redirect away from it takes them off for good. */
  credentials?: Record<string, string>;
  credentialOrigin?: string;
  limits: FetchLimits;
  signal: AbortSignal;
};

export type GuardedPost = GuardedRequest & { body: string | Uint8Array };

export type GuardedResponse = {
  status: number;
  /** Lower-case names; the first of repeated ones. */
  headers: Record<string, string>;
  /** To be read to the end or left by `break`; otherwise `discard` frees the connection. */
  body: AsyncIterable<Uint8Array>;
  discard(): void;
};

/** The one way to fetch an address that somebody else chose. */
export interface GuardedFetch {
  /** Throws `FetchFailure` for what the other side does, here and from the body; the signal's reason when it is aborted. */
  get(request: GuardedRequest): Promise<GuardedResponse>;
  /** Sends once. A redirect is an answer like any other: what was meant for one address goes to no other. Fails as `get` does. */
  post(request: GuardedPost): Promise<GuardedResponse>;
  close(): Promise<void>;
}

export function createGuardedFetch(settings: GuardSettings): GuardedFetch {
  const agent = createGuardedAgent(settings);

  const exchange = async (request: GuardedRequest, answering: (signal: AbortSignal) => Promise<Answer>) => {
    const watch = startWatch(request);
    try {
      return readable(await answering(watch.signal), request, watch);
    } catch (error) {
      throw watch.explain(error);
    }
  };

  return {
    get: (request) => exchange(request, (signal) => follow(agent, request, signal)),
    post: (request) =>
      exchange(request, async (signal) => {
        const url = readUrl(request.url);
        const mayShowCredentials = url.origin === request.credentialOrigin;
        return send(agent, request, { method: 'POST', url, body: request.body, mayShowCredentials, signal });
      }),
    close: () => agent.close(),
  };
}

type Watch = ReturnType<typeof startWatch>;

/** One abort for both the deadline and the caller's signal; the first of them explains whatever error it brings about. */
function startWatch({ limits, signal }: GuardedRequest) {
  const controller = new AbortController();
  const deadline = new FetchFailure('deadline', `not finished within ${limits.deadlineMs} ms`);
  const timer = setTimeout(() => controller.abort(deadline), limits.deadlineMs);
  const abort = () => controller.abort(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });

  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  };
  return {
    signal: controller.signal,
    end,
    /** Ends the watch and says what an error really was. */
    explain(error: unknown): unknown {
      end();
      if (controller.signal.aborted) return controller.signal.reason;
      if (error instanceof FetchFailure) return error;
      const code = errorCodeOf(error) ?? 'no answer';
      return code === 'UND_ERR_BODY_TIMEOUT'
        ? new FetchFailure('too_slow', 'nothing came for too long', error)
        : new FetchFailure('network', `the exchange failed: ${code}`, error);
    },
  };
}

type Answer = Dispatcher.ResponseData;

type Hop = { url: URL; mayShowCredentials: boolean; signal: AbortSignal } & (
  | { method: 'GET' }
  | { method: 'POST'; body: string | Uint8Array }
);

function send(agent: Dispatcher, request: GuardedRequest, hop: Hop): Promise<Answer> {
  const { headers = {}, credentials = {}, limits } = request;
  return agent.request({
    origin: hop.url.origin,
    path: `${hop.url.pathname}${hop.url.search}`,
    method: hop.method,
    ...(hop.method === 'POST' && { body: hop.body }),
    // A compressed body could grow without bound when it is unpacked, so none is asked for and none is unpacked.
    headers: { 'accept-encoding': 'identity', ...headers, ...(hop.mayShowCredentials ? credentials : {}) },
    headersTimeout: limits.headersTimeoutMs,
    bodyTimeout: limits.idleTimeoutMs,
    signal: hop.signal,
  });
}

async function follow(agent: Dispatcher, request: GuardedRequest, signal: AbortSignal): Promise<Answer> {
  let url = readUrl(request.url);
  let mayShowCredentials = true;

  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    mayShowCredentials = mayShowCredentials && url.origin === request.credentialOrigin;
    const answer = await send(agent, request, { method: 'GET', url, mayShowCredentials, signal });
    const location = firstOf(answer.headers.location);
    if (!redirectStatuses.has(answer.statusCode) || !location) return answer;
    abandon(answer);
    url = readUrl(location, url);
  }
  throw new FetchFailure('redirects', `more than ${MAX_REDIRECTS} redirects`);
}

function readUrl(text: string, base?: URL): URL {
  if (!URL.canParse(text, base?.href)) throw new FetchFailure('address_refused', 'the address is not a URL');
  const url = new URL(text, base);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw new FetchFailure('address_refused', 'the address is neither http nor https');
  }
  if (url.username || url.password) throw new FetchFailure('address_refused', 'the address carries a user name');
  return url;
}

function readable(answer: Answer, { limits }: GuardedRequest, watch: Watch): GuardedResponse {
  // The deadline may strike before anyone reads; an error that nobody listens to would end the process.
  answer.body.on('error', () => undefined);
  const discard = () => {
    watch.end();
    abandon(answer);
  };
  const headers = Object.fromEntries(
    Object.entries(answer.headers).flatMap(([name, value]) => {
      const first = firstOf(value);
      return first === undefined ? [] : [[name, first] as const];
    }),
  );
  const declaredBytes = Number(headers['content-length'] ?? 0);
  if (declaredBytes > limits.maxBytes) {
    discard();
    throw new FetchFailure('too_large', `${declaredBytes} bytes, at most ${limits.maxBytes} are taken`);
  }
  return { status: answer.statusCode, headers, body: watched(answer, limits, watch), discard };
}

async function* watched(answer: Answer, limits: FetchLimits, watch: Watch): AsyncGenerator<Uint8Array> {
  try {
    yield* meter(answer.body, limits);
  } catch (error) {
    throw watch.explain(error);
  } finally {
    watch.end();
  }
}

/** Leaves a body unread. Its connection ends with it, because what is still to come may be endless. */
function abandon(answer: Answer): void {
  answer.body.on('error', () => undefined).destroy();
}

function firstOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
