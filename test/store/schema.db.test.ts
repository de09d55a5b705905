import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { findProjectRoot } from '../../runtime/root.js';
import { migrate } from '../../store/migrate.js';
import { cloneDatabase } from '../support/database.js';
import { dumpSchema } from '../support/dump-schema.js';

const schemaFile = join(findProjectRoot(), 'store', 'schema.sql');

describe('the migrations', () => {
  it('add up to store/schema.sql', async () => {
    const { url, drop } = await cloneDatabase();
    const pool = new pg.Pool({ connectionString: url });
    const dumped = await dumpSchema(pool);
    await pool.end();
    await drop();
    // `RECORD_SCHEMA=1` writes it anew, after a new migration.
    if (process.env.RECORD_SCHEMA) writeFileSync(schemaFile, dumped);
    expect(dumped).toBe(readFileSync(schemaFile, 'utf8'));
  });

  it('let a process of an earlier build start on a later schema', async () => {
    const { url, drop } = await cloneDatabase();
    const pool = new pg.Pool({ connectionString: url });
    await pool.query(`insert into migrations (name, run_on) values ('9999_of_a_later_build', now())`);
    const before = await dumpSchema(pool);
    await migrate(url);
    expect(await dumpSchema(pool)).toBe(before);
    await pool.end();
    await drop();
  });

  it('may be run by three processes at once on an empty database, and once more', async () => {
    const { url, drop } = await cloneDatabase({ template: 'template0' });
    await Promise.all([migrate(url), migrate(url), migrate(url)]);
    await migrate(url);
    const pool = new pg.Pool({ connectionString: url });
    expect(await dumpSchema(pool)).toBe(readFileSync(schemaFile, 'utf8'));
    await pool.end();
    await drop();
  });
});
