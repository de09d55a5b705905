import type { Request, Response } from 'express';
import type { Callbacks } from './callbacks.js';
import { hasCredential } from './credential.js';
import { playFault, sendGarbage, sendRateLimit } from './faults.js';
import { filesOf } from './forms.js';
import type { Call, Ledger } from './ledger.js';
import type { ScriptOf, Scripts } from './scripts.js';
import { isStrange, sendStrange } from './strange-answers.js';
import type { Fate, Task, Tasks } from './tasks.js';
import { commonRefusals, type Refusal, type Vendor } from './vendor.js';

type Deps = { vendor: Vendor; tasks: Tasks; scripts: Scripts; ledger: Ledger; callbacks: Callbacks };
type SubmitScript = ScriptOf<'submit'>;
type ReadSubmit = Vendor['submits'][number]['read'];
type TaskOf = Vendor['looks'][number]['taskOf'];

/** The calls that every vendor documents, with the faults that were planned for them. */
export function createCalls({ vendor, tasks, scripts, ledger, callbacks }: Deps) {
  return {
    submit: (read: ReadSubmit) => async (request: Request, response: Response) => {
      const account = String(request.params.account);
      const body: unknown = request.body;
      const prompt = vendor.promptOf(body);
      const isKnown = hasCredential(request, vendor);
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
          return sendRateLimit({ vendor, response, retryAfterSeconds: script.retryAfterSeconds });
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
          return sendGarbage(response);
        default:
      }

      const asked = await read({
        body,
        path: pathOf(request),
        header: (name) => request.get(name),
        files: filesOf(request),
        find: (id) => tasks.known(account, id),
      });
      if ('refusal' in asked) return refuse(asked.refusal);
      const task = tasks.create({ wish: asked.wish, account, id: vendor.newTaskId(), fate: fateOf(script) });
      // Written before the answer: it exists and is billed, whatever the caller hears of it.
      note('accepted', task);
      await callbacks.begin(vendor, task);
      if (script?.fault === 'accept_then_drop') return void request.socket.destroy();
      if (script?.fault === 'accept_then_hang') return;
      if (script && isStrange(script.fault)) return sendStrange(script.fault, { request, response });
      if (script?.fault === 'accept_without_id') return vendor.sendAcceptedWithoutId(response, task);
      if (script?.fault === 'finished_at_once') await task.prepared;
      vendor.sendAccepted(response, task, tasks.standing(task));
    },

    look: (taskOf: TaskOf) => (request: Request, response: Response) => {
      const account = String(request.params.account);
      const call = 'look' satisfies Call;
      if (!hasCredential(request, vendor)) {
        ledger.add({ account, call, outcome: 'refused' });
        return vendor.sendError(response, vendor.refusals.auth);
      }
      const asked = taskOf({ body: request.body, query: request.query, path: pathOf(request) });
      const known = asked && tasks.known(account, asked.id);
      if (!known || (asked.upstreamModel ?? known.task.upstreamModel) !== known.task.upstreamModel) {
        ledger.add({ account, call, outcome: 'not_found', ...(asked && { taskId: asked.id }) });
        return vendor.sendError(response, commonRefusals.notFound);
      }
      const { task } = known;
      const { prompt, id: taskId } = task;
      const script = scripts.take(call, { account, prompt });
      const told = script ? { outcome: script.fault, fault: script.fault } : { outcome: known.standing.state };
      ledger.add({ account, call, ...told, taskId, prompt });
      if (script?.fault === 'unknown_status') return vendor.sendUnknownStatus(response, task);
      if (script) return playFault(script, { vendor, request, response });
      // Where files are had by id, an address that is kept back is kept back there.
      vendor.sendStanding(response, task, tasks.lookedAt(task, { showsAddress: !vendor.content }));
    },

    /** Whatever the vendor's page does not name: a cancel, a list. */
    other(request: Request, response: Response): void {
      const call = request.method === 'DELETE' || request.path.endsWith('/cancel') ? 'cancel' : 'other';
      ledger.add({ account: String(request.params.account), call, outcome: 'not_found' });
      vendor.sendError(response, commonRefusals.notFound);
    },
  };

  function billFor({ seconds, billedSeconds = seconds, fate }: Task): number {
    if (fate.kind === 'fail' && vendor.freeLosses?.includes(fate.loss)) return 0;
    return Math.round(billedSeconds * vendor.pricePerSecondMicros);
  }
}

function fateOf(script: SubmitScript | undefined): Fate {
  switch (script?.fault) {
    case 'fail_after_accept':
      return { kind: 'fail', loss: script.reason };
    case 'stall':
      return { kind: 'stall', looks: script.looks, endsAtMs: script.seconds && Date.now() + script.seconds * 1_000 };
    case 'goes_back':
      return { kind: 'go_back', shownLooks: script.shownLooks, hiddenLooks: script.looks };
    case 'two_results':
      return { kind: 'two_results' };
    case 'finished_at_once':
      return { kind: 'succeed_at_once' };
    case 'succeed_without_url':
      return { kind: 'succeed_without_url', hiddenLooks: script.looks };
    default:
      return { kind: 'succeed' };
  }
}

function pathOf({ params }: Request): Record<string, string> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)]));
}
