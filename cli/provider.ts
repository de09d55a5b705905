import type { Command } from 'commander';
import type { Database } from '../store/database.js';
import { createHealthList } from '../store/provider-health.js';
import { table } from './table.js';

type Deps = { openDatabase: () => Database; show: (value: unknown, text: () => string) => void };

/** The verbs for provider accounts: how they do, and that one is well again. */
export function addProviderVerbs(program: Command, { openDatabase, show }: Deps): void {
  const provider = program.command('provider').description('how the provider accounts do');
  provider
    .command('list')
    .description('accounts and models that had trouble since they last did well')
    .action(async () => {
      const rows = await createHealthList(openDatabase()).list();
      show(rows, () => {
        if (rows.length === 0) return 'No provider account has had trouble.';
        const titles = ['account', 'model', 'state', 'failures', 'open until', 'reason'];
        const lines = rows.map((row) => [
          row.account,
          row.upstreamModel ?? 'all',
          row.state,
          row.failures,
          row.openUntil,
          row.reason,
        ]);
        return table(titles, lines);
      });
    });
  provider
    .command('reset <account>')
    .description('send jobs to an account and its models again at once')
    .action(async (account: string) => {
      const { rows } = await createHealthList(openDatabase()).reset(account);
      if (rows === 0) throw new Error(`Nothing is held against ${account}.`);
      show({ account, reset: true }, () => `${account} is asked again`);
    });
}
