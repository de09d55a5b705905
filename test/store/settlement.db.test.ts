import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createAttempts } from '../../store/attempts.js';
import type { Database, Runner } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { createLedger } from '../../store/ledger.js';
import { checkLedger } from '../../store/ledger-check.js';
import { createSettlement, type Ending } from '../../store/settlement.js';
import { aNewJob } from '../support/jobs.js';
import { countWaiting } from '../support/locks.js';
import { aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { addVideo, aJudgedJob, aTakenJob, succeeded, takenTask, transfersOf } from '../support/taken-jobs.js';
import { until } from '../support/until.js';

const judged = { attempt: 1, task: takenTask, verdict: succeeded };

describe('a job that goes on while it is settled', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterEach(async () => {
    expect(await checkLedger(database)).toEqual([]);
  });
  afterAll(() => close());

  const settle = (jobId: string, state: Ending['state']) =>
    createSettlement(database).settle({ jobId, state, providerCancel: null });

  /** Writes something down that is not committed before so many others wait for its rows. */
  async function holding<Result>(write: (inOne: Database) => Promise<unknown>, others: () => Promise<Result>[]) {
    let begun: Promise<Result>[] = [];
    await database.transaction(async (run) => {
      await write({ ...database, run });
      begun = others();
      await until(async () => (await countWaiting(database)) === begun.length, 5);
    });
    return Promise.all(begun);
  }
  /** Has something written down for a job that is being canceled at this moment: it waits for the job's row. */
  async function whileEnding(job: { jobId: string; workspaceId: string }, write: () => Promise<void>) {
    const text = 'select from ledger_accounts where workspace_id = $1 for update';
    let both: Promise<unknown> | undefined;
    await database.transaction(async (run) => {
      await run({ name: 'lock_money_for_test', text }, [job.workspaceId]);
      const settling = settle(job.jobId, 'canceled');
      await until(async () => (await countWaiting(database)) === 1, 5);
      both = Promise.all([settling, write()]);
      await until(async () => (await countWaiting(database)) === 2, 5);
    });
    await both;
  }
  const lockJob = (jobId: string) => (inOne: Database) =>
    inOne.run({ name: 'lock_job_for_test', text: 'select from jobs where id = $1 for update' }, [jobId]);

  it('is charged for a video that is added between the look at its facts and its end', async () => {
    const { jobId } = await aJudgedJob(database);

    const settled = await holding(
      (inOne) => addVideo(inOne, { jobId, durationSeconds: 8 }),
      () => [settle(jobId, 'succeeded')],
    );

    expect(settled).toEqual([{ state: 'succeeded', capturedMicros: 800_000, queuedWebhooks: 0 }]);
    expect(await transfersOf(database, jobId)).toEqual(['hold 800000', 'capture 800000', 'provider_cost 800000']);
  });

  it('is charged for a cancel after an acceptance that is recorded between the two', async () => {
    const owner = await aWorkspace(database, { credits: 1 });
    await database.queries
      .updateTable('workspaces')
      .set({ cancel_charge: 'full' })
      .where('id', '=', owner.workspaceId)
      .execute();
    const { job } = await createJobs(database).accept(aNewJob(owner));
    await createAttempts(database).intend({ jobId: job.id, attempt: 1, route: aRoute() });
    const submission = { outcome: 'accepted', task: takenTask } as const;

    const settled = await holding(
      (inOne) => createAttempts(inOne).recordSubmission({ jobId: job.id, attempt: 1, submission }),
      () => [settle(job.id, 'canceled')],
    );

    expect(settled).toMatchObject([{ state: 'canceled', capturedMicros: 800_000 }]);
  });

  it('has the cost of its attempt booked once when the verdict comes just before its end', async () => {
    const { jobId } = await aTakenJob(database, { costMicros: 640_000 });

    await holding(
      (inOne) => createAttempts(inOne).recordVerdict({ jobId, ...judged }),
      () => [settle(jobId, 'canceled')],
    );

    expect(await transfersOf(database, jobId)).toEqual(['hold 800000', 'release 800000', 'provider_cost 640000']);
  });

  it('gets no video any more that comes just after its end', async () => {
    const { jobId, workspaceId } = await aJudgedJob(database);

    await whileEnding({ jobId, workspaceId }, () => addVideo(database, { jobId, durationSeconds: 8 }));

    const videos = database.queries.selectFrom('artifacts').select('id').where('job_id', '=', jobId);
    expect(await videos.execute()).toEqual([]);
    const events = database.queries.selectFrom('job_events').select('type').where('job_id', '=', jobId);
    expect((await events.orderBy('sequence').execute()).at(-1)).toEqual({ type: 'job.canceled' });
  });

  it('has the cost of its attempt booked once when the verdict comes just after its end', async () => {
    const { jobId, workspaceId, attempts } = await aTakenJob(database, { costMicros: 640_000 });

    await whileEnding({ jobId, workspaceId }, () => attempts.recordVerdict({ jobId, ...judged }));

    expect(await transfersOf(database, jobId)).toEqual(['hold 800000', 'release 800000', 'provider_cost 640000']);
  });

  it('ends once, with one capture and one webhook, when two settle it at the same time', async () => {
    const { jobId, workspaceId } = await aJudgedJob(database, { callbackUrl: 'https://caller.example/hook' });
    await addVideo(database, { jobId, durationSeconds: 8 });

    const settled = await holding(lockJob(jobId), () => [settle(jobId, 'succeeded'), settle(jobId, 'succeeded')]);

    expect(settled.map(({ state, capturedMicros }) => [state, capturedMicros])).toEqual([
      ['succeeded', 800_000],
      ['succeeded', 800_000],
    ]);
    expect(settled.reduce((sum, { queuedWebhooks }) => sum + queuedWebhooks, 0)).toBe(1);
    expect(await transfersOf(database, jobId)).toEqual(['hold 800000', 'capture 800000', 'provider_cost 800000']);
    const deliveries = database.queries.selectFrom('webhook_deliveries').select('url');
    expect(await deliveries.where('workspace_id', '=', workspaceId).execute()).toHaveLength(1);
    const endings = database.queries.selectFrom('job_events').select('type').where('type', '=', 'job.succeeded');
    expect(await endings.where('job_id', '=', jobId).execute()).toHaveLength(1);
  });

  it('books the costs of all its attempts, each once', async () => {
    const { jobId, attempts } = await aTakenJob(database, { costMicros: 640_000 });
    const error = { class: 'PROVIDER_INTERNAL', message: 'it broke' } as const;
    await attempts.recordVerdict({ ...judged, jobId, verdict: { status: 'failed', error, charged: true } });
    await attempts.intend({ jobId, attempt: 2, route: aRoute({ costMicros: 500_000 }) });
    await attempts.recordVerdict({ ...judged, jobId, attempt: 2 });
    await addVideo(database, { jobId, durationSeconds: 8 });

    await settle(jobId, 'succeeded');
    await settle(jobId, 'succeeded');

    expect(await transfersOf(database, jobId)).toEqual([
      'hold 800000',
      'capture 800000',
      'provider_cost 640000',
      'provider_cost 500000',
    ]);
  });

  it.each([
    ['available', ['held', 'revenue', 'provider_cost', 'provider_payable']],
    ['held', ['revenue', 'provider_cost', 'provider_payable']],
    ['revenue', ['provider_cost', 'provider_payable']],
    ['provider_cost', ['provider_payable']],
  ])('waits for the account %s without one that comes after it', async (first, later) => {
    const { jobId, workspaceId } = await aJudgedJob(database);
    await addVideo(database, { jobId, durationSeconds: 5 });
    const text = `select from ledger_accounts where kind = $2 and coalesce(workspace_id, $1) = $1 for update`;
    const lock = (inOne: Database, kind: string) =>
      inOne.run({ name: 'lock_account_for_test', text }, [workspaceId, kind]);

    let settling: Promise<unknown> | undefined;
    await database.transaction(async (run) => {
      const inOne = { ...database, run };
      await lock(inOne, first);
      settling = settle(jobId, 'succeeded');
      await until(async () => (await countWaiting(database)) === 1, 5);
      for (const kind of later) await lock(inOne, kind);
    });

    expect(await settling).toMatchObject({ capturedMicros: 500_000 });
  });

  it('is settled with 50 others of its workspace at once, while 50 more are accepted', async () => {
    const owner = await aWorkspace(database, { credits: 100 });
    const ids = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const { jobId } = await aJudgedJob(database, {}, owner);
        await addVideo(database, { jobId, durationSeconds: index % 2 === 0 ? 8 : 5 });
        return jobId;
      }),
    );

    const [settled] = await Promise.all([
      Promise.all(ids.flatMap((id) => [settle(id, 'succeeded'), settle(id, 'succeeded')])),
      Promise.all(ids.map(() => createJobs(database).accept(aNewJob(owner)))),
    ]);

    expect(settled.map(({ capturedMicros }) => capturedMicros)).toEqual(
      ids.flatMap((_, index) => (index % 2 === 0 ? [800_000, 800_000] : [500_000, 500_000])),
    );
    expect(await createLedger(database).balance(owner.workspaceId)).toEqual({
      availableMicros: 25 * 300_000,
      heldMicros: 50 * 800_000,
      reservedMicros: 0,
    });
  });

  it('stays open and keeps its hold when it goes on at every try', async () => {
    const { jobId } = await aTakenJob(database);
    const ending = { jobId, state: 'canceled', providerCancel: null } as const;
    let looks = 0;
    const run: Runner = async (statement, values) => {
      if (statement.name === 'settle_job') {
        looks += 1;
        await createAttempts(database).recordLook({ jobId, progress: looks });
      }
      return database.run(statement, values);
    };

    await expect(createSettlement({ ...database, run }).settle(ending)).rejects.toThrow('went on');

    expect(looks).toBeLessThan(10);
    expect(await transfersOf(database, jobId)).toEqual(['hold 800000']);
    expect(await createSettlement(database).settle(ending)).toMatchObject({ state: 'canceled' });
    expect(await transfersOf(database, jobId)).toEqual(['hold 800000', 'release 800000']);
  });
});
