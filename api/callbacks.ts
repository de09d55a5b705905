import { createHash } from 'node:crypto';
import express, { type ErrorRequestHandler, type Request, type RequestHandler, type Response, Router } from 'express';
import { ServiceError } from '../contract/errors.js';
import type { AttemptRef } from '../contract/plan.js';
import type { CallbackReader, RawCallback } from '../contract/provider.js';
import type { CallbackTokens } from '../runtime/callback-tokens.js';
import type { Logger } from '../runtime/logger.js';
import type { Callbacks } from '../store/callbacks.js';
import { createCallbackLimits } from './callback-limits.js';
import { createRefusalLog } from './refusal-log.js';
import { createTarPit, type TarPit } from './tar-pit.js';

export type CallbackDeps = {
  /** How each account calls back; accounts that do not are left out. */
  readers: ReadonlyMap<string, CallbackReader>;
  received: Pick<Callbacks, 'knowsToken' | 'receiveByToken' | 'receiveByTask'>;
  /** Whether a token may have been given out by us, told without asking anybody. */
  isMarkedToken: CallbackTokens['isMarked'];
  /** Somebody is to be woken. */
  wakeDispatcher: () => void;
  limits?: ReturnType<typeof createCallbackLimits>;
  tarPit?: TarPit;
  logger: Logger;
};

const MAX_BODY_BYTES = 256 * 1024;
/** What is signed carries an id, and is read and hashed before anybody knows whose it is. */
const MAX_SIGNED_BYTES = 16 * 1024;
/** At least 128 bits. */
const tokenShape = /^[\w-]{22,86}$/;

/**
 * Where providers say that a task has ended. For them and not for callers: no key, no dialect, and answers without a word. Nobody is believed
 * here; a callback is kept, and whoever waits for the task is woken to ask the provider.
 */
export function createCallbackRoutes({
  readers,
  received,
  isMarkedToken,
  wakeDispatcher,
  limits = createCallbackLimits(),
  tarPit = createTarPit(),
  logger,
}: CallbackDeps): Router {
  const refusals = createRefusalLog(logger);
  const router = Router();

  const findAccount =
    (comesTo: CallbackReader['comesTo']): RequestHandler =>
    async (request, response, next) => {
      const { account, token } = parametersOf(request);
      const isPossible = readers.get(account)?.comesTo === comesTo && (token === undefined || tokenShape.test(token));
      if (!isPossible) return refuseGuess(request, response, 404);
      next();
    };

  // Before anything is asked of the database, or read of the body.
  const limitRate: RequestHandler = async (request, response, next) => {
    const { account, token = '' } = parametersOf(request);
    const isMarked = isMarkedToken({ account, token });
    const isAdmitted = await (isMarked ? limits.mayCall(account) : limits.mayGuess(addressOf(request)));
    if (isAdmitted) next();
    else refuse(request, response, 429);
  };

  const knowToken: RequestHandler = async (request, response, next) => {
    const { account, token = '' } = parametersOf(request);
    if (await received.knowsToken({ account, tokenSha256: sha256(token) })) next();
    else refuse(request, response, 404);
  };

  router.post(
    '/callbacks/:account/:token',
    findAccount('attempt'),
    limitRate,
    knowToken,
    readBytes(MAX_BODY_BYTES),
    async (request, response) => {
      const { account, token = '' } = parametersOf(request);
      const callback = callbackOf(request);
      const claim = readers.get(account)?.readCallback(callback);
      if (!claim || claim === 'forged') return refuse(request, response, 404);
      const kept = { account, bodySha256: sha256(callback.body), ...claim };
      taken(request, response, await received.receiveByToken({ ...kept, tokenSha256: sha256(token) }));
    },
  );

  router.post('/callbacks/:account', findAccount('account'), readBytes(MAX_SIGNED_BYTES), async (request, response) => {
    const { account } = parametersOf(request);
    const callback = callbackOf(request);
    const claim = readers.get(account)?.readCallback(callback);
    if (!claim || claim === 'forged') return refuseGuess(request, response, 401);
    if (!(await limits.mayCall(account))) return refuse(request, response, 429);
    const { taskId, excerpt } = claim;
    const kept = { account, bodySha256: sha256(callback.body), excerpt };
    // One about something else is the provider's all the same, and is not to be sent again.
    taken(request, response, taskId === null ? undefined : await received.receiveByTask({ ...kept, taskId }));
  });

  const answerError: ErrorRequestHandler = (error: unknown, request, response, _next) => {
    if (response.headersSent) return void response.destroy();
    const status = statusOf(error);
    if (status >= 500) logger.warn({ err: error }, 'a callback was not kept');
    refuse(request, response, status);
  };
  // Whatever else is asked for here: its address may hold a token, which no log is to have.
  router.use('/callbacks', (request: Request, response: Response) => refuseGuess(request, response, 404), answerError);
  return router;

  async function refuseGuess(request: Request, response: Response, status: number): Promise<void> {
    refuse(request, response, (await limits.mayGuess(addressOf(request))) ? status : 429);
  }

  function refuse(request: Request, response: Response, status: number): void {
    const { account } = parametersOf(request);
    refusals.count({ account: readers.has(account) ? account : 'unknown', status });
    if (status === 429) response.set('Retry-After', String(limits.retryAfterSeconds));
    if (status === 503) response.set('Retry-After', '1');
    response.status(status);
    if (status === 429) tarPit.hold(response, () => response.end());
    else response.end();
  }

  function taken(request: Request, response: Response, attempt: AttemptRef | undefined): void {
    const { account } = parametersOf(request);
    response.status(200).end();
    logger.info({ provider: account, ...attempt }, 'a provider called back');
    if (attempt) wakeDispatcher();
  }
}

/** The very bytes: whatever is signed is signed over them. */
function readBytes(limit: number): RequestHandler {
  return express.raw({ limit, type: () => true, inflate: false });
}

function callbackOf({ body, headersDistinct }: Request): RawCallback {
  return {
    // A request without a body has none here.
    body: body instanceof Uint8Array ? body : new Uint8Array(),
    header: (name) => {
      const [value, ...others] = headersDistinct[name.toLowerCase()] ?? [];
      return others.length > 0 ? undefined : value;
    },
  };
}

function parametersOf({ params }: Request): { account: string; token?: string } {
  const { account = '', token } = params;
  return { account: String(account), ...(token !== undefined && { token: String(token) }) };
}

function addressOf({ socket }: Request): string {
  return socket.remoteAddress ?? '';
}

function sha256(content: string | Uint8Array): Buffer {
  return createHash('sha256').update(content).digest();
}

/** What the body reader or the router blames on the request, or that we are at fault. */
function statusOf(error: unknown): number {
  if (error instanceof ServiceError) return error.status;
  const status = error instanceof Error && 'status' in error ? error.status : undefined;
  // An address that cannot be read is nobody's, like any other that is not ours.
  if (status === 400) return 404;
  return typeof status === 'number' && status < 500 ? status : 500;
}
