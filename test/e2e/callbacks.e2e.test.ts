import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { createDatabase, type Database } from '../../store/database.js';
import { checkLedger } from '../../store/ledger-check.js';
import { aRequest, createCaller } from '../support/caller.js';
import { sandboxControl } from '../support/sandbox.js';
import { until } from '../support/until.js';

const secret = `whsec_${randomBytes(24).toString('base64')}`;
/** Nobody looks within the test unless a callback makes them. */
const patient = { wait_seconds: 600, poll_interval_seconds: 60 };
const polled = { wait_seconds: 1, poll_interval_seconds: 1 };

/** Providers call back, or do not, or do worse: the job ends as its provider says, and is bought once. */
describe('providers that call back', () => {
  let stack: Stack;
  let rows: Database;
  let caller: ReturnType<typeof createCaller>;
  let sandbox: ReturnType<typeof sandboxControl>;
  beforeAll(async () => {
    stack = await startStack({
      SANDBOX_SPEED: '10',
      SANDBOX_SHARED_CLIPS: 'true',
      BREAKER_OPEN_MS: '0',
      SUBMIT_TIMEOUT_MS: '2000',
      OPENAI_COMPATIBLE_WEBHOOK_SECRET: secret,
    });
    rows = createDatabase(stack.databaseUrl, { poolSize: 1 });
    caller = createCaller(stack);
    sandbox = sandboxControl(stack.sandboxUrl);
    const url = `${stack.apiUrl}/callbacks/openai-compatible`;
    await sandbox.webhook({ account: 'openai', url, secret });
  }, 120_000);
  afterAll(async () => {
    await rows.close();
    await stack.stop();
  }, 60_000);

  type Plan = { fault?: string; seconds?: number; request?: object };
  /** A job at Pixazo, by its model, whose callback goes as planned. */
  async function aJob({ fault, seconds, request = {} }: Plan = {}) {
    const prompt = `a boat ${randomUUID()}`;
    const planned = { call: 'callback', promptIncludes: prompt, ...(seconds && { seconds }) } as const;
    if (fault) await sandbox.script({ ...planned, fault });
    const job = await caller.create(aRequest({ model: 'sora-2-pro', seconds: 4, prompt, ...patient, ...request }));
    const ended = await caller.untilEnded(job.id);
    // What was sent is noted when it has been answered, and the job may be quicker.
    const callbacks = await until(async () => {
      const sent = await sandbox.ledger({ promptIncludes: prompt, call: 'callback' });
      return sent.length > 0 && sent;
    });
    return { id: job.id, prompt, ended, callbacks, counts: await sandbox.counts({ promptIncludes: prompt }) };
  }
  const attemptOf = (jobId: string) =>
    rows.queries.selectFrom('attempts').selectAll().where('job_id', '=', jobId).executeTakeFirstOrThrow();
  const costsOf = (jobId: string) =>
    rows.queries
      .selectFrom('ledger_transfers')
      .select(['kind', 'amount_micros'])
      .where('job_id', '=', jobId)
      .where('kind', 'in', ['capture', 'provider_cost'])
      .orderBy('kind')
      .execute();

  it('end a job that would not have looked for minutes, with one look', async () => {
    const { id, ended, callbacks, counts } = await aJob();
    expect(ended).toMatchObject({ status: 'succeeded', provider: 'pixazo', attempts: 1 });
    expect(counts).toMatchObject({ accepted: 1, looks: 1 });
    expect(callbacks).toMatchObject([{ outcome: '200' }]);
    const [video] = ended.data;
    expect((await fetch(video?.url ?? '')).status).toBe(200);
    const attempt = await until(async () => {
      const row = await attemptOf(id);
      return row.callback_wakes_delivered > 0 && row;
    });
    expect(attempt).toMatchObject({ callback_count: 1, callback_wakes_delivered: 1 });
  }, 60_000);

  it('and one of which nothing is heard: polling finds it', async () => {
    const { ended, callbacks, counts } = await aJob({ fault: 'never', request: polled });
    expect(ended).toMatchObject({ status: 'succeeded', provider: 'pixazo', attempts: 1 });
    expect(callbacks).toMatchObject([{ outcome: 'never' }]);
    expect(counts.accepted).toBe(1);
  }, 60_000);

  it.each<Plan & { fault: string; outcomes: string[] }>([
    { fault: 'doubled', outcomes: ['200', '200'] },
    { fault: 'early', outcomes: ['200'], request: polled },
    { fault: 'late', seconds: 1, outcomes: ['200'] },
    { fault: 'out_of_order', outcomes: ['200', '200'] },
    { fault: 'forged', outcomes: ['404', '200'] },
    { fault: 'changed_body', outcomes: ['200'] },
    { fault: 'other_job', outcomes: ['200'] },
  ])(
    'and one whose callback is $fault: it ends as its provider says, once',
    async ({ outcomes, ...plan }) => {
      const { id, prompt, ended, counts } = await aJob(plan);
      expect(ended).toMatchObject({ status: 'succeeded', provider: 'pixazo', attempts: 1 });
      expect(counts).toMatchObject({ submissions: 1, accepted: 1 });
      const callbacks = await until(async () => {
        const sent = await sandbox.ledger({ promptIncludes: prompt, call: 'callback' });
        return sent.length === outcomes.length && sent;
      });
      expect(callbacks.map(({ outcome }) => outcome)).toEqual(outcomes);
      expect(await costsOf(id)).toEqual([
        { kind: 'capture', amount_micros: 1_200_000 },
        { kind: 'provider_cost', amount_micros: 1_200_000 },
      ]);
    },
    60_000,
  );

  it('tell of a submit that was cut after it was accepted: one task, one charge', async () => {
    const prompt = `a boat ${randomUUID()}`;
    await sandbox.script({ call: 'submit', fault: 'accept_then_drop', account: 'apixo', promptIncludes: prompt });
    await sandbox.script({ call: 'callback', fault: 'late', seconds: 2, promptIncludes: prompt });
    const request = { model: 'sora-2', seconds: 10, routing: 'value', prompt, ...patient };
    const job = await caller.create(aRequest(request));
    await caller.untilJob(job.id, ({ phase }) => phase === 'reconciling');
    const ended = await caller.untilEnded(job.id);

    expect(ended).toMatchObject({ status: 'succeeded', provider: 'apixo', attempts: 1 });
    const [submit, ...others] = await sandbox.ledger({ promptIncludes: prompt, call: 'submit' });
    expect(others).toEqual([]);
    expect(await attemptOf(job.id)).toMatchObject({ task: { id: submit?.taskId }, charged: 'yes' });
    expect(await costsOf(job.id)).toEqual([
      { kind: 'capture', amount_micros: 1_000_000 },
      { kind: 'provider_cost', amount_micros: 800_000 },
    ]);
  }, 60_000);

  it('and sign it, are believed where the signature is theirs, and asked in any case', async () => {
    const request = { model: 'sora-2' };
    for (const plan of [{ request }, { fault: 'forged', request }, { fault: 'doubled', request }]) {
      const { ended, counts } = await aJob(plan);
      expect(ended).toMatchObject({ status: 'succeeded', provider: 'openai-compatible', attempts: 1 });
      expect(counts).toMatchObject({ submissions: 1, accepted: 1 });
    }
    for (const fault of ['unsigned', 'old', 'changed_body']) {
      const { ended, callbacks } = await aJob({ fault, request: { ...request, ...polled } });
      expect(ended).toMatchObject({ status: 'succeeded', provider: 'openai-compatible' });
      expect(callbacks[0]).toMatchObject({ fault, outcome: '401' });
    }
  }, 120_000);

  it('leave no secret in any log, and the books right', async () => {
    const log = ['api', 'worker'].map((part) => readFileSync(join(stack.home, 'logs', `${part}.log`), 'utf8')).join('');
    expect(log).toContain('a provider called back');
    expect(log).not.toContain('/callbacks/pixazo/');
    expect(log).not.toContain('/callbacks/apixo/');
    expect(log).not.toContain(secret.slice('whsec_'.length));
    expect(await checkLedger(rows)).toEqual([]);
  }, 60_000);
});
