import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createAdmin } from '../../cli/admin.js';
import { silentAnnouncer } from '../../store/announcements.js';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { createOrphans } from '../../store/orphans.js';
import { createSettlement } from '../../store/settlement.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

describe('the ledger verbs', () => {
  let database: Database;
  let close: () => Promise<void>;
  let folder: string;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
    folder = mkdtempSync(join(tmpdir(), 'reelay-bill-'));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await close();
  });

  let lines: string[] = [];
  beforeEach(() => {
    lines = [];
  });
  async function run(...words: string[]): Promise<string> {
    const unused = () => {
      throw new Error('Temporal was not expected');
    };
    const write = (text: string) => void lines.push(text);
    const open = { openDatabase: () => database, openAnnouncer: () => silentAnnouncer, openTemporal: unused };
    const parts = { ...open, deployment: 'reelay', buildId: '1', write };
    await createAdmin(parts).parseAsync(['node', 'admin', ...words]);
    return lines.join('\n');
  }
  function aBill(text: string): string {
    const file = join(folder, 'bill.csv');
    writeFileSync(file, text);
    return file;
  }
  /** A finished task at an account, charged or not. */
  async function aTask(account: string, { id, charged = true }: { id: string; charged?: boolean }) {
    const owner = await aWorkspace(database, { credits: 1 });
    const { job } = await createJobs(database).accept(aNewJob(owner));
    const attempts = createAttempts(database);
    const ref = { jobId: job.id, attempt: 1 };
    const task = { account, upstreamModel: 'model-1', id };
    await attempts.intend({ ...ref, route: aRoute({ account }) });
    await attempts.recordSubmission({ ...ref, submission: { outcome: 'accepted', task } });
    if (charged) await attempts.recordVerdict({ ...ref, task, verdict: { status: 'succeeded', files: [] } });
    await createSettlement(database).settle({ jobId: job.id, state: 'canceled', providerCancel: 'too_late' });
    return job.id;
  }

  it('says that the ledger is right, and with --json that nothing is wrong', async () => {
    await aTask('right', { id: 'task-1' });
    expect(await run('ledger', 'check')).toMatch(/^The ledger is right: \d+ rules hold\.$/);
    expect(JSON.parse(await run('ledger', 'check', '--json').then(() => lines.at(-1) ?? ''))).toEqual([]);
  });

  it('finds every difference between a bill and the books, and the sums of both', async () => {
    const account = 'compared';
    await aTask(account, { id: 'agreed' });
    const cheaper = await aTask(account, { id: 'cheaper' });
    const possible = await aTask(account, { id: 'possible', charged: false });
    const missing = await aTask(account, { id: 'missing' });
    await aTask('another account', { id: 'elsewhere' });
    const orphan = { account, upstreamModel: 'model-1', id: 'orphan' };
    const listed = { task: orphan, createdAt: new Date(), status: 'succeeded' } as const;
    await createOrphans(database).record({ listed, resolution: 'written_off', costMicros: 400_000 });
    await aTask(account, { id: 'last' });
    const bill = aBill(
      [
        '\uFEFFamount_usd,task_id,note',
        '0.8,agreed,"a, quoted, note"',
        '0.5,cheaper,',
        '0.8,possible,',
        '1.2,never heard of,',
        '0.4,orphan,',
        '',
        '0.9,last,first line',
        '-0.1,last,a credit',
        '0.8,elsewhere,',
      ].join('\r\n'),
    );
    await expect(run('ledger', 'drift', '--account', account, '--bill', bill, '--json')).rejects.toThrow(
      'Tasks on which the bill and the books differ: 5.',
    );
    const report = JSON.parse(lines.join(''));
    expect(report).toMatchObject({ account, billed: '5.300000', booked: '3.600000', difference: '1.700000' });
    const known = { attempt: 1, kind: 'other_amount' };
    const unknown = { kind: 'unknown_here', jobId: null, attempt: null, charged: null, booked: null };
    expect(report.differences).toEqual([
      { ...known, taskId: 'cheaper', jobId: cheaper, charged: 'yes', billed: '0.500000', booked: '0.800000' },
      { ...known, taskId: 'possible', jobId: possible, charged: 'possibly', billed: '0.800000', booked: '0.000000' },
      { ...unknown, taskId: 'never heard of', billed: '1.200000' },
      { ...unknown, taskId: 'elsewhere', billed: '0.800000' },
      {
        ...known,
        kind: 'not_billed',
        taskId: 'missing',
        jobId: missing,
        charged: 'yes',
        billed: null,
        booked: '0.800000',
      },
    ]);
  });

  it('looks for what was not billed only in the time that it is told', async () => {
    const account = 'monthly';
    await aTask(account, { id: 'of this month' });
    const empty = aBill('task_id,amount_usd\n');
    const drift = ['ledger', 'drift', '--account', account, '--bill', empty];
    expect(await run(...drift, '--from', '2026-01-01', '--to', '2026-02-01')).toContain('booked: 0.000000 USD');
    await expect(run(...drift, '--from', '2026-01-01', '--to', '2100-01-01')).rejects.toThrow('differ: 1.');
    expect(lines.at(-1)).toMatch(/of this month .*not billed .*0\.800000/);
  });

  it.each([
    ['has no such columns', 'task,amount\na,1', /no column task_id and amount_usd/],
    [
      'has an amount that is none',
      'task_id,amount_usd\na,1\nb,free',
      /Line 3 of the bill: amount_usd is not an amount/,
    ],
    ['has a line without a task', 'task_id,amount_usd\n,1', /Line 2 of the bill: task_id is empty/],
    ['is no CSV', 'task_id,amount_usd\n"a,1', /no readable CSV/],
  ])('refuses a bill that %s', async (_, text, message) => {
    await expect(run('ledger', 'drift', '--account', 'any', '--bill', aBill(text))).rejects.toThrow(message);
  });

  it('names each violation with its ids, and ends as a failure', async () => {
    const jobId = await aTask('broken', { id: 'task-2' });
    await database.queries.updateTable('jobs').set({ captured_micros: 7 }).where('id', '=', jobId).execute();
    await expect(run('ledger', 'check')).rejects.toThrow('Violations of the ledger: 1.');
    expect(lines.join('\n')).toMatch(new RegExp(`job_says_what_was_captured .*${jobId} .*0\\.000000 .*0\\.000007`));
  });
});
