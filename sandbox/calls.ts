import type { Request, Response } from 'express';
import type { Callbacks } from './callbacks.js';
import type { Call, Ledger } from './ledger.js';
import type { ScriptOf, Scripts } from './scripts.js';
import type { Fate, Task, Tasks } from './tasks.js';
import { commonRefusals, type Refusal, type Vendor } from './vendor.js';

type Deps = { vendor: Vendor; tasks: Tasks; scripts: Scripts; ledger: Ledger; callbacks: Callbacks };
type SubmitScript = ScriptOf<'submit'>;

const GARBAGE = '<!doctype html><title>Bad gateway</title><h1>Something went wrong</h1>';

/** The calls of a vendor as it documents them, with the faults that were planned for them. */
export function createCalls({ vendor, tasks, scripts, ledger, callbacks }: Deps) {
  return {
    submit: async (request: Request, response: Response) => {
      const account = String(request.params.account);
      const body: unknown = request.body;
      const prompt = vendor.promptOf(body);
      const isKnown = hasCredential(request);
      const script = isKnown ? scripts.take('submit', { account, prompt }) : undefined;
      const note = (outcome: string, task?: Task) =>
        ledger.add({
          account,
          call: 'submit',
          outcome,
          ...(script && { fault: script.fault }),
          prompt,
          ...(task && { taskId: task.id, billedMicros: billFor(task) }),
        });
      const refuse = (refusal: Refusal) => {
        note('refused');
        vendor.sendError(response, refusal);
      };
      if (!isKnown) return refuse(vendor.refusals.auth);

      switch (script?.fault) {
        case 'refuse':
          return refuse(vendor.refusals[script.reason]);
        case 'rate_limit':
          note('rate_limited');
          return sendRateLimit(vendor, response, script.retryAfterSeconds);
        case 'server_error':
          note('server_error');
          return vendor.sendError(response, commonRefusals.internal);
        case 'hang':
          return void note('hung');
        case 'not_created_drop':
          note('dropped');
          return void request.socket.destroy();
        case 'garbage':
          note('garbage');
          return void response.type('html').send(GARBAGE);
        default:
      }

      const path = pathOf(request);
      const hasTask = (id: string) => tasks.find(account, id) !== undefined;
      const read = vendor.readSubmit({ body, path, hasTask });
      if ('refusal' in read) return refuse(read.refusal);
      const task = tasks.create({ wish: read.wish, account, id: vendor.newTaskId(), fate: fateOf(script) });
      // Written before the answer: it exists and is billed, whatever the caller hears of it.
      note('accepted', task);
      void callbacks.watch(vendor, task);
      if (script?.fault === 'accept_then_drop') return void request.socket.destroy();
      if (script?.fault === 'accept_then_hang') return;
      if (script?.fault === 'accept_without_id') return vendor.sendAcceptedWithoutId(response);
      if (script?.fault === 'finished_at_once') await task.prepared;
      vendor.sendAccepted(response, task, tasks.standing(task));
    },

    look: (request: Request, response: Response) => {
      const account = String(request.params.account);
      const call = 'look' satisfies Call;
      if (!hasCredential(request)) {
        ledger.add({ account, call, outcome: 'refused' });
        return vendor.sendError(response, vendor.refusals.auth);
      }
      const asked = vendor.taskOf({ body: request.body, query: request.query, path: pathOf(request) });
      const task = asked && tasks.find(account, asked.id);
      if (!task || (asked.upstreamModel ?? task.upstreamModel) !== task.upstreamModel) {
        ledger.add({ account, call, outcome: 'not_found', ...(asked && { taskId: asked.id }) });
        return vendor.sendError(response, commonRefusals.notFound);
      }
      const { prompt, id: taskId } = task;
      const script = scripts.take(call, { account, prompt });
      const { state } = tasks.standing(task);
      const told = script ? { outcome: script.fault, fault: script.fault } : { outcome: state };
      ledger.add({ account, call, ...told, taskId, prompt });
      switch (script?.fault) {
        case 'server_error':
          return vendor.sendError(response, commonRefusals.internal);
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
          return vendor.sendStanding(response, task, tasks.lookedAt(task));
      }
    },

    /** Whatever the vendor's page does not name: a cancel, a list. */
    other(request: Request, response: Response): void {
      const call = request.method === 'DELETE' || request.path.endsWith('/cancel') ? 'cancel' : 'other';
      ledger.add({ account: String(request.params.account), call, outcome: 'not_found' });
      vendor.sendError(response, commonRefusals.notFound);
    },
  };

  function billFor({ seconds }: Task): number {
    return Math.round(seconds * vendor.pricePerSecondMicros);
  }
}

function fateOf(script: SubmitScript | undefined): Fate {
  switch (script?.fault) {
    case 'fail_after_accept':
      return { kind: 'fail', loss: script.reason };
    case 'stall':
      return { kind: 'stall' };
    case 'finished_at_once':
      return { kind: 'succeed_at_once' };
    case 'succeed_without_url':
      return { kind: 'succeed_without_url', hiddenLooks: script.looks };
    default:
      return { kind: 'succeed' };
  }
}

function sendRateLimit(vendor: Vendor, response: Response, retryAfterSeconds: number | undefined): void {
  if (retryAfterSeconds !== undefined) response.set('Retry-After', String(retryAfterSeconds));
  vendor.sendError(response, commonRefusals.tooMany);
}

/** Any key is valid but one that says that it is not. */
function hasCredential(request: Request): boolean {
  const key = /^Bearer (\S+)$/.exec(request.get('authorization') ?? '')?.[1];
  return key !== undefined && !key.startsWith('bad');
}

function pathOf({ params }: Request): Record<string, string> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)]));
}
