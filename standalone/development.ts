import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDatabase } from '../store/database.js';
import { createLedger } from '../store/ledger.js';
import { createWorkspaces } from '../store/workspaces.js';
import { writePrivate } from './state.js';

const NAME = 'development';
const FIRST_TOP_UP_MICROS = 1_000_000_000;

/** A key of the workspace `development`, which is made with 1,000 USD in it; the same key for as long as the database knows it. */
export async function developmentKey(databaseUrl: string, home: string): Promise<string> {
  const database = createDatabase(databaseUrl, { poolSize: 1 });
  try {
    const workspaces = createWorkspaces(database);
    const file = join(home, 'development-key');
    const kept = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
    if (kept && (await workspaces.authenticate(kept))) return kept;

    let workspace: { id: string } | undefined = await workspaces.find(NAME);
    if (!workspace) {
      workspace = await workspaces.create({ name: NAME });
      const reference = 'first top-up';
      await createLedger(database).topUp({ workspaceId: workspace.id, micros: FIRST_TOP_UP_MICROS, reference });
    }
    const { secret } = await workspaces.createKey({
      workspaceId: workspace.id,
      name: NAME,
      scopes: ['jobs:read', 'jobs:write', 'webhooks:write', 'operator'],
    });
    writePrivate(file, secret);
    return secret;
  } finally {
    await database.close();
  }
}
