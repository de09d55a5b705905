import { setTimeout as pause } from 'node:timers/promises';
import type { Ledger } from './ledger.js';
import type { Task, Tasks } from './tasks.js';
import type { Vendor } from './vendor.js';

const CHECK_EVERY_MS = 50;
const TRIES = 3;
const TRY_AGAIN_MS = 1_000;
const TIMEOUT_MS = 10_000;

/** Tells the address that a submit named when its task has ended. One that stalls is never told of. */
export function createCallbacks({ tasks, ledger }: { tasks: Tasks; ledger: Ledger }) {
  const closing = new AbortController();
  const { signal } = closing;

  return {
    async watch(vendor: Vendor, task: Task): Promise<void> {
      const { callbackUrl, account, id: taskId, prompt } = task;
      if (!callbackUrl || !vendor.callbackBody) return;
      try {
        let standing = tasks.standing(task);
        while (standing.state !== 'done' && standing.state !== 'failed') {
          await pause(CHECK_EVERY_MS, undefined, { signal, ref: false });
          standing = tasks.standing(task);
        }
        const body = JSON.stringify(vendor.callbackBody(task, standing));
        for (let attempt = 1; attempt <= TRIES; attempt += 1) {
          const outcome = await post(callbackUrl, body);
          ledger.add({ account, call: 'callback', outcome, taskId, prompt });
          if (outcome.startsWith('2')) return;
          await pause(TRY_AGAIN_MS, undefined, { signal, ref: false });
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    close: () => closing.abort(),
  };
}

/** The status that came back, or `unreachable`. */
async function post(url: string, body: string): Promise<string> {
  try {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(TIMEOUT_MS) });
    await response.body?.cancel();
    return String(response.status);
  } catch {
    return 'unreachable';
  }
}

export type Callbacks = ReturnType<typeof createCallbacks>;
