import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '../../runtime/logger.js';
import { type AnnouncementListener, createAnnouncementListener } from '../../store/announcement-listener.js';
import { createAnnouncer } from '../../store/announcements.js';
import { createDatabase, type Database } from '../../store/database.js';
import { startCable } from '../support/cable.js';
import { cloneDatabase } from '../support/database.js';
import { until } from '../support/until.js';

const logger = createLogger('test', 'silent');

describe('announcements', () => {
  let clone: Awaited<ReturnType<typeof cloneDatabase>>;
  let database: Database;
  const open: { close(): Promise<void> }[] = [];
  beforeAll(async () => {
    clone = await cloneDatabase();
    database = createDatabase(clone.url);
  });
  afterEach(async () => {
    for (const part of open.splice(0)) await part.close();
  });
  afterAll(async () => {
    await database.close();
    await clone.drop();
  });

  function anAnnouncer(databaseUrl = clone.url) {
    const announcer = createAnnouncer({ databaseUrl, logger });
    open.push(announcer);
    return announcer;
  }

  /** What one process hears. */
  function someEars({ databaseUrl = clone.url, tryEveryMs = 60_000, answerTimeoutMs = 5_000 } = {}) {
    const heard = { ids: [] as string[], notices: 0, dispatches: 0, connections: 0 };
    const listener: AnnouncementListener = createAnnouncementListener({
      databaseUrl,
      logger,
      tryEveryMs,
      answerTimeoutMs,
      ears: {
        changed(ids) {
          heard.ids.push(...ids);
          heard.notices += 1;
        },
        mayDispatch() {
          heard.dispatches += 1;
        },
        mayHaveMissed() {
          heard.connections += 1;
        },
      },
    });
    listener.start();
    open.push(listener);
    return { heard, isListening: () => until(() => heard.connections > 0, 5) };
  }

  const hangUpOn = (name: string) =>
    database.run(
      {
        name: 'hang_up',
        text: `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = $1`,
      },
      [name],
    );

  it('reach every process, many in one statement, and say when there is something to dispatch', async () => {
    const { announce } = anAnnouncer();
    const processes = [someEars(), someEars()];
    for (const { isListening } of processes) await isListening();
    const ids = Array.from({ length: 700 }, (_, index) => `job_${String(index).padStart(26, '0')}`);

    for (const id of ids) announce(id);
    for (const { heard } of processes) await until(() => heard.ids.length >= ids.length, 5);
    announce('job_1', { isToDispatch: true });
    for (const { heard } of processes) await until(() => heard.dispatches > 0, 5);

    for (const { heard } of processes) {
      expect(heard.ids).toEqual([...ids, 'job_1']);
      expect(heard).toMatchObject({ notices: 4, dispatches: 1, connections: 1 });
    }
  });

  it('that were not sent when the announcer is closed are sent first', async () => {
    const { heard, isListening } = someEars();
    await isListening();
    const announcer = createAnnouncer({ databaseUrl: clone.url, logger });

    announcer.announce('job_last');
    await announcer.close();

    await until(() => heard.ids.includes('job_last'), 5);
  });

  it('are heard again after the connection was lost, of which the listener tells', async () => {
    const announcer = anAnnouncer();
    const { heard, isListening } = someEars();
    await isListening();

    await hangUpOn('reelay listener');
    await until(() => heard.connections === 2, 5);
    announcer.announce('job_2');
    await until(() => heard.ids.includes('job_2'), 5);
    await hangUpOn('reelay announcer');
    await until(() => {
      announcer.announce('job_3');
      return heard.ids.includes('job_3');
    }, 20);
  });

  it('are heard again when the other end had stopped answering without a word', async () => {
    const url = new URL(clone.url);
    const cable = await startCable({ host: url.hostname, port: Number(url.port) });
    url.hostname = cable.host;
    url.port = String(cable.port);
    const { announce } = anAnnouncer();
    const { heard, isListening } = someEars({ databaseUrl: url.href, tryEveryMs: 50, answerTimeoutMs: 200 });
    await isListening();

    cable.holdAnswers();
    await until(() => cable.isHolding(), 5);
    announce('job_4');
    // It gives the line up and tries another, whose answers are held as well.
    await until(() => cable.lineCount() > 1, 5);
    cable.letGo();
    await until(() => heard.connections >= 2, 5);

    // A busy machine may be given up once more, and what is said meanwhile is not heard.
    await until(() => {
      announce('job_5');
      return heard.ids.includes('job_5');
    }, 20);
    for (const part of open.splice(0)) await part.close();
    await cable.close();
  });

  it('that cannot be sent are no error', async () => {
    const announcer = anAnnouncer('postgres://nobody@127.0.0.1:9/nothing');
    announcer.announce('job_6');
    await announcer.close();
    open.pop();
  });
});
