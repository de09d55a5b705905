import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Database } from '../../store/database.js';
import { createJobs, type NewJob } from '../../store/jobs.js';
import { checkLedger } from '../../store/ledger-check.js';
import { aNewJob } from '../support/jobs.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const keyOf = (key: string, byte: number) => ({ key, requestSha256: Buffer.alloc(32, byte) });
const lockBalance = {
  name: 'lock_balance',
  text: `select id from ledger_accounts where id = ledger_account($1, 'available') for update`,
};

describe('jobs that are accepted together', () => {
  let database: Database;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());

  /** What comes of them when they all come while another is under way. */
  async function together(newJobs: readonly NewJob[], jobs = createJobs(database)): Promise<string[]> {
    const results = await Promise.allSettled(newJobs.map((job) => jobs.accept(job)));
    return results.map((result) => {
      if (result.status === 'rejected') return result.reason.code;
      return result.value.isReplay ? `replay of ${result.value.job.id}` : `new ${result.value.job.id}`;
    });
  }
  const newOnes = (jobs: readonly NewJob[]) => jobs.map(({ id }) => `new ${id}`);

  it('are each stored with their own request, event, hold and key', async () => {
    const owner = await aWorkspace(database, { credits: 10 });
    const jobs = ['a', 'b', 'c', 'd'].map((prompt, index) => {
      const job = aNewJob(owner, { idempotency: keyOf(prompt, index), holdMicros: 800_000 + index });
      return { ...job, request: { ...job.request, prompt } };
    });
    expect(await together(jobs)).toEqual(newOnes(jobs));
    const statement = {
      name: 'stored_jobs',
      text: `select jobs.request->>'prompt' as prompt, job_events.type, ledger_transfers.amount_micros as held, idempotency_keys.key
        from jobs join job_events on job_events.job_id = jobs.id join ledger_transfers on ledger_transfers.job_id = jobs.id
        join idempotency_keys on idempotency_keys.job_id = jobs.id where jobs.workspace_id = $1 order by jobs.request->>'prompt'`,
    };
    expect(await database.run(statement, [owner.workspaceId])).toEqual(
      ['a', 'b', 'c', 'd'].map((key, index) => ({ prompt: key, type: 'job.queued', held: 800_000 + index, key })),
    );
    expect(await together(jobs)).toEqual(jobs.map(({ id }) => `replay of ${id}`));
    expect(await checkLedger(database)).toEqual([]);
  });

  it('do not suffer from one that cannot be paid, has a key of another request, or comes twice', async () => {
    const owner = await aWorkspace(database, { credits: 10 });
    const before = aNewJob(owner, { idempotency: keyOf('used', 1) });
    await together([before]);
    const [first, other, dear, reused, twice, again] = [
      aNewJob(owner),
      aNewJob(owner),
      aNewJob(owner, { holdMicros: 80_000_000 }),
      aNewJob(owner, { idempotency: keyOf('used', 2) }),
      aNewJob(owner, { idempotency: keyOf('twice', 3) }),
      aNewJob(owner, { idempotency: keyOf('twice', 3) }),
    ];
    const [one, two, three, four, five, six] = await together([first, other, dear, reused, twice, again]);
    expect([one, two, three, four]).toEqual([
      ...newOnes([first, other]),
      'insufficient_funds',
      'idempotency_key_reused',
    ]);
    const winner = [twice, again].find(({ id }) => five === `new ${id}` || six === `new ${id}`);
    expect(new Set([five, six])).toEqual(new Set([`new ${winner?.id}`, `replay of ${winner?.id}`]));
    expect(await checkLedger(database)).toEqual([]);
  });

  it('are no more than a workspace may have open', async () => {
    const owner = await aWorkspace(database, { credits: 20 });
    const known = aNewJob(owner, { openJobLimit: 5, idempotency: keyOf('known', 1) });
    const jobs = createJobs(database);
    // From here on it knows how many are open, so that those that come next come at once.
    await together([known], jobs);
    const more = Array.from({ length: 8 }, () => aNewJob(owner, { openJobLimit: 5 }));
    const results = await together([known, ...more], jobs);
    expect(results[0]).toBe(`replay of ${known.id}`);
    expect(results.filter((result) => result.startsWith('new'))).toHaveLength(4);
    expect(results.filter((result) => result === 'too_many_jobs')).toHaveLength(4);
  });

  it('wait for no other workspace', async () => {
    const [held, free] = [await aWorkspace(database, { credits: 5 }), await aWorkspace(database, { credits: 5 })];
    const jobs = createJobs(database);
    const waiting = await database.transaction(async (run) => {
      await run(lockBalance, [held.workspaceId]);
      const accepting = [jobs.accept(aNewJob(held)), jobs.accept(aNewJob(held))];
      expect(await jobs.accept(aNewJob(free))).toMatchObject({ isReplay: false });
      return accepting;
    });
    expect(await Promise.all(waiting)).toMatchObject([{ isReplay: false }, { isReplay: false }]);
  });
});
