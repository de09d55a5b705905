import { join } from 'node:path';
import { runner } from 'node-pg-migrate';
import { findProjectRoot } from '../runtime/root.js';

/** Brings the database up to date. Safe to run from many processes at once: one works, the others wait. */
export async function migrate(databaseUrl: string): Promise<void> {
  await runner({
    databaseUrl,
    dir: join(findProjectRoot(), 'store', 'migrations'),
    migrationsTable: 'migrations',
    direction: 'up',
    count: Number.POSITIVE_INFINITY,
    advisoryLockMode: 'wait',
    log: () => {},
  });
}
