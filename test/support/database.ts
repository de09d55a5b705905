import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { testSetting } from './temporal.js';

/** A database of its own for one test file: a copy of the migrated template. */
export async function cloneDatabase({
  template = 'reelay_template',
} = {}): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `reelay_${randomBytes(6).toString('hex')}`;
  await onServer(`create database ${name} template ${template}`);
  const url = new URL(testSetting('TEST_DATABASE_URL'));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => onServer(`drop database ${name} with (force)`) };
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: testSetting('TEST_DATABASE_URL') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
