import { Kysely } from 'kysely';
import pg from 'pg';
import { ServiceError } from '../contract/errors.js';
import type { Logger } from '../runtime/logger.js';
import { isDatabaseAway, throwTranslated } from './away.js';
import { createDialect } from './dialect.js';
import type { Tables } from './tables.js';

/** A hot statement, prepared once per connection under its name. */
export type Statement = { name: string; text: string };

/** Runs one prepared statement: on the pool, or inside a transaction. */
export type Runner = <Row>(statement: Statement, values: readonly unknown[]) => Promise<Row[]>;

export type Database = {
  /** For queries that are built at run time; hot paths use `run`. */
  queries: Kysely<Tables>;
  run: Runner;
  transaction<Result>(work: (run: Runner) => Promise<Result>): Promise<Result>;
  /** Throws `service_unavailable` when the database does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
};

type Options = {
  poolSize?: number;
  logger?: Logger;
  /** How long an answer is waited for from a server that may be gone without a word, and so cannot end the statement itself. */
  answerTimeoutMs?: number;
};

const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 15_000;
const ANSWER_TIMEOUT_MS = 20_000;
/** Rows are held for milliseconds: who waits longer than this waits for something that hangs. */
const LOCK_TIMEOUT_MS = 5_000;

export function createDatabase(
  databaseUrl: string,
  { poolSize = 10, logger, answerTimeoutMs = ANSWER_TIMEOUT_MS }: Options = {},
): Database {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    query_timeout: answerTimeoutMs,
    types: { getTypeParser },
    application_name: 'reelay',
  });
  // A connection that dies while it is idle is replaced at its next use; without a listener it would end the process.
  pool.on('error', (error) => logger?.warn({ err: error }, 'an idle database connection was lost'));
  // The same for one that dies while it is lent and nothing is being asked; what is asked of it next fails.
  pool.on('connect', (client) => client.on('error', () => {}));
  const queries = new Kysely<Tables>({ dialect: createDialect(pool) });

  return {
    queries,
    run: runnerOn(pool),
    async transaction(work) {
      const client = await pool.connect().catch(throwTranslated);
      try {
        await client.query('begin');
        const result = await work(runnerOn(client));
        await client.query('commit');
        client.release();
        return result;
      } catch (error) {
        // A connection that does not answer, or whose rollback fails, is in an unknown state: it is closed, not returned to the pool.
        const isAway = isDatabaseAway(error instanceof ServiceError ? error.cause : error);
        const isBroken =
          isAway ||
          (await client.query('rollback').then(
            () => false,
            () => true,
          ));
        client.release(isBroken);
        return throwTranslated(error);
      }
    },
    async ping() {
      await pool.query('select 1').catch(throwTranslated);
    },
    close: () => queries.destroy(),
  };
}

function runnerOn(target: pg.Pool | pg.PoolClient): Runner {
  return async <Row>(statement: Statement, values: readonly unknown[]) => {
    const result = await target
      .query<Row & pg.QueryResultRow>({ ...statement, values: [...values] })
      .catch(throwTranslated);
    return result.rows;
  };
}

/** True when a statement was refused by the named constraint. */
export function violates(error: unknown, constraint: string): boolean {
  return error instanceof pg.DatabaseError && error.constraint === constraint;
}

const LOCK_NOT_AVAILABLE = '55P03';

/** True when a statement gave up waiting for a row that another transaction holds. */
export function isLockTimeout(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === LOCK_NOT_AVAILABLE;
}

/** Amounts and counts are far below 2^53, so `bigint` columns are read as numbers. */
const INT8 = 20;
function getTypeParser(type: number, format?: 'text' | 'binary') {
  if (type === INT8) return Number;
  return format === 'binary' ? pg.types.getTypeParser(type, 'binary') : pg.types.getTypeParser(type);
}
