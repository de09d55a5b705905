import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { createDatabase, type Database } from '../../store/database.js';
import { startCable } from '../support/cable.js';
import { cloneDatabase } from '../support/database.js';

const statement = { name: 'one', text: 'select 1 as one' };

describe('a database that no longer answers', () => {
  let clone: Awaited<ReturnType<typeof cloneDatabase>>;
  let cable: Awaited<ReturnType<typeof startCable>>;
  let database: Database;
  beforeAll(async () => {
    clone = await cloneDatabase();
    const url = new URL(clone.url);
    cable = await startCable({ host: url.hostname, port: Number(url.port) });
    url.hostname = cable.host;
    url.port = String(cable.port);
    database = createDatabase(url.href, { poolSize: 2, answerTimeoutMs: 2_000 });
  });
  afterAll(async () => {
    await database.close();
    await cable.close();
    await clone.drop();
  });

  it('counts as away, for statements and within transactions, and is well again when it answers', async () => {
    await database.transaction((run) => run(statement, []));
    const away = { code: 'service_unavailable' };

    await expect(database.run(statement, [])).resolves.toEqual([{ one: 1 }]);
    cable.holdAnswers();
    await expect(database.run(statement, [])).rejects.toMatchObject(away);
    cable.letGo();
    const inTransaction = database.transaction(async (run) => {
      await run(statement, []);
      cable.holdAnswers();
      return run(statement, []);
    });
    await expect(inTransaction).rejects.toMatchObject(away);

    cable.letGo();
    expect(await database.run(statement, [])).toEqual([{ one: 1 }]);
  }, 20_000);
});

describe('a database that ends a connection in the middle of a transaction', () => {
  let clone: Awaited<ReturnType<typeof cloneDatabase>>;
  let database: Database;
  beforeAll(async () => {
    clone = await cloneDatabase();
    database = createDatabase(clone.url, { poolSize: 2 });
  });
  afterAll(async () => {
    await database.close();
    await clone.drop();
  });

  const own = { name: 'own_connection', text: 'select pg_backend_pid() as pid' };
  const end = { name: 'end_connection', text: 'select pg_terminate_backend($1, 20000) as ended' };

  it('counts as away, though nothing was being asked at that moment, and the process lives on', async () => {
    const inTransaction = database.transaction(async (run) => {
      const [{ pid } = { pid: 0 }] = await run<{ pid: number }>(own, []);
      expect(await database.run(end, [pid])).toEqual([{ ended: true }]);
      // Its last words are read before the next statement is sent.
      await new Promise((resolve) => setImmediate(resolve));
      return run(statement, []);
    });
    await expect(inTransaction).rejects.toMatchObject({ code: 'service_unavailable' });
    expect(await database.run(statement, [])).toEqual([{ one: 1 }]);
  });

  it('counts as away for queries that are built at run time, too', async () => {
    const query = database.queries.transaction().execute(async (transaction) => {
      const { pid } = await sql<{ pid: number }>`select pg_backend_pid() as pid`
        .execute(transaction)
        .then(({ rows: [row] }) => row ?? { pid: 0 });
      expect(await database.run(end, [pid])).toEqual([{ ended: true }]);
      return transaction.selectFrom('workspaces').select('id').execute();
    });
    await expect(query).rejects.toMatchObject({ code: 'service_unavailable' });
    expect(await database.queries.selectFrom('workspaces').select('id').execute()).toEqual([]);
  });
});
