import type { Request, Response } from 'express';
import { hasCredential } from './credential.js';
import { playFault } from './faults.js';
import type { Files } from './files.js';
import type { Call, Ledger } from './ledger.js';
import type { Scripts } from './scripts.js';
import type { Known, Tasks } from './tasks.js';
import { commonRefusals, type Vendor } from './vendor.js';

type Deps = { vendor: Vendor; tasks: Tasks; scripts: Scripts; ledger: Ledger; files: Files };
type Exchange = { request: Request; response: Response; call: Call };
type ListRoute = NonNullable<Vendor['list']>;
type RemoveRoute = NonNullable<Vendor['remove']>;
type ContentRoute = NonNullable<Vendor['content']>;

/** The calls that only some vendors have. */
export function createFurtherCalls({ vendor, tasks, scripts, ledger, files }: Deps) {
  return {
    list:
      ({ read }: ListRoute) =>
      (request: Request, response: Response) => {
        const account = String(request.params.account);
        const call = 'list' satisfies Call;
        if (!admits({ request, response, call })) return;
        const script = scripts.take(call, { account });
        if (script) {
          ledger.add({ account, call, outcome: script.fault, fault: script.fault });
          return playFault(script, { vendor, request, response });
        }
        const answer = read({ known: tasks.knownOf(account), query: request.query });
        ledger.add({ account, call, outcome: 'refusal' in answer ? 'refused' : 'listed' });
        if ('refusal' in answer) vendor.sendError(response, answer.refusal);
        else response.json(answer.page);
      },

    remove:
      ({ read }: RemoveRoute) =>
      (request: Request, response: Response) => {
        const known = knownTo({ request, response, call: 'delete' });
        if (!known) return;
        const { task } = known;
        const { account, id: taskId, prompt } = task;
        const answer = read(known);
        const outcome = 'refusal' in answer ? 'refused' : 'deleted';
        ledger.add({ account, call: 'delete', outcome, taskId, prompt });
        if ('refusal' in answer) return vendor.sendError(response, answer.refusal);
        tasks.remove(task);
        response.json(answer.removed);
      },

    content:
      ({ refusalOf }: ContentRoute) =>
      async (request: Request, response: Response) => {
        const known = knownTo({ request, response, call: 'download' });
        if (!known) return;
        const { task } = known;
        const standing = tasks.askedForFile(task);
        const refusal = refusalOf({ task, standing, query: request.query });
        const clipPath = tasks.clipOf(task);
        if (refusal || !clipPath) {
          const { account, id: taskId, prompt } = task;
          ledger.add({ account, call: 'download', outcome: 'refused', taskId, prompt });
          return vendor.sendError(response, refusal ?? commonRefusals.notFound);
        }
        // The address is always the same, so an expiry lasts as many calls as its script says.
        const sendExpired = () => vendor.sendError(response, commonRefusals.notFound);
        return files.send({ request, response, task, clipPath, sendExpired });
      },
  };

  function admits({ request, response, call }: Exchange): boolean {
    if (hasCredential(request, vendor)) return true;
    ledger.add({ account: String(request.params.account), call, outcome: 'refused' });
    vendor.sendError(response, vendor.refusals.auth);
    return false;
  }

  /** The task that the path names, or an answer that there is none. */
  function knownTo({ request, response, call }: Exchange): Known | undefined {
    if (!admits({ request, response, call })) return undefined;
    const account = String(request.params.account);
    const taskId = String(request.params.id);
    const known = tasks.known(account, taskId);
    if (known) return known;
    ledger.add({ account, call, outcome: 'not_found', taskId });
    vendor.sendError(response, commonRefusals.notFound);
    return undefined;
  }
}
