import type { Client } from '@temporalio/client';
import { Command, InvalidArgumentError, Option } from 'commander';
import { formatUsd, type Micros, parseUsd } from '../contract/money.js';
import { type UnknownPolicy, unknownPolicies } from '../contract/plan.js';
import type { Announcer } from '../store/announcements.js';
import { type Database, violates } from '../store/database.js';
import { createLedger } from '../store/ledger.js';
import { createUsage } from '../store/usage.js';
import { type CancelCharge, cancelCharges, createWorkspaces, type Scope, scopes } from '../store/workspaces.js';
import { addJobVerbs } from './job.js';
import { addLedgerVerbs } from './ledger.js';
import { addProviderVerbs } from './provider.js';
import { readDate } from './read-date.js';
import { addReleaseVerbs } from './release.js';
import { table } from './table.js';
import { addWebhookSecretVerbs } from './webhook-secret.js';

export type AdminDeps = {
  /** Called by the verb that runs, so that asking for help needs no database. */
  openDatabase: () => Database;
  /** The same, for the verbs whose changes others wait for. */
  openAnnouncer: () => Announcer;
  /** The same, for the verbs that ask Temporal. */
  openTemporal: () => Client;
  /** What the workers' builds are known by together, and this one alone. */
  deployment: string;
  buildId: string;
  /** Writes a line, or lines, for the one who asked. */
  write: (text: string) => void;
};

const DAY_MS = 24 * 60 * 60 * 1_000;
const USAGE_DAYS = 30;

/** The administrator's verbs. `--json` prints what scripts can read. */
export function createAdmin({ openDatabase, openAnnouncer, write, ...workers }: AdminDeps): Command {
  const program = new Command('reelay').description('Workspaces, keys, money, providers and releases.');
  program.option('--json', 'print JSON');
  const show = (value: unknown, text: () => string) =>
    write(program.opts<{ json?: boolean }>().json ? JSON.stringify(value) : text());

  const workspace = program.command('workspace').description('who owns jobs, keys and money');
  workspace
    .command('create <name>')
    .description('make a workspace, with nothing in its account')
    .action(async (name: string) => {
      const made = await createWorkspaces(openDatabase())
        .create({ name })
        .catch((error: unknown) => {
          const isTaken = violates(error, 'workspaces_name_key');
          throw isTaken ? new Error(`There is already a workspace called ${name}.`) : error;
        });
      show(made, () => `${made.id}  ${made.name}`);
    });
  workspace
    .command('list')
    .description('all workspaces')
    .action(async () => {
      const all = await createWorkspaces(openDatabase()).list();
      const rows = all.map(({ id, name, created_at }) => ({ id, name, created_at }));
      show(rows, () =>
        table(
          ['id', 'name', 'created'],
          rows.map((row) => [row.id, row.name, row.created_at]),
        ),
      );
    });

  workspace
    .command('set <workspace>')
    .description('how a workspace is treated, from now on')
    .addOption(
      new Option('--unknown-policy <policy>', 'a job of which nobody can say whether a provider took it').choices(
        unknownPolicies,
      ),
    )
    .addOption(new Option('--cancel-charge <charge>', 'a cancel after acceptance').choices(cancelCharges))
    .action(async (nameOrId: string, settings: { unknownPolicy?: UnknownPolicy; cancelCharge?: CancelCharge }) => {
      if (Object.keys(settings).length === 0) throw new Error('Say what to set: --unknown-policy or --cancel-charge.');
      const workspaces = createWorkspaces(openDatabase());
      const { id } = await found(workspaces, nameOrId);
      const now = await workspaces.set(id, settings);
      show(now, () => `unknown policy: ${now?.unknown_policy}\ncancel charge:  ${now?.cancel_charge}`);
    });

  addWebhookSecretVerbs(workspace, { openDatabase, show });

  const key = program.command('key').description('what callers prove themselves with');
  key
    .command('create <workspace>')
    .description('make a key; its secret is shown this once')
    .option('--scope <scope>', `${scopes.join(', ')}; may be repeated (default: jobs:read and jobs:write)`, addScope)
    .option('--name <name>', 'what the key is for', '')
    .action(async (nameOrId: string, options: { scope?: Scope[]; name: string }) => {
      const workspaces = createWorkspaces(openDatabase());
      const { id: workspaceId } = await found(workspaces, nameOrId);
      const granted = options.scope ?? (['jobs:read', 'jobs:write'] as const);
      const made = await workspaces.createKey({ workspaceId, name: options.name, scopes: granted });
      show({ ...made, scopes: granted }, () => `${made.id}\n${made.secret}\nThe secret is not shown again.`);
    });
  key
    .command('list <workspace>')
    .description('the keys of a workspace, without their secrets')
    .action(async (nameOrId: string) => {
      const workspaces = createWorkspaces(openDatabase());
      const keys = await workspaces.listKeys((await found(workspaces, nameOrId)).id);
      show(keys, () => {
        const titles = ['id', 'name', 'starts with', 'scopes', 'created', 'last used', 'revoked'];
        const rows = keys.map((one) => [
          one.id,
          one.name,
          one.prefix,
          one.scopes.join(' '),
          one.created_at,
          one.last_used_at,
          one.revoked_at,
        ]);
        return table(titles, rows);
      });
    });
  key
    .command('revoke <id>')
    .description('refuse a key from now on')
    .action(async (id: string) => {
      const isRevoked = await createWorkspaces(openDatabase()).revokeKey(id);
      if (!isRevoked) throw new Error(`There is no key ${id} in force.`);
      show({ id, revoked: true }, () => `${id} is revoked`);
    });

  program
    .command('topup <workspace> <usd>')
    .description('put money into an account')
    .option('--reference <text>', 'what shows in the ledger')
    .action(async (nameOrId: string, usd: string, { reference }: { reference?: string }) => {
      const micros = readAmount(usd);
      const database = openDatabase();
      const { id: workspaceId } = await found(createWorkspaces(database), nameOrId);
      const ledger = createLedger(database);
      await ledger.topUp({ workspaceId, micros, ...(reference === undefined ? {} : { reference }) });
      const { availableMicros } = await ledger.balance(workspaceId);
      show({ available: formatUsd(availableMicros) }, () => `available: ${formatUsd(availableMicros)} USD`);
    });
  program
    .command('balance <workspace>')
    .description('what can be spent, and what running jobs hold')
    .action(async (nameOrId: string) => {
      const database = openDatabase();
      const { id } = await found(createWorkspaces(database), nameOrId);
      const { availableMicros, heldMicros, reservedMicros } = await createLedger(database).balance(id);
      const [available, held, reserved] = [availableMicros, heldMicros, reservedMicros].map(formatUsd);
      const balance = { available, held, reserved, currency: 'USD' };
      show(balance, () => `available: ${available} USD\nheld:      ${held} USD\nreserved:  ${reserved} USD`);
    });
  program
    .command('usage <workspace>')
    .description(`finished jobs by UTC day, model and key (default: the last ${USAGE_DAYS} days)`)
    .option('--from <date>', 'first moment, such as 2026-11-01', readDate)
    .option('--to <date>', 'first moment after', readDate)
    .action(async (nameOrId: string, span: { from?: Date; to?: Date }) => {
      const database = openDatabase();
      const { id: workspaceId } = await found(createWorkspaces(database), nameOrId);
      const to = span.to ?? new Date();
      const from = span.from ?? new Date(to.getTime() - USAGE_DAYS * DAY_MS);
      if (from >= to) throw new Error('--from must be before --to.');
      const report = await createUsage(database).report({ workspaceId, from, to });
      const rows = report.map(({ capturedMicros, ...row }) => ({ ...row, captured: formatUsd(capturedMicros) }));
      show(rows, () => {
        const titles = ['day', 'model', 'key', 'jobs', 'succeeded', 'failed', 'canceled', 'seconds', 'USD'];
        const lines = rows.map((row) => [
          row.day,
          row.model,
          row.apiKeyId,
          row.jobs,
          row.succeeded,
          row.failed,
          row.canceled,
          row.deliveredSeconds,
          row.captured,
        ]);
        return table(titles, lines);
      });
    });
  addJobVerbs(program, { openDatabase, openAnnouncer, show });
  addProviderVerbs(program, { openDatabase, show });
  addLedgerVerbs(program, { openDatabase, show });
  addReleaseVerbs(program, { ...workers, show });
  return program;
}

async function found(workspaces: ReturnType<typeof createWorkspaces>, nameOrId: string) {
  const workspace = await workspaces.find(nameOrId);
  if (!workspace) throw new Error(`There is no workspace ${nameOrId}.`);
  return workspace;
}

function addScope(value: string, before: Scope[] = []): Scope[] {
  const scope = scopes.find((known) => known === value);
  if (!scope) throw new InvalidArgumentError(`Scopes are ${scopes.join(', ')}.`);
  return before.includes(scope) ? before : [...before, scope];
}

function readAmount(text: string): Micros {
  let micros = 0;
  try {
    micros = parseUsd(text);
  } catch (error) {
    throw new Error(`${text} is not an amount in dollars, such as 25 or 0.50.`, { cause: error });
  }
  if (micros === 0) throw new Error('Nothing is not an amount to top up.');
  return micros;
}
