import { mkdirSync, mkdtempSync, truncateSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { findProjectRoot } from '../../runtime/root.js';
import { FAST_SHUTDOWN, startPostgres } from '../../standalone/postgres.js';
import { placePostgres, removePostgres } from '../../standalone/postgres-place.js';
import { type Child, isRunning, stopProcess } from '../../standalone/processes.js';
import { createTestPorts } from '../support/ports.js';

jest.setTimeout(90_000);

describe('startPostgres', () => {
  const home = join(findProjectRoot(), '.reelay', `test-postgres-${process.pid}`);
  const ports = createTestPorts();
  let port = 0;
  const started: Child[] = [];
  beforeAll(async () => {
    mkdirSync(home, { recursive: true });
    port = await ports.choose();
  });
  afterAll(async () => {
    for (const server of started) await stopProcess(server, FAST_SHUTDOWN);
    await removePostgres(home);
    await rm(home, { recursive: true });
    ports.release();
  });

  async function start() {
    const server = await startPostgres({ home, port, logFile: join(home, 'log') });
    started.push(server);
    return server;
  }

  async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(text)).rows;
    } finally {
      await client.end();
    }
  }

  it('makes a database in UTF-8 that is safe against power cuts and listens on loopback only', async () => {
    const { url } = await start();
    const settings = ['server_encoding', 'lc_collate', 'fsync', 'synchronous_commit', 'listen_addresses'];
    const rows = await query(url, `select name, setting from pg_settings where name in ('${settings.join("','")}')`);
    const [collation] = await query(url, `select datcollate from pg_database where datname = current_database()`);
    expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toMatchObject({
      server_encoding: 'UTF8',
      fsync: 'on',
      synchronous_commit: 'on',
      listen_addresses: '127.0.0.1',
    });
    expect(collation).toEqual({ datcollate: 'C' });
    await expect(query(url.replace(/:[^:@]+@/, ':wrong@'), 'select 1')).rejects.toThrow('password');
    await query(url, 'create table kept (word text); insert into kept values ($$still here$$)');
  });

  it('stops the server that a killed run left behind, and keeps what was committed', async () => {
    const orphan = started.at(-1);
    const { url } = await start();
    expect(orphan && isRunning(orphan)).toBe(false);
    expect(await query(url, 'select word from kept')).toEqual([{ word: 'still here' }]);
  });

  it('starts again at once after the server was killed', async () => {
    const killed = started.at(-1);
    process.kill(killed?.pid ?? 0, 'SIGKILL');
    await killed?.ended;
    const { url } = await start();
    expect(await query(url, 'select word from kept')).toEqual([{ word: 'still here' }]);
  });

  it('starts again where the server was killed before it had written its lock', async () => {
    const killed = started.at(-1);
    process.kill(killed?.pid ?? 0, 'SIGKILL');
    await killed?.ended;
    const { dataFolder } = await placePostgres(home);
    truncateSync(join(dataFolder, 'postmaster.pid'));
    const { url } = await start();
    expect(await query(url, 'select word from kept')).toEqual([{ word: 'still here' }]);
  });

  it('begins anew in a home that was removed, wherever its data lay', async () => {
    // As root, a closed folder such as this one sends the data elsewhere.
    const closed = mkdtempSync(join(tmpdir(), 'reelay-closed-'));
    const settings = { home: join(closed, 'home'), port: await ports.choose(), logFile: join(closed, 'log') };
    const first = await startPostgres(settings);
    await query(first.url, 'create table gone (word text)');
    await stopProcess(first, FAST_SHUTDOWN);
    await rm(settings.home, { recursive: true });
    const second = await startPostgres(settings);
    expect(await query(second.url, `select to_regclass('gone') as table`)).toEqual([{ table: null }]);
    await stopProcess(second, FAST_SHUTDOWN);
    await removePostgres(settings.home);
    await rm(closed, { recursive: true });
  });
});
