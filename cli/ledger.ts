import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { formatUsd, type Micros } from '../contract/money.js';
import type { Database } from '../store/database.js';
import { createKnownTasks, type KnownTask } from '../store/known-tasks.js';
import { checkLedger, ledgerRules } from '../store/ledger-check.js';
import { readBill } from './bill.js';
import { compareBill } from './drift.js';
import { readDate } from './read-date.js';
import { table } from './table.js';

type Deps = { openDatabase: () => Database; show: (value: unknown, text: () => string) => void };
type DriftOptions = { account: string; bill: string; from?: Date; to?: Date };

/** The verbs that prove the books: against themselves and the jobs, and against what a provider bills. */
export function addLedgerVerbs(program: Command, { openDatabase, show }: Deps): void {
  const ledger = program.command('ledger').description('whether the money is right');
  ledger
    .command('check')
    .description('prove the ledger against itself, the jobs and the attempts; ends with 1 when something is wrong')
    .action(async () => {
      const violations = await checkLedger(openDatabase());
      show(violations, () => {
        if (violations.length === 0) return `The ledger is right: ${ledgerRules.length} rules hold.`;
        const titles = ['rule', 'job', 'attempt', 'account', 'expected', 'found'];
        const rows = violations.map((one) => [
          one.rule,
          one.jobId,
          one.attempt,
          one.account,
          usd(one.expectedMicros),
          usd(one.foundMicros),
        ]);
        return table(titles, rows);
      });
      if (violations.length > 0) throw new Error(`Violations of the ledger: ${violations.length}.`);
    });
  ledger
    .command('drift')
    .description("hold a provider's bill against what is booked; ends with 1 when they differ")
    .requiredOption('--account <account>', 'the provider account, as the catalogue names it')
    .requiredOption('--bill <file>', 'a CSV with the columns task_id and amount_usd')
    .option('--from <date>', 'first moment of the bill (default: its first task that is known here)', readDate)
    .option('--to <date>', 'first moment after it (default: its last task that is known here)', readDate)
    .action(async ({ account, bill, ...span }: DriftOptions) => {
      const billed = readBill(readFileSync(bill, 'utf8'));
      const tasks = createKnownTasks(openDatabase());
      const known = await tasks.byId({ account, taskIds: [...billed.keys()] });
      const { from, to } = { ...spanOf(known), ...span };
      const charged = from && to ? await tasks.charged({ account, from, to }) : [];
      const drift = compareBill({ billed, known, charged });
      const { differences } = drift;
      const sums = {
        billed: formatUsd(drift.billedMicros),
        booked: formatUsd(drift.bookedMicros),
        difference: formatUsd(drift.billedMicros - drift.bookedMicros),
      };
      const rows = differences.map(({ billedMicros, bookedMicros, ...task }) => ({
        ...task,
        billed: usd(billedMicros),
        booked: usd(bookedMicros),
      }));
      show({ account, from, to, ...sums, differences: rows }, () => {
        const lines = `billed: ${sums.billed} USD\nbooked: ${sums.booked} USD\ndifference: ${sums.difference} USD`;
        if (rows.length === 0) return `${lines}\nEvery task of the bill is booked as it is billed.`;
        const titles = ['task', 'what', 'job', 'attempt', 'charged', 'billed', 'booked'];
        const cells = rows.map((row) => [
          row.taskId,
          words[row.kind],
          row.jobId,
          row.attempt,
          row.charged,
          row.billed,
          row.booked,
        ]);
        return `${lines}\n${table(titles, cells)}`;
      });
      if (rows.length > 0) throw new Error(`Tasks on which the bill and the books differ: ${rows.length}.`);
    });
}

const words = { unknown_here: 'unknown here', not_billed: 'not billed', other_amount: 'another amount' };

/** From the first of these tasks to just after the last. */
function spanOf(known: readonly KnownTask[]): { from?: Date; to?: Date } {
  const moments = known.map(({ at }) => at.getTime());
  if (moments.length === 0) return {};
  return { from: new Date(Math.min(...moments)), to: new Date(Math.max(...moments) + 1) };
}

function usd(micros: Micros | null): string | null {
  return micros === null ? null : formatUsd(micros);
}
