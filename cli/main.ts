import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pc from 'picocolors';
import { z } from 'zod';
import { findProjectRoot } from '../runtime/root.js';
import { createDatabase } from '../store/database.js';
import { createAdmin } from './admin.js';

/** `npm run admin -- …`: workspaces, keys, money and providers, straight in the database. */
const stackSchema = z.object({ databaseUrl: z.string() });

let close = async () => {};
try {
  await createAdmin({
    openDatabase: () => {
      const database = createDatabase(findDatabaseUrl(), { poolSize: 1 });
      close = () => database.close();
      return database;
    },
    write: (text) => process.stdout.write(`${text}\n`),
  }).parseAsync(process.argv);
} catch (error) {
  process.stderr.write(`${pc.red('reelay:')} ${describe(error)}\n`);
  process.exitCode = 1;
} finally {
  await close();
}

function findDatabaseUrl(): string {
  const { DATABASE_URL, DATABASE_URL_FILE, REELAY_HOME } = process.env;
  if (DATABASE_URL) return DATABASE_URL;
  if (DATABASE_URL_FILE) return readFileSync(DATABASE_URL_FILE, 'utf8').trim();
  const stackFile = join(REELAY_HOME ? resolve(REELAY_HOME) : join(findProjectRoot(), '.reelay'), 'stack.json');
  if (existsSync(stackFile)) return stackSchema.parse(JSON.parse(readFileSync(stackFile, 'utf8'))).databaseUrl;
  throw new Error('No database: set DATABASE_URL, or run `npm start` in another terminal first.');
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}
