import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import { createJobs, type NewJob } from '../../store/jobs.js';
import { createLedger } from '../../store/ledger.js';
import { checkLedger } from '../../store/ledger-check.js';
import { createSettlement } from '../../store/settlement.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { addVideo, aJudgedJob, aTakenJob, takenTask, transfersOf } from '../support/taken-jobs.js';

describe('a job and its money', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());

  const balanceOf = (workspaceId: string) => createLedger(database).balance(workspaceId);
  async function aStoredJob(durationSeconds: number, request: Partial<NewJob['request']> = {}) {
    const job = await aJudgedJob(database, { request });
    await addVideo(database, { jobId: job.jobId, durationSeconds });
    return job;
  }

  it('lets 50 of 200 concurrent jobs through on credit for 50, and ends at 0', async () => {
    const owner = await aWorkspace(database, { credits: 50 });
    const jobs = createJobs(database);
    const results = await Promise.allSettled(Array.from({ length: 200 }, () => jobs.accept(aNewJob(owner))));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(50);
    expect(await balanceOf(owner.workspaceId)).toEqual({
      availableMicros: 0,
      heldMicros: 50 * 800_000,
      reservedMicros: 0,
    });
    const reasons = results.flatMap((result) => (result.status === 'rejected' ? [result.reason.code] : []));
    expect(new Set(reasons)).toEqual(new Set(['insufficient_funds']));
  });

  it('stores one job and holds once when one idempotency key comes 20 times at once', async () => {
    const owner = await aWorkspace(database, { credits: 30 });
    const jobs = createJobs(database);
    const idempotency = { key: 'once', requestSha256: Buffer.alloc(32, 1) };
    const accepted = await Promise.all(Array.from({ length: 20 }, () => jobs.accept(aNewJob(owner, { idempotency }))));
    expect(new Set(accepted.map(({ job }) => job.id)).size).toBe(1);
    expect(accepted.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
    expect(await balanceOf(owner.workspaceId)).toEqual({
      availableMicros: 29 * 800_000,
      heldMicros: 800_000,
      reservedMicros: 0,
    });
    const other = aNewJob(owner, { idempotency: { key: 'once', requestSha256: Buffer.alloc(32, 2) } });
    await expect(jobs.accept(other)).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  it('keeps to the limit of open jobs and leaves the idempotency key of a refused request free', async () => {
    const owner = await aWorkspace(database, { credits: 5 });
    const jobs = createJobs(database);
    const idempotency = { key: 'later', requestSha256: Buffer.alloc(32, 1) };
    await jobs.accept(aNewJob(owner, { openJobLimit: 1 }));
    await expect(jobs.accept(aNewJob(owner, { openJobLimit: 1, idempotency }))).rejects.toMatchObject({
      code: 'too_many_jobs',
    });
    expect(await jobs.accept(aNewJob(owner, { openJobLimit: 2, idempotency }))).toMatchObject({ isReplay: false });
  });

  it('captures what was delivered and releases nothing else when the file is as long as asked', async () => {
    const { jobId, workspaceId } = await aStoredJob(8);
    const settled = await createSettlement(database).settle({ jobId, state: 'succeeded', providerCancel: null });
    expect(settled).toEqual({ state: 'succeeded', capturedMicros: 800_000, queuedWebhooks: 0 });
    expect(await transfersOf(database, jobId)).toEqual(['hold 800000', 'capture 800000', 'provider_cost 800000']);
    expect(await balanceOf(workspaceId)).toEqual({ availableMicros: 0, heldMicros: 0, reservedMicros: 0 });
  });

  it('charges the measured seconds of a file that is shorter by more than half a second', async () => {
    const { jobId, workspaceId } = await aStoredJob(5.25);
    await createSettlement(database).settle({ jobId, state: 'succeeded', providerCancel: null });
    expect(await transfersOf(database, jobId)).toEqual([
      'hold 800000',
      'release_rest 275000',
      'capture 525000',
      'provider_cost 800000',
    ]);
    expect(await balanceOf(workspaceId)).toEqual({ availableMicros: 275_000, heldMicros: 0, reservedMicros: 0 });
  });

  it.each([
    ['longer than asked', 9.5, 800_000],
    ['shorter by half a second', 7.5, 800_000],
    ['shorter by a little more', 7.499, 749_900],
    ['of no length', 0, 0],
  ])('lets the measured file decide: %s', async (_, measured, micros) => {
    const { jobId, workspaceId } = await aStoredJob(measured);
    const settled = await createSettlement(database).settle({ jobId, state: 'succeeded', providerCancel: null });
    expect(settled.capturedMicros).toBe(micros);
    expect(await balanceOf(workspaceId)).toEqual({
      availableMicros: 800_000 - micros,
      heldMicros: 0,
      reservedMicros: 0,
    });
    expect(await checkLedger(database)).toEqual([]);
  });

  it('charges the files that are there when some of several were not delivered', async () => {
    const owner = await aWorkspace(database, { credits: 3 });
    const newJob = aNewJob(owner, { holdMicros: 2_400_000 });
    const { job } = await createJobs(database).accept({ ...newJob, request: { ...newJob.request, variants: 3 } });
    await createAttempts(database).intend({ jobId: job.id, attempt: 1, route: aRoute() });
    for (const [variant, durationSeconds] of [8, 5].entries()) {
      await addVideo(database, { jobId: job.id, variant, durationSeconds });
    }
    const settlement = createSettlement(database);
    const settled = await settlement.settle({ jobId: job.id, state: 'succeeded', providerCancel: null });
    expect(settled.capturedMicros).toBe(1_300_000);
    expect(await balanceOf(owner.workspaceId)).toEqual({
      availableMicros: 1_100_000,
      heldMicros: 0,
      reservedMicros: 0,
    });
    expect(await checkLedger(database)).toEqual([]);
  });

  const from = (sourceSeconds: number) => ({
    references: [],
    sourceVideo: { jobId: 'job_source', task: takenTask, durationSeconds: sourceSeconds },
  });
  const deliveredIn = async (jobId: string) => {
    const settled = database.queries.selectFrom('settlements').select('delivered_seconds').where('job_id', '=', jobId);
    return (await settled.executeTakeFirstOrThrow()).delivered_seconds;
  };

  it.each([
    ['all that was asked', 20.25, 800_000, 8],
    ['less than was asked', 15.25, 325_000, 3.25],
    ['nothing', 12, 0, 0],
  ])('charges an extension for what its file adds to its source: %s', async (_, measured, micros, seconds) => {
    const { jobId, workspaceId } = await aStoredJob(measured, { operation: 'extend', inputs: from(12) });
    const settled = await createSettlement(database).settle({ jobId, state: 'succeeded', providerCancel: null });
    expect(settled.capturedMicros).toBe(micros);
    expect(await deliveredIn(jobId)).toBe(seconds);
    expect(await balanceOf(workspaceId)).toEqual({
      availableMicros: 800_000 - micros,
      heldMicros: 0,
      reservedMicros: 0,
    });
  });

  it('charges a remix for its whole file, as long as its source', async () => {
    const { jobId } = await aStoredJob(8, { operation: 'remix', inputs: from(8) });
    const settled = await createSettlement(database).settle({ jobId, state: 'succeeded', providerCancel: null });
    expect(settled.capturedMicros).toBe(800_000);
    expect(await deliveredIn(jobId)).toBe(8);
  });

  it('settles once, whatever comes later and however many at once', async () => {
    const { jobId, workspaceId } = await aStoredJob(8);
    const settlement = createSettlement(database);
    const endings = ['succeeded', 'canceled', 'succeeded', 'canceled'] as const;
    const settled = await Promise.all(
      endings.map((state) => settlement.settle({ jobId, state, providerCancel: null })),
    );
    expect(new Set(settled.map(({ state }) => state)).size).toBe(1);
    const { availableMicros, heldMicros } = await balanceOf(workspaceId);
    expect(heldMicros).toBe(0);
    expect([0, 800_000]).toContain(availableMicros);
    expect((await transfersOf(database, jobId)).filter((transfer) => /^(capture|release)/.test(transfer))).toHaveLength(
      1,
    );
  });

  it('gives everything back for a failure, and records what the lost attempt may have cost', async () => {
    const owner = await aWorkspace(database, { credits: 1 });
    const { job } = await createJobs(database).accept(aNewJob(owner));
    const attempts = createAttempts(database);
    await attempts.intend({ jobId: job.id, attempt: 1, route: aRoute({ costMicros: 640_000 }) });
    await attempts.recordLost({ jobId: job.id, attempt: 1 });
    const ending = { jobId: job.id, state: 'failed', errorCode: 'submission_unknown', providerCancel: null } as const;
    await createSettlement(database).settle(ending);
    expect(await balanceOf(owner.workspaceId)).toEqual({ availableMicros: 800_000, heldMicros: 0, reservedMicros: 0 });
    expect(await attempts.ofJob(job.id)).toMatchObject([
      { state: 'unknown', charged: 'possibly', cost_micros: 640_000 },
    ]);
    expect(await transfersOf(database, job.id)).toEqual(['hold 800000', 'release 800000']);
  });

  it('charges a cancel after acceptance only where the workspace says so', async () => {
    const free = await aTakenJob(database);
    const full = await aTakenJob(database);
    await database.queries
      .updateTable('workspaces')
      .set({ cancel_charge: 'full' })
      .where('id', '=', full.workspaceId)
      .execute();
    const settlement = createSettlement(database);
    const cancel = (jobId: string) => settlement.settle({ jobId, state: 'canceled', providerCancel: 'unsupported' });
    expect(await cancel(free.jobId)).toMatchObject({ state: 'canceled', capturedMicros: 0 });
    expect(await cancel(full.jobId)).toMatchObject({ state: 'canceled', capturedMicros: 800_000 });
  });

  it('ends a cancelled job that nobody started, and leaves one alone that is being started', async () => {
    const owner = await aWorkspace(database, { credits: 2 });
    const jobs = createJobs(database);
    const settlement = createSettlement(database);
    const { job } = await jobs.accept(aNewJob(owner));
    expect(await settlement.cancelUnstarted(job.id)).toBe(false);
    await jobs.requestCancel({ id: job.id, workspaceId: owner.workspaceId });
    expect(await settlement.cancelUnstarted(job.id)).toBe(true);
    expect(await jobs.find({ id: job.id, workspaceId: owner.workspaceId })).toMatchObject({ state: 'canceled' });
    expect(await balanceOf(owner.workspaceId)).toEqual({
      availableMicros: 1_600_000,
      heldMicros: 0,
      reservedMicros: 0,
    });
  });

  it('keeps every event of a job in a row without holes, and all balances together at 0', async () => {
    const { jobId } = await aStoredJob(8);
    await createSettlement(database).settle({ jobId, state: 'succeeded', providerCancel: null });
    const events = await database.queries
      .selectFrom('job_events')
      .select(['sequence', 'type'])
      .where('job_id', '=', jobId)
      .orderBy('sequence')
      .execute();
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    expect(events.map(({ type }) => type)).toEqual([
      'job.queued',
      'attempt.submitting',
      'attempt.accepted',
      'attempt.succeeded',
      'artifact.stored',
      'job.succeeded',
    ]);
    const sum = await database.queries
      .selectFrom('ledger_accounts')
      .select((of) => of.fn.sum<string>('balance_micros').as('all'))
      .executeTakeFirst();
    expect(Number(sum?.all)).toBe(0);
  });

  it('refuses to change what has been written to the ledger', async () => {
    const { jobId } = await aStoredJob(8);
    const change = database.queries
      .updateTable('ledger_transfers')
      .set({ amount_micros: 1 })
      .where('job_id', '=', jobId);
    await expect(change.execute()).rejects.toThrow('append only');
  });
});
