import type { Request, Response } from 'express';
import type { Ledger } from './ledger.js';
import type { Script, Scripts } from './scripts.js';
import type { Fate, Task, Tasks } from './tasks.js';
import type { Vendor } from './vendor.js';

type Deps = { vendor: Vendor; tasks: Tasks; scripts: Scripts; ledger: Ledger };
type SubmitScript = Extract<Script, { call: 'submit' }>;

const GARBAGE = '<!doctype html><title>Bad gateway</title><h1>Something went wrong</h1>';

const fates: Partial<Record<SubmitScript['fault'], Fate>> = {
  stall: 'stall',
  succeed_without_url: 'succeed_without_url',
};

/** The two calls of a vendor as it documents them, with the faults that were planned for them. */
export function createCalls({ vendor, tasks, scripts, ledger }: Deps) {
  return {
    submit: (request: Request, response: Response) => {
      const account = String(request.params.account);
      const body = bodyOf(request);
      const prompt = vendor.promptOf(body);
      const note = (outcome: string, task?: Task) =>
        ledger.add({
          account,
          call: 'submit',
          outcome,
          prompt,
          ...(task && { taskId: task.id, billedMicros: billFor(task) }),
        });
      const refuse = (refusal: Parameters<Vendor['sendError']>[1]) => {
        note('refused');
        vendor.sendError(response, refusal);
      };
      if (!hasCredential(request)) return refuse(vendor.refusals.auth);

      const script = scripts.take('submit', { account, prompt });
      switch (script?.fault) {
        case 'refuse':
          return refuse(vendor.refusals[script.reason]);
        case 'rate_limit':
          note('rate_limited');
          return sendRateLimit(vendor, response, script.retryAfterSeconds);
        case 'server_error':
          note('server_error');
          return vendor.sendError(response, { status: 500, message: 'internal error' });
        case 'hang':
          return note('hung');
        case 'not_created_drop':
          note('dropped');
          return void request.socket.destroy();
        case 'garbage':
          note('garbage');
          return void response.type('html').send(GARBAGE);
        default:
      }

      const read = vendor.readSubmit(body, request.params as Record<string, string>);
      if ('refusal' in read) return refuse(read.refusal);
      const fate = script
        ? script.fault === 'fail_after_accept'
          ? failedFate(script)
          : fates[script.fault]
        : undefined;
      const task = tasks.create({ ...read.wish, account, id: vendor.newTaskId() }, fate);
      // Written before the answer: it exists and is billed, whatever the caller hears of it.
      note('accepted', task);
      if (script?.fault === 'accept_then_drop') return void request.socket.destroy();
      if (script?.fault === 'accept_then_hang') return;
      if (script?.fault === 'accept_without_id') return vendor.sendAcceptedWithoutId(response);
      vendor.sendAccepted(response, task, tasks.standing(task));
    },

    look: (request: Request, response: Response) => {
      const account = String(request.params.account);
      if (!hasCredential(request)) return vendor.sendError(response, vendor.refusals.auth);
      const taskId = vendor.taskIdOf(request.query, bodyOf(request));
      const task = taskId === undefined ? undefined : tasks.find(taskId);
      if (!task || task.account !== account) {
        ledger.add({ account, call: 'look', outcome: 'not_found', taskId });
        return vendor.sendError(response, { status: 404, message: 'task not found' });
      }
      const { prompt } = task;
      const script = scripts.take('look', { account, prompt });
      ledger.add({ account, call: 'look', outcome: script?.fault ?? tasks.standing(task).state, taskId, prompt });
      switch (script?.fault) {
        case 'server_error':
          return vendor.sendError(response, { status: 500, message: 'internal error' });
        case 'rate_limit':
          return sendRateLimit(vendor, response, script.retryAfterSeconds);
        case 'hang':
          return;
        case 'drop':
          return void request.socket.destroy();
        case 'garbage':
          return void response.type('html').send(GARBAGE);
        case 'unknown_status':
          return vendor.sendUnknownStatus(response, task);
        case undefined:
          return vendor.sendStanding(response, task, tasks.standing(task));
      }
    },
  };

  function billFor({ seconds }: Task): number {
    return Math.round(seconds * vendor.pricePerSecondMicros);
  }
}

function failedFate({ reason }: SubmitScript): Fate {
  return reason === 'moderation' ? 'fail_moderation' : 'fail_internal';
}

function sendRateLimit(vendor: Vendor, response: Response, retryAfterSeconds: number | undefined): void {
  if (retryAfterSeconds !== undefined) response.set('Retry-After', String(retryAfterSeconds));
  vendor.sendError(response, { status: 429, message: 'rate limit exceeded' });
}

/** Any key is valid but one that says that it is not. */
function hasCredential(request: Request): boolean {
  const key = /^Bearer (\S+)$/.exec(request.get('authorization') ?? '')?.[1];
  return key !== undefined && !key.startsWith('bad');
}

function bodyOf(request: Request): Record<string, unknown> {
  const body: unknown = request.body;
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body } : {};
}
