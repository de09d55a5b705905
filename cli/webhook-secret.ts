import { type Command, InvalidArgumentError } from 'commander';
import type { Database } from '../store/database.js';
import { createWebhookSecrets, type WebhookSecret } from '../store/webhook-secrets.js';
import { createWorkspaces } from '../store/workspaces.js';

type Deps = { openDatabase: () => Database; show: (value: unknown, text: () => string) => void };

const DAY_SECONDS = 24 * 60 * 60;

/** The verbs for the secret that signs what is told to the addresses of single jobs. Endpoints have secrets of their own. */
export function addWebhookSecretVerbs(workspace: Command, { openDatabase, show }: Deps): void {
  workspace
    .command('webhook-secret <workspace>')
    .description('what signs webhooks to the addresses that single jobs name')
    .action(async (nameOrId: string) => {
      const database = openDatabase();
      const id = await idOf(database, nameOrId);
      tell(await createWebhookSecrets(database).find(id));
    });
  workspace
    .command('rotate-webhook-secret <workspace>')
    .description('make another; the one before it signs as well for a while')
    .option('--overlap <seconds>', 'for how long both sign', readSeconds, DAY_SECONDS)
    .action(async (nameOrId: string, { overlap }: { overlap: number }) => {
      const database = openDatabase();
      const id = await idOf(database, nameOrId);
      tell(await createWebhookSecrets(database).rotate(id, { overlapSeconds: overlap }));
    });

  function tell({ secret, previousUntil }: WebhookSecret): void {
    const isBoth = previousUntil !== null && previousUntil > new Date();
    show({ secret, previousUntil }, () =>
      isBoth ? `${secret}\nThe one before it signs as well until ${previousUntil.toISOString()}.` : secret,
    );
  }
}

async function idOf(database: Database, nameOrId: string): Promise<string> {
  const workspace = await createWorkspaces(database).find(nameOrId);
  if (!workspace) throw new Error(`There is no workspace ${nameOrId}.`);
  return workspace.id;
}

function readSeconds(text: string): number {
  const seconds = Number(text);
  if (!Number.isInteger(seconds) || seconds < 0) throw new InvalidArgumentError('Say a number of seconds.');
  return seconds;
}
