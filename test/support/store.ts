import { newId } from '../../runtime/ids.js';
import { createDatabase, type Database } from '../../store/database.js';
import { createLedger } from '../../store/ledger.js';
import { createWorkspaces } from '../../store/workspaces.js';
import { cloneDatabase } from './database.js';

/** A migrated database of its own, and its end. */
export async function openTestDatabase(): Promise<{ database: Database; close(): Promise<void> }> {
  const clone = await cloneDatabase();
  const database = createDatabase(clone.url);
  return {
    database,
    async close() {
      await database.close();
      await clone.drop();
    },
  };
}

/** A workspace with a key and money for so many jobs of 8 s at 0.10 USD. */
export async function aWorkspace(database: Database, { credits }: { credits: number }) {
  const workspaces = createWorkspaces(database);
  const { id } = await workspaces.create({ name: newId('ws') });
  const key = await workspaces.createKey({ workspaceId: id, scopes: ['jobs:write'] });
  if (credits > 0) await createLedger(database).topUp({ workspaceId: id, micros: credits * 800_000 });
  return { workspaceId: id, apiKeyId: key.id };
}
