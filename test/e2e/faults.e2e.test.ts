import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { aRequest, createCaller, type JobAnswer } from '../support/caller.js';
import { sandboxControl } from '../support/sandbox.js';

jest.setTimeout(60_000);

type Script = Omit<Parameters<ReturnType<typeof sandboxControl>['script']>[0], 'promptIncludes'>;
type Expected = { status: JobAnswer['status']; code?: string; provider?: string; attempts: number; accepted: number };
type Case = { scripts: Script[]; expected: Expected; request?: Record<string, unknown> };

const done = (attempts = 1, accepted = 1, provider = 'omixa'): Expected => ({
  status: 'succeeded',
  attempts,
  accepted,
  provider,
});
const failed = (code: string, accepted = 0): Expected => ({ status: 'failed', code, attempts: 1, accepted });
const first = { account: 'omixa' };

/** What a provider can do, and what becomes of the job. `accepted` counts what the sandbox billed. */
const cases: Record<string, Case> = {
  'nothing goes wrong': { scripts: [], expected: done() },
  'the account is out of money': {
    scripts: [{ ...first, call: 'submit', fault: 'refuse', reason: 'balance' }],
    expected: done(2, 1, 'omixa-2'),
  },
  'both accounts are out of money, and a third vendor can do the length': {
    scripts: ['omixa', 'omixa-2'].map((account) => ({ account, call: 'submit', fault: 'refuse', reason: 'balance' })),
    request: { seconds: 10 },
    expected: done(3, 1, 'apixo'),
  },
  'every account is out of money': {
    scripts: ['omixa', 'omixa-2'].map((account) => ({ account, call: 'submit', fault: 'refuse', reason: 'balance' })),
    expected: { status: 'failed', code: 'provider_unavailable', attempts: 2, accepted: 0 },
  },
  'the prompt is refused': {
    scripts: [{ call: 'submit', fault: 'refuse', reason: 'moderation' }],
    expected: failed('prompt_rejected'),
  },
  'the input is refused': {
    scripts: [{ call: 'submit', fault: 'refuse', reason: 'invalid' }],
    expected: failed('provider_rejected'),
  },
  'too many requests, and a short Retry-After': {
    scripts: [{ call: 'submit', fault: 'rate_limit', retryAfterSeconds: 1 }],
    expected: done(2),
  },
  'too many requests, and a long Retry-After': {
    scripts: [{ ...first, call: 'submit', fault: 'rate_limit', retryAfterSeconds: 600 }],
    expected: done(2, 1, 'omixa-2'),
  },
  'a submit answers 500': {
    scripts: [{ call: 'submit', fault: 'server_error' }],
    expected: failed('submission_unknown'),
  },
  'a submit answers a page': {
    scripts: [{ call: 'submit', fault: 'garbage' }],
    expected: failed('submission_unknown'),
  },
  'a submit is never answered': {
    scripts: [{ call: 'submit', fault: 'hang' }],
    expected: failed('submission_unknown'),
  },
  'the connection is cut before anything was created': {
    scripts: [{ call: 'submit', fault: 'not_created_drop' }],
    expected: failed('submission_unknown'),
  },
  'the task is accepted and the connection cut': {
    scripts: [{ call: 'submit', fault: 'accept_then_drop' }],
    expected: failed('submission_unknown', 1),
  },
  'the task is accepted without an id': {
    scripts: [{ call: 'submit', fault: 'accept_without_id' }],
    expected: failed('submission_unknown', 1),
  },
  'the task fails after it was accepted': {
    scripts: [{ call: 'submit', fault: 'fail_after_accept' }],
    expected: done(2, 2),
  },
  'the result is moderated': {
    scripts: [{ call: 'submit', fault: 'fail_after_accept', reason: 'moderation' }],
    expected: failed('prompt_rejected', 1),
  },
  'the task stalls for ever': { scripts: [{ call: 'submit', fault: 'stall' }], expected: done(2, 2, 'omixa-2') },
  'the task ends without a file': {
    scripts: [{ call: 'submit', fault: 'succeed_without_url' }],
    expected: done(2, 2, 'omixa-2'),
  },
  'looks answer 500': { scripts: [{ call: 'look', fault: 'server_error', times: 2 }], expected: done() },
  'looks answer pages': { scripts: [{ call: 'look', fault: 'garbage', times: 2 }], expected: done() },
  'looks are cut': { scripts: [{ call: 'look', fault: 'drop', times: 2 }], expected: done() },
  'a look is never answered': { scripts: [{ call: 'look', fault: 'hang' }], expected: done() },
  'a look says a word never seen': { scripts: [{ call: 'look', fault: 'unknown_status', times: 2 }], expected: done() },
  'looks come too often': {
    scripts: [{ call: 'look', fault: 'rate_limit', retryAfterSeconds: 1 }],
    expected: done(),
  },
  'the link has expired': { scripts: [{ call: 'download', fault: 'expired' }], expected: done() },
  'the file is cut': { scripts: [{ call: 'download', fault: 'truncate' }], expected: done() },
  'the file is cut, and nothing says so but the file': {
    scripts: [{ call: 'download', fault: 'truncate_without_length' }],
    expected: done(),
  },
  'the file has the wrong type in its header': {
    scripts: [{ call: 'download', fault: 'wrong_content_type' }],
    expected: done(),
  },
  'the file host answers 500': { scripts: [{ call: 'download', fault: 'server_error' }], expected: done() },
  'a page comes instead of the file, once': { scripts: [{ call: 'download', fault: 'html' }], expected: done() },
  'the file is empty for ever': {
    scripts: [{ ...first, call: 'download', fault: 'empty', times: null }],
    expected: done(2, 2, 'omixa-2'),
  },
  'the file’s address leads to a private one': {
    scripts: [
      { ...first, call: 'download', fault: 'redirect', location: 'http://169.254.169.254/latest/', times: null },
    ],
    expected: done(2, 2, 'omixa-2'),
  },
};

describe('a job ends rightly when', () => {
  let stack: Stack;
  let database: pg.Pool;
  let caller: ReturnType<typeof createCaller>;
  let sandbox: ReturnType<typeof sandboxControl>;
  const started = new Map<string, { prompt: string; job: JobAnswer }>();

  beforeAll(async () => {
    stack = await startStack({
      SUBMIT_TIMEOUT_MS: '1500',
      LOOK_TIMEOUT_MS: '1500',
      TASK_STALL_MS: '15000',
      RECONCILE_BLIND_GRACE_MS: '500',
      RETRY_PAUSE_MS: '100',
      SANDBOX_SPEED: '0',
      // The cases share the accounts: what befalls one of them must not send another elsewhere.
      BREAKER_OPEN_MS: '0',
      BREAKER_STOPPED_MS: '0',
      MODEL_RETIRED_MS: '0',
    });
    database = new pg.Pool({ connectionString: stack.databaseUrl });
    caller = createCaller(stack);
    sandbox = sandboxControl(stack.sandboxUrl);
    // All at once: they share the stack, and each is told by its prompt.
    for (const [name, { scripts, request }] of Object.entries(cases)) {
      const prompt = `${name} ${randomUUID()}`;
      for (const script of scripts) await sandbox.script({ ...script, promptIncludes: prompt });
      started.set(name, { prompt, job: await caller.create(aRequest({ prompt, ...request })) });
    }
  }, 120_000);
  afterAll(async () => {
    await database.end();
    await stack.stop();
  }, 60_000);

  it.each(Object.entries(cases))('%s', async (name, { expected, request }) => {
    const { prompt, job } = started.get(name) ?? {};
    if (!prompt || !job) throw new Error('the job was not started');
    const ended = await caller.untilEnded(job.id);
    const attempts = await caller.attempts(job.id);
    const submissions = await sandbox.ledger({ promptIncludes: prompt, call: 'submit' });
    const isDone = expected.status === 'succeeded';

    expect({
      status: ended.status,
      code: ended.error?.code,
      provider: expected.provider && ended.provider,
      attempts: attempts.length,
      accepted: submissions.filter(({ outcome }) => outcome === 'accepted').length,
    }).toEqual(expected);
    // Never a second submission for one attempt.
    expect(submissions.length).toBe(attempts.length);

    const seconds = Number(request?.seconds ?? 1);
    const { rows } = await database.query(
      `select coalesce(sum(amount_micros) filter (where kind = 'capture'), 0)::integer as captured,
         sum(amount_micros) filter (where kind = 'hold')::integer - sum(amount_micros) filter (where kind <> 'hold' and kind <> 'provider_cost')::integer as held
       from ledger_transfers where job_id = $1`,
      [job.id],
    );
    expect(rows).toEqual([{ captured: isDone ? seconds * 100_000 : 0, held: 0 }]);
    expect(ended.data.map(({ duration_seconds }) => Math.round(duration_seconds))).toEqual(isDone ? [seconds] : []);
  });

  it('leaves no temporary file behind', async () => {
    expect(await readdir(`${stack.artifactsDir}/tmp`)).toEqual([]);
  });
});
