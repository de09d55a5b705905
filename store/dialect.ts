import { type DatabaseConnection, type Dialect, type Driver, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { throwTranslated } from './away.js';

/** PostgreSQL for queries that are built at run time, with the errors of a database that is away in the same words as everywhere. */
export function createDialect(pool: pg.Pool): Dialect {
  const dialect = new PostgresDialect({ pool });
  return {
    createAdapter: () => dialect.createAdapter(),
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createIntrospector: (queries) => dialect.createIntrospector(queries),
    createDriver: () => translating(dialect.createDriver()),
  };
}

function translating(driver: Driver): Driver {
  const lent = new WeakMap<DatabaseConnection, DatabaseConnection>();

  return {
    init: () => driver.init(),
    async acquireConnection() {
      const connection = await driver.acquireConnection().catch(throwTranslated);
      const translated: DatabaseConnection = {
        executeQuery: (query) => connection.executeQuery<never>(query).catch(throwTranslated),
        streamQuery: (query, rowsAtOnce) => connection.streamQuery(query, rowsAtOnce),
      };
      lent.set(translated, connection);
      return translated;
    },
    beginTransaction: (connection, settings) => driver.beginTransaction(connection, settings),
    commitTransaction: (connection) => driver.commitTransaction(connection),
    rollbackTransaction: (connection) => driver.rollbackTransaction(connection),
    releaseConnection: (connection) => driver.releaseConnection(lent.get(connection) ?? connection),
    destroy: () => driver.destroy(),
  };
}
