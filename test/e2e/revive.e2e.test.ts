import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Client } from '@temporalio/client';
import pg from 'pg';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { createTemporalClient } from '../../runtime/temporal.js';
import { createDatabase } from '../../store/database.js';
import { checkLedger } from '../../store/ledger-check.js';
import { aRequest, createCaller, type JobAnswer } from '../support/caller.js';
import { expectOneOfEverything, type World } from '../support/one-of-everything.js';
import { sandboxControl } from '../support/sandbox.js';
import { until } from '../support/until.js';

/** What Temporal knew is gone while jobs are open. The rows know enough: every job ends once, and nothing is bought twice. */
describe('the stack, when Temporal forgets', () => {
  let stack: Stack;
  let world: World;
  let database: pg.Pool;
  let client: Client;
  beforeAll(async () => {
    stack = await startStack({ SANDBOX_SPEED: '2', SWEEP_INTERVAL_MS: '1000' });
    database = new pg.Pool({ connectionString: stack.databaseUrl });
    database.on('error', () => {});
    world = { stack, database, caller: createCaller(stack), sandbox: sandboxControl(stack.sandboxUrl) };
    client = createTemporalClient({ TEMPORAL_ADDRESS: stack.temporalAddress, TEMPORAL_NAMESPACE: stack.namespace });
  }, 120_000);
  afterAll(async () => {
    await client.connection.close();
    await database.end();
    await stack.stop();
  }, 60_000);

  const create = (changes: Record<string, unknown> = {}) =>
    world.caller.create(aRequest({ prompt: `a paper boat ${randomUUID()}`, ...changes }));
  const revivalsOf = async ({ id }: JobAnswer) => {
    const { rows } = await database.query(`select data from job_events where job_id = $1 and type = 'job.revived'`, [
      id,
    ]);
    return rows.map(({ data }) => data.workflow);
  };
  async function expectTheLedgerIsRight(): Promise<void> {
    const store = createDatabase(stack.databaseUrl, { poolSize: 1 });
    expect(await checkLedger(store)).toEqual([]);
    await store.close();
  }

  /** Kills the Temporal server and takes its file away before the supervisor, which is held meanwhile, starts it again. */
  function loseTemporal(): void {
    const temporal = stack.pidOf('temporal');
    const ask = (what: string) => execFileSync('ps', ['-o', `${what}=`, '-p', String(temporal)], { encoding: 'utf8' });
    const supervisor = Number(ask('ppid'));
    process.kill(supervisor, 'SIGSTOP');
    try {
      process.kill(temporal, 'SIGKILL');
      while (!ask('stat').trim().startsWith('Z')); // its parent is held, so its end shows as this state
      for (const name of readdirSync(stack.home)) {
        if (name.startsWith('temporal.db')) rmSync(join(stack.home, name));
      }
    } finally {
      process.kill(supervisor, 'SIGCONT');
    }
  }

  it('finishes every job that was open when the server lost its file, and those that came meanwhile', async () => {
    const waiting = await create({ wait_seconds: 600 });
    const open = await Promise.all(Array.from({ length: 4 }, () => create()));
    await world.caller.untilJob(waiting.id, ({ phase }) => phase === 'waiting');
    for (const { id } of open) await world.caller.untilJob(id, ({ phase }) => phase === 'polling');

    loseTemporal();
    const during = await create();
    await world.caller.post(`/api/v1/videos/jobs/${waiting.id}/cancel`, {});
    for (const { id } of [...open, during]) await expectOneOfEverything(world, await world.caller.untilEnded(id));
    expect(await world.caller.untilEnded(waiting.id)).toMatchObject({
      status: 'canceled',
      cost: { captured: '0.000000' },
    });
    for (const job of [waiting, ...open]) expect(await revivalsOf(job)).toContain('not_found');
    await expectTheLedgerIsRight();
    // The standing sweep was lost, too.
    await until(() => client.schedule.getHandle('reelay-sweep-providers').describe());
  }, 120_000);

  it('goes on with a job whose workflow was terminated by hand', async () => {
    const job = await create();
    await world.caller.untilJob(job.id, ({ phase }) => phase === 'polling');
    await client.workflow.getHandle(job.id).terminate('by hand');
    await expectOneOfEverything(world, await world.caller.untilEnded(job.id));
    expect(await revivalsOf(job)).toEqual(['terminated']);
    await expectTheLedgerIsRight();
  }, 60_000);
});
