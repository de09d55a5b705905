import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { type CallbackPost, postCallback } from './callback-post.js';
import type { Ledger } from './ledger.js';
import type { ScriptOf, Scripts } from './scripts.js';
import type { Standing, Task, Tasks } from './tasks.js';
import type { Vendor } from './vendor.js';

const TRIES = 3;
const TRY_AGAIN_MS = 1_000;
const SOONEST_CHECK_MS = 5;
const LATEST_CHECK_MS = 250;
/** More than whoever checks a signature puts up with. */
const OLD_MS = 6 * 60_000;

/** The one address of an account whose vendor signs what it calls back with. */
export type AccountWebhook = { account: string; url: string; secret: string };

type Deps = { tasks: Tasks; ledger: Ledger; scripts: Scripts };
type Misdeed = ScriptOf<'callback'>;
/** Of one task: what to call and how. */
type Line = { task: Task; url: string; secret?: string; misdeed: Misdeed | undefined; bodyOf: BodyOf };
type BodyOf = (task: Task, standing: Standing) => string;

/** Calls back when a task has ended: the address that its submit named, or that of its account. One that stalls is never told of. */
export function createCallbacks({ tasks, ledger, scripts }: Deps) {
  const closing = new AbortController();
  const { signal } = closing;
  const webhooks = new Map<string, AccountWebhook>();

  return {
    setWebhook: (webhook: AccountWebhook) => void webhooks.set(webhook.account, webhook),

    /** To be called before the submit is answered, and waited for: a callback may come before its answer. */
    async begin(vendor: Vendor, task: Task): Promise<void> {
      const line = lineOf(vendor, task);
      if (!line) return;
      if (line.misdeed?.fault === 'early') return send(line, postOf(line, tasks.standing(task)));
      watch(line).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
    },
    close: () => closing.abort(),
  };

  function lineOf({ callbackBody, signsCallbacks }: Vendor, task: Task): Line | undefined {
    const { account, prompt } = task;
    const webhook = signsCallbacks ? webhooks.get(account) : undefined;
    const url = signsCallbacks ? webhook?.url : task.callbackUrl;
    if (!callbackBody || !url) return undefined;
    const misdeed = scripts.take('callback', { account, prompt });
    const bodyOf: BodyOf = (about, standing) => JSON.stringify(callbackBody(about, standing));
    return { task, url, misdeed, bodyOf, ...(webhook && { secret: webhook.secret }) };
  }

  async function watch(line: Line): Promise<void> {
    const { task, misdeed } = line;
    if (misdeed?.fault === 'never') return note(line, 'never');
    if (misdeed?.fault === 'forged') await send(line, forged(line, { state: 'done' }), { tries: 1 });
    await task.prepared;
    let standing = tasks.standing(task);
    while (standing.state !== 'done' && standing.state !== 'failed') {
      const halfMs = (standing.endsInMs ?? 0) / 2;
      await wait(Math.min(Math.max(halfMs, SOONEST_CHECK_MS), LATEST_CHECK_MS));
      standing = tasks.standing(task);
    }
    if (misdeed?.fault === 'late') await wait(misdeed.seconds * 1_000);
    await send(line, postOf(line, standing));
    if (misdeed?.fault === 'doubled') await send(line, postOf(line, standing));
    if (misdeed?.fault === 'out_of_order') await send(line, postOf(line, { state: 'processing', progress: 50 }));
  }

  function postOf(line: Line, standing: Standing): CallbackPost {
    const { task, url, secret, misdeed, bodyOf } = line;
    const body = bodyOf(misdeed?.fault === 'other_job' ? otherThan(task) : task, standing);
    const atMs = Date.now() - (misdeed?.fault === 'old' ? OLD_MS : 0);
    const isSigned = secret !== undefined && misdeed?.fault !== 'unsigned';
    return {
      url,
      body,
      ...(isSigned && { signature: { secret, atMs } }),
      ...(misdeed?.fault === 'changed_body' && { sentBody: body.replace(task.id, changed(task.id)) }),
    };
  }

  /** From somebody who knows the body and not the secret. */
  function forged({ task, url, secret, bodyOf }: Line, standing: Standing): CallbackPost {
    const body = bodyOf(task, standing);
    const guess = randomBytes(24);
    if (secret !== undefined) return { url, body, signature: { secret: guess.toString('base64'), atMs: Date.now() } };
    return { url: url.replace(/[^/]*$/, guess.toString('base64url')), body };
  }

  /** The last task of the account but this one. */
  function otherThan(task: Task): Task {
    const others = tasks.all().filter(({ account, id }) => account === task.account && id !== task.id);
    return others.at(-1) ?? { ...task, id: changed(task.id) };
  }

  async function send(line: Line, sent: CallbackPost, { tries = TRIES } = {}): Promise<void> {
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      const outcome = await postCallback(sent);
      note(line, outcome);
      if (outcome.startsWith('2') || attempt === tries) return;
      await wait(TRY_AGAIN_MS);
    }
  }

  function note({ task: { account, id: taskId, prompt }, misdeed }: Line, outcome: string): void {
    ledger.add({ account, call: 'callback', outcome, ...(misdeed && { fault: misdeed.fault }), taskId, prompt });
  }

  async function wait(ms: number): Promise<void> {
    await pause(ms, undefined, { signal, ref: false });
  }
}

function changed(id: string): string {
  return `${id.slice(0, -1)}${id.endsWith('0') ? '1' : '0'}`;
}

export type Callbacks = ReturnType<typeof createCallbacks>;
