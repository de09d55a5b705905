import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from '../runtime/logger.js';
import { changesChannel, dispatchChannel, idsOf } from './announcements.js';

/** What is heard. Whoever leaves one out does not listen to it. */
export type Ears = {
  /** Jobs and pipelines, as it comes. */
  changed?: (ids: string[]) => void;
  mayDispatch?: () => void;
  /** The connection is new: what was said before it nobody heard. */
  mayHaveMissed: () => void;
};

type Options = {
  databaseUrl: string;
  logger: Logger;
  ears: Ears;
  /** How often the line is tried out: the other end may be gone without a word. */
  tryEveryMs?: number;
  answerTimeoutMs?: number;
};

export type AnnouncementListener = { start(): void; close(): Promise<void> };

const ANSWER_TIMEOUT_MS = 5_000;
const TRY_EVERY_MS = 30_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const FAREWELL_MS = 1_000;

/** Listens on a connection of its own, the only one of its process, and connects again whenever it is lost. */
export function createAnnouncementListener({
  databaseUrl,
  logger,
  ears,
  tryEveryMs = TRY_EVERY_MS,
  answerTimeoutMs = ANSWER_TIMEOUT_MS,
}: Options): AnnouncementListener {
  const closing = new AbortController();
  const { signal } = closing;
  const channels = [...(ears.changed ? [changesChannel] : []), ...(ears.mayDispatch ? [dispatchChannel] : [])];
  let running: Promise<void> = Promise.resolve();

  return {
    start() {
      running = run();
    },
    async close() {
      closing.abort();
      await running;
    },
  };

  async function run(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        await listen(() => {
          pauseMs = FIRST_PAUSE_MS;
          ears.mayHaveMissed();
        });
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error }, 'announcements are not heard; changes are found by looking until they are');
      }
      await pause(pauseMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  /** Ends when nobody wants to hear any more. @throws when the connection is lost */
  async function listen(onListening: () => void): Promise<void> {
    const client = new pg.Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis: answerTimeoutMs,
      query_timeout: answerTimeoutMs,
      keepAlive: true,
      application_name: 'reelay listener',
    });
    const lost = new AbortController();
    client.on('error', (error) => lost.abort(error));
    client.once('end', () => lost.abort(new Error('the connection for announcements was closed')));
    client.on('notification', ({ channel, payload = '' }) => hear(channel, payload));
    const over = AbortSignal.any([signal, lost.signal]);
    try {
      await client.connect();
      await client.query(channels.map((channel) => `listen ${channel}`).join('; '));
      onListening();
      while (!over.aborted) {
        await pause(tryEveryMs, undefined, { signal: over }).catch(() => {});
        if (!over.aborted) await client.query('select 1');
      }
      lost.signal.throwIfAborted();
    } finally {
      await hangUp(client);
    }
  }

  function hear(channel: string, payload: string): void {
    if (channel === changesChannel) ears.changed?.(idsOf(payload));
    if (channel === dispatchChannel) ears.mayDispatch?.();
  }
}

/** The other end may not answer a farewell. */
async function hangUp(client: pg.Client): Promise<void> {
  const said = new AbortController();
  const late = pause(FAREWELL_MS, undefined, { signal: said.signal, ref: false }).catch(() => {});
  await Promise.race([client.end().catch(() => {}), late]);
  said.abort();
}
