import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { createDatabase, type Database } from '../../store/database.js';
import { checkLedger } from '../../store/ledger-check.js';
import { aRequest, createCaller } from '../support/caller.js';
import { sandboxControl } from '../support/sandbox.js';
import { until } from '../support/until.js';

/** What a provider bills becomes known after the job has ended. It is booked, and changes nothing for the caller. */
describe('a cost that comes to light late', () => {
  let stack: Stack;
  let rows: Database;
  let caller: ReturnType<typeof createCaller>;
  let sandbox: ReturnType<typeof sandboxControl>;
  beforeAll(async () => {
    stack = await startStack({
      SUBMIT_TIMEOUT_MS: '2000',
      RECONCILE_GRACE_MS: '1000',
      SWEEP_INTERVAL_MS: '500',
      PROVIDER_SWEEP_INTERVAL_MS: '2000',
      LEFT_TASK_FIRST_LOOK_MS: '100',
      SANDBOX_SPEED: '4',
      SANDBOX_SHARED_CLIPS: 'true',
      BREAKER_OPEN_MS: '0',
    });
    rows = createDatabase(stack.databaseUrl, { poolSize: 1 });
    caller = createCaller(stack);
    sandbox = sandboxControl(stack.sandboxUrl);
  }, 120_000);
  afterAll(async () => {
    await rows.close();
    await stack.stop();
  }, 60_000);

  const attemptOf = (jobId: string) =>
    rows.queries.selectFrom('attempts').selectAll().where('job_id', '=', jobId).executeTakeFirstOrThrow();
  async function expectBooked(jobId: string): Promise<void> {
    const costs = rows.queries.selectFrom('ledger_transfers').select(['attempt', 'amount_micros']);
    const booked = await costs.where('job_id', '=', jobId).where('kind', '=', 'provider_cost').execute();
    expect(booked).toEqual([{ attempt: 1, amount_micros: 400_000 }]);
    expect(await checkLedger(rows)).toEqual([]);
  }

  it('is that of a task which was cancelled too late: it is looked at until it has ended', async () => {
    const prompt = `a boat ${randomUUID()}`;
    // It ends well after the cancel, however slow this machine is.
    await sandbox.script({ call: 'submit', fault: 'stall', seconds: 6, account: 'openai', promptIncludes: prompt });
    const job = await caller.create(aRequest({ model: 'sora-2', seconds: 4, prompt }));
    await caller.untilJob(job.id, ({ phase }) => phase === 'polling');
    await caller.post(`/api/v1/videos/jobs/${job.id}/cancel`, {});
    expect(await caller.untilEnded(job.id)).toMatchObject({ status: 'canceled', provider_cancel: 'unsupported' });
    await until(async () => (await attemptOf(job.id)).watch_ended_at !== null);
    expect(await attemptOf(job.id)).toMatchObject({ state: 'succeeded', charged: 'yes' });
    expect(await caller.job(job.id)).toMatchObject({ status: 'canceled', cost: { captured: '0.000000' } });
    await expectBooked(job.id);
  }, 60_000);

  it('is that of a lost task: the standing sweep finds it in the list that was away while the job looked', async () => {
    const prompt = `a boat ${randomUUID()}`;
    await sandbox.script({ call: 'submit', fault: 'accept_then_drop', account: 'openai', promptIncludes: prompt });
    await sandbox.script({ call: 'list', fault: 'server_error', account: 'openai', times: null });
    const job = await caller.create(aRequest({ model: 'sora-2', seconds: 4, prompt }));
    expect(await caller.untilEnded(job.id)).toMatchObject({ status: 'failed', error: { code: 'submission_unknown' } });
    await sandbox.clear();
    await until(async () => (await attemptOf(job.id)).watch_ended_at !== null);
    const orphans = rows.queries.selectFrom('provider_orphans').select(['resolution', 'job_id', 'cost_micros']);
    expect(await orphans.execute()).toEqual([{ resolution: 'adopted', job_id: job.id, cost_micros: 0 }]);
    await expectBooked(job.id);
  }, 60_000);
});
