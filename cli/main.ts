import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pc from 'picocolors';
import { z } from 'zod';
import { readWorkerNames } from '../runtime/config.js';
import { createLogger } from '../runtime/logger.js';
import { findProjectRoot } from '../runtime/root.js';
import { settingOf } from '../runtime/setting.js';
import { createTemporalClient } from '../runtime/temporal.js';
import { createAnnouncer } from '../store/announcements.js';
import { createDatabase } from '../store/database.js';
import { createAdmin } from './admin.js';

/** `npm run admin -- …`: workspaces, keys, money and providers, straight in the database; releases of the workers, at Temporal. */
const stackSchema = z.object({ databaseUrl: z.string(), temporalAddress: z.string(), namespace: z.string() });

const opened: { close(): Promise<void> }[] = [];
try {
  await createAdmin({
    openDatabase: () => {
      const database = createDatabase(findDatabaseUrl(), { poolSize: 1 });
      opened.push(database);
      return database;
    },
    openAnnouncer: () => {
      // What cannot be announced is found by looking, and what is printed here may be read by a script.
      const announcer = createAnnouncer({ databaseUrl: findDatabaseUrl(), logger: createLogger('admin', 'silent') });
      opened.push(announcer);
      return announcer;
    },
    openTemporal: () => {
      const client = createTemporalClient(findTemporal());
      opened.push(client.connection);
      return client;
    },
    ...readWorkerNames(),
    write: (text) => process.stdout.write(`${text}\n`),
  }).parseAsync(process.argv);
} catch (error) {
  process.stderr.write(`${pc.red('reelay:')} ${describe(error)}\n`);
  process.exitCode = 1;
} finally {
  await Promise.all(opened.map((part) => part.close()));
}

function findDatabaseUrl(): string {
  const url = settingOf(process.env, 'DATABASE_URL') ?? readStack()?.databaseUrl;
  if (!url) throw new Error('No database: set DATABASE_URL, or run `npm start` in another terminal first.');
  return url;
}

function findTemporal() {
  const stack = readStack();
  const address = settingOf(process.env, 'TEMPORAL_ADDRESS') ?? stack?.temporalAddress;
  if (!address) throw new Error('No Temporal: set TEMPORAL_ADDRESS, or run `npm start` in another terminal first.');
  const namespace = settingOf(process.env, 'TEMPORAL_NAMESPACE') ?? stack?.namespace ?? 'default';
  return { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
}

function readStack() {
  const { REELAY_HOME } = process.env;
  const file = join(REELAY_HOME ? resolve(REELAY_HOME) : join(findProjectRoot(), '.reelay'), 'stack.json');
  return existsSync(file) ? stackSchema.parse(JSON.parse(readFileSync(file, 'utf8'))) : undefined;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}
