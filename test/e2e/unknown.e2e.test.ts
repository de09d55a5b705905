import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { createAdmin } from '../../cli/admin.js';
import { createDatabase, type Database } from '../../store/database.js';
import { aRequest, createCaller } from '../support/caller.js';
import { sandboxControl } from '../support/sandbox.js';
import { until } from '../support/until.js';

const JOBS = 20;

/** A provider that takes a job and is cut off before it says so: the job ends well, and nothing is bought twice. */
describe('when a provider’s answer is lost', () => {
  let stack: Stack;
  let database: pg.Pool;
  let rows: Database;
  let caller: ReturnType<typeof createCaller>;
  let sandbox: ReturnType<typeof sandboxControl>;
  beforeAll(async () => {
    stack = await startStack({
      SUBMIT_TIMEOUT_MS: '2000',
      RECONCILE_BLIND_GRACE_MS: '500',
      SANDBOX_SPEED: '0',
      SANDBOX_SHARED_CLIPS: 'true',
      BREAKER_OPEN_MS: '0',
    });
    database = new pg.Pool({ connectionString: stack.databaseUrl });
    rows = createDatabase(stack.databaseUrl, { poolSize: 1 });
    caller = createCaller(stack);
    sandbox = sandboxControl(stack.sandboxUrl);
  }, 120_000);
  afterAll(async () => {
    await database.end();
    await rows.close();
    await stack.stop();
  }, 60_000);

  const aJob = (prompt: string, changes: Record<string, unknown> = {}) =>
    caller.create(aRequest({ model: 'sora-2', seconds: 4, prompt, ...changes }));
  const submissionsOf = async (prompt: string) => {
    const submits = await sandbox.ledger({ promptIncludes: prompt, call: 'submit' });
    return submits.map(({ account, outcome }) => `${account} ${outcome}`);
  };
  const transfersOf = async (jobId: string) => {
    const { rows: transfers } = await database.query(
      'select kind, amount_micros::integer as micros from ledger_transfers where job_id = $1 order by id',
      [jobId],
    );
    return transfers;
  };
  const oneCharge = [
    { kind: 'hold', micros: 400_000 },
    { kind: 'release_rest', micros: 0 },
    { kind: 'capture', micros: 400_000 },
    { kind: 'provider_cost', micros: 400_000 },
  ].filter(({ micros }) => micros > 0);
  const admin = async (...words: string[]) => {
    const lines: string[] = [];
    const notExpected = () => {
      throw new Error('Temporal was not expected');
    };
    const command = createAdmin({
      openDatabase: () => rows,
      openTemporal: notExpected,
      deployment: 'reelay',
      buildId: '1',
      write: (text) => lines.push(text),
    });
    await command.parseAsync(['node', 'admin', ...words]);
    return lines.join('\n');
  };

  it(`and the provider has a list: ${JOBS} of ${JOBS} jobs succeed with one task and one charge each`, async () => {
    const mark = randomUUID();
    await sandbox.script({
      call: 'submit',
      fault: 'accept_then_drop',
      account: 'openai',
      promptIncludes: mark,
      times: JOBS,
    });
    const prompts = Array.from({ length: JOBS }, (_, index) => `boat number ${index + 1} ${mark}`);
    const jobs = await Promise.all(prompts.map((prompt) => aJob(prompt)));
    const ended = await Promise.all(jobs.map(({ id }) => caller.untilEnded(id)));

    expect(ended.map(({ status, provider }) => `${status} ${provider}`)).toEqual(
      Array(JOBS).fill('succeeded openai-compatible'),
    );
    expect(await Promise.all(prompts.map(submissionsOf))).toEqual(Array(JOBS).fill(['openai accepted']));
    expect(await Promise.all(jobs.map(({ id }) => transfersOf(id)))).toEqual(Array(JOBS).fill(oneCharge));
  }, 120_000);

  it('and five equal jobs were sent at once: each gets a task of its own', async () => {
    const prompt = `five equal boats ${randomUUID()}`;
    await sandbox.script({
      call: 'submit',
      fault: 'accept_then_drop',
      account: 'openai',
      promptIncludes: prompt,
      times: 5,
    });
    const jobs = await Promise.all(Array.from({ length: 5 }, () => aJob(prompt)));
    const ended = await Promise.all(jobs.map(({ id }) => caller.untilEnded(id)));
    expect(ended.map(({ status }) => status)).toEqual(Array(5).fill('succeeded'));
    expect(await submissionsOf(prompt)).toEqual(Array(5).fill('openai accepted'));
    const { rows: tasks } = await database.query(`select distinct task->>'id' from attempts where job_id = any($1)`, [
      jobs.map(({ id }) => id),
    ]);
    expect(tasks).toHaveLength(5);
  }, 120_000);

  it('and nothing was created: the list shows that, and the job is sent again', async () => {
    const prompt = `nothing created ${randomUUID()}`;
    await sandbox.script({ call: 'submit', fault: 'not_created_drop', account: 'openai', promptIncludes: prompt });
    const job = await aJob(prompt);
    expect(await caller.untilEnded(job.id)).toMatchObject({ status: 'succeeded', attempts: 2 });
    const submissions = await submissionsOf(prompt);
    expect(submissions.filter((submission) => submission === 'openai accepted')).toHaveLength(1);
    expect(await transfersOf(job.id)).toEqual(oneCharge);
  }, 60_000);

  it('and nobody can be asked: an operator who finds the task says so, and the job ends with it', async () => {
    const { rows: owners } = await database.query(`select workspace_id from jobs limit 1`);
    await admin('workspace', 'set', owners[0].workspace_id, '--unknown-policy', 'hold');
    const prompt = `found by hand ${randomUUID()}`;
    await sandbox.script({ call: 'submit', fault: 'accept_then_drop', account: 'omixa', promptIncludes: prompt });
    // Who has just called is remembered for two seconds, and with that how the workspace is treated.
    await until(async () => {
      const { id } = await aJob(`warming up ${randomUUID()}`, { model: 'sora', seconds: 1 });
      return JSON.parse(await admin('job', 'show', id, '--json')).unknown_policy === 'hold';
    });

    const held = await aJob(prompt, { model: 'sora', seconds: 1 });
    await caller.untilJob(held.id, ({ phase }) => phase === 'reconciling');
    const [submit] = await sandbox.ledger({ promptIncludes: prompt, call: 'submit' });
    await until(async () => (await admin('job', 'list', '--unknown', '--json')).includes(held.id));
    await admin('job', 'resolve', held.id, '--accepted', submit?.taskId ?? '');
    expect(await caller.untilEnded(held.id)).toMatchObject({ status: 'succeeded', attempts: 1 });
    expect(await submissionsOf(prompt)).toEqual(['omixa accepted']);
  }, 60_000);
});
