import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { aRequest, createCaller, type JobAnswer } from '../support/caller.js';
import { expectOneOfEverything, type World } from '../support/one-of-everything.js';
import { sandboxControl } from '../support/sandbox.js';
import { until } from '../support/until.js';

/** A process killed at each point of a job's life. The stack starts it again; the job ends once, with one file and one charge. */
describe('a job outlives the death of', () => {
  let stack: Stack;
  let world: World;
  let database: pg.Pool;
  beforeAll(async () => {
    stack = await startStack({ SUBMIT_TIMEOUT_MS: '3000', RECONCILE_BLIND_GRACE_MS: '1000', SANDBOX_SPEED: '20' });
    database = new pg.Pool({ connectionString: stack.databaseUrl });
    database.on('error', () => {});
    world = { stack, database, caller: createCaller(stack), sandbox: sandboxControl(stack.sandboxUrl) };
  }, 120_000);
  afterAll(async () => {
    await database.end();
    await stack.stop();
  }, 60_000);

  const kill = (part: string) => process.kill(stack.pidOf(part), 'SIGKILL');
  const marked = () => `a paper boat ${randomUUID()}`;
  const submissionsOf = async (prompt: string) =>
    (await world.sandbox.ledger({ promptIncludes: prompt })).filter(({ call }) => call === 'submit');

  /** Holds a row's lock from outside, so that the statement which needs it waits at a known point. */
  async function whileLocked(statement: string, values: unknown[], work: () => Promise<void>): Promise<void> {
    const client = await database.connect();
    try {
      await client.query('begin');
      await client.query(statement, values);
      await work();
      await client.query('rollback');
    } finally {
      client.release();
    }
  }
  const isWaitingForALock = async () => {
    const { rows } = await database.query(`select 1 from pg_stat_activity where wait_event_type = 'Lock'`);
    return rows.length > 0;
  };

  async function finished(job: JobAnswer): Promise<void> {
    await expectOneOfEverything(world, await world.caller.untilEnded(job.id));
  }

  it('the worker before the submit', async () => {
    process.kill(stack.pidOf('worker'), 'SIGSTOP');
    const prompt = marked();
    const job = await world.caller.create(aRequest({ prompt }));
    // Started by the api's dispatcher, and nobody is there to submit it.
    await until(async () => {
      const { rows } = await database.query('select 1 from jobs where id = $1 and dispatched_at is not null', [job.id]);
      return rows.length > 0;
    });
    kill('worker');
    await finished(job);
  }, 60_000);

  it('the worker between the provider’s acceptance and its record: reconciling, then submission_unknown, the hold given back', async () => {
    const prompt = marked();
    await world.sandbox.script({ call: 'submit', fault: 'accept_then_hang', promptIncludes: prompt });
    const job = await world.caller.create(aRequest({ prompt }));
    await until(async () => (await submissionsOf(prompt)).length === 1);
    kill('worker');

    const reconciling = await world.caller.untilJob(job.id, ({ phase }) => phase === 'reconciling');
    expect(reconciling).toMatchObject({ status: 'running', cost: { held: '0.100000', captured: null } });
    const ended = await world.caller.untilEnded(job.id);
    expect(ended).toMatchObject({ status: 'failed', error: { code: 'submission_unknown' }, data: [] });
    expect(await submissionsOf(prompt)).toHaveLength(1);
    const [attempt, ...more] = await world.caller.attempts(job.id);
    expect(more).toEqual([]);
    expect(attempt).toMatchObject({ state: 'unknown', charged: 'possibly' });
    const { rows } = await database.query(
      'select kind, amount_micros from ledger_transfers where job_id = $1 order by id',
      [job.id],
    );
    expect(rows).toEqual([
      { kind: 'hold', amount_micros: '100000' },
      { kind: 'release', amount_micros: '100000' },
    ]);
  }, 90_000);

  it('the worker while polling', async () => {
    const prompt = marked();
    await world.sandbox.script({ call: 'look', fault: 'server_error', promptIncludes: prompt, times: 2 });
    const job = await world.caller.create(aRequest({ prompt }));
    await until(async () =>
      (await world.sandbox.ledger({ promptIncludes: prompt })).some(({ call }) => call === 'look'),
    );
    kill('worker');
    await finished(job);
  }, 60_000);

  it('the worker half-way through the download', async () => {
    const prompt = marked();
    await world.sandbox.script({ call: 'download', fault: 'slow', promptIncludes: prompt, bytesPerSecond: 8_000 });
    const job = await world.caller.create(aRequest({ prompt }));
    await world.caller.untilJob(job.id, ({ phase }) => phase === 'downloading');
    await until(async () =>
      (await world.sandbox.ledger({ promptIncludes: prompt })).some(({ call }) => call === 'download'),
    );
    kill('worker');
    await finished(job);
  }, 60_000);

  it('the worker before it settles', async () => {
    const prompt = marked();
    const job = await world.caller.create(aRequest({ prompt }));
    await whileLocked(`select 1 from ledger_accounts where kind = 'revenue' for update`, [], async () => {
      await world.caller.untilJob(job.id, ({ phase }) => phase === 'settling');
      await until(isWaitingForALock);
      kill('worker');
    });
    await finished(job);
  }, 60_000);

  it('the api after its commit: the same idempotency key gives the same job', async () => {
    const prompt = marked();
    const key = randomUUID();
    const answer = world.caller.create(aRequest({ prompt }), key).catch(() => undefined);
    await until(async () => {
      const { rows } = await database.query(`select 1 from jobs where request->>'prompt' = $1`, [prompt]);
      return rows.length > 0;
    }, 1);
    kill('api');
    await answer;
    const again = await until(async () => world.caller.create(aRequest({ prompt }), key));
    const { rows } = await database.query(`select id from jobs where request->>'prompt' = $1`, [prompt]);
    expect(rows).toEqual([{ id: again.id }]);
    await finished(again);
  }, 60_000);

  it('the Temporal server, and accepts jobs while it is away', async () => {
    const before = await world.caller.create(aRequest({ prompt: marked() }));
    await world.caller.untilJob(before.id, ({ status }) => status === 'running');
    kill('temporal');
    const during = await world.caller.create(aRequest({ prompt: marked() }));
    await finished(before);
    await finished(during);
  }, 120_000);

  it('Postgres, and answers 503 while it is away', async () => {
    const before = await world.caller.create(aRequest({ prompt: marked() }));
    kill('postgres');
    const response = await until(async () => {
      const answer = await world.caller.get(`/api/v1/videos/jobs/${before.id}`);
      return answer.status === 200 ? false : answer;
    }, 1);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    await finished(before);
  }, 120_000);
});
