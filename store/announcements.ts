import pg from 'pg';
import type { Logger } from '../runtime/logger.js';

/** What is told on each: ids of jobs and pipelines that changed; on the second, that there may be something to start or deliver. */
export const changesChannel = 'reelay_changes';
export const dispatchChannel = 'reelay_dispatch';

/** Tells every process of changes, so that nobody who waits for one has to ask again and again. */
export type Announcer = {
  /** To be called when the change is committed. A word that gets lost costs a second: everyone who listens also looks. */
  announce(id: string, options?: { isToDispatch?: boolean }): void;
  /** Sends what is left. */
  close(): Promise<void>;
};

const COLLECT_MS = 3;
/** Under load each costs as much as a small write, in every process that listens: so many changes share one. */
const REST_MS = 20;
/** Postgres takes less than 8,000 bytes at once. */
const MAX_PAYLOAD_BYTES = 7_900;
const TIMEOUT_MS = 5_000;
const SEPARATOR = ',';

const notifyStatement = {
  name: 'announce',
  text: 'select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as told(channel, payload)',
};

/**
 * Sends NOTIFY in a statement of its own, for many changes at once: whoever sends one takes a lock of the whole server until its commit is
 * written, so that it has no place in the transactions which it tells of.
 */
export function createAnnouncer({ databaseUrl, logger }: { databaseUrl: string; logger: Logger }): Announcer {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    statement_timeout: TIMEOUT_MS,
    // Nothing is kept of a word, so its commit need not wait for the disk.
    options: '-c synchronous_commit=off',
    application_name: 'reelay announcer',
  });
  pool.on('error', (error) => logger.warn({ err: error }, 'the connection for announcements was lost'));
  let changed = new Set<string>();
  let isDispatchDue = false;
  let timer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let restsUntilMs = 0;

  return {
    announce(id, { isToDispatch = false } = {}) {
      changed.add(id);
      isDispatchDue ||= isToDispatch;
      sendSoon();
    },
    async close() {
      clearTimeout(timer);
      await sending;
      await send();
      await pool.end();
    },
  };

  function sendSoon(): void {
    if (timer || sending) return;
    const waitMs = Math.max(restsUntilMs - performance.now(), COLLECT_MS);
    timer = setTimeout(() => {
      timer = undefined;
      sending = send().finally(() => {
        sending = undefined;
        restsUntilMs = performance.now() + REST_MS;
        if (changed.size > 0) sendSoon();
      });
    }, waitMs);
  }

  async function send(): Promise<void> {
    if (changed.size === 0) return;
    const told = payloadsOf(changed).map((payload) => ({ channel: changesChannel, payload }));
    if (isDispatchDue) told.push({ channel: dispatchChannel, payload: '' });
    const changes = changed.size;
    changed = new Set();
    isDispatchDue = false;
    const values = [told.map(({ channel }) => channel), told.map(({ payload }) => payload)];
    await pool.query({ ...notifyStatement, values }).catch((error: unknown) => {
      logger.warn({ err: error, changes }, 'changes could not be announced; who waits for them finds them by looking');
    });
  }
}

/** For where NOTIFY does not get through: everyone finds changes by looking. */
export const silentAnnouncer: Announcer = { announce() {}, async close() {} };

/** The ids in as few texts as Postgres takes. */
export function payloadsOf(ids: Iterable<string>): string[] {
  const payloads: string[] = [];
  let current = '';
  for (const id of ids) {
    const longer = current === '' ? id : current + SEPARATOR + id;
    if (current !== '' && Buffer.byteLength(longer) > MAX_PAYLOAD_BYTES) {
      payloads.push(current);
      current = id;
    } else current = longer;
  }
  if (current !== '') payloads.push(current);
  return payloads;
}

export function idsOf(payload: string): string[] {
  return payload.split(SEPARATOR).filter(Boolean);
}
