import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createLiveJobs, type LiveJobs } from '../../api/live-jobs.js';
import { createLogger } from '../../runtime/logger.js';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import { createJobEvents, type JobEvents } from '../../store/job-events.js';
import { createJobs } from '../../store/jobs.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { until } from '../support/until.js';

const logger = createLogger('test', 'silent');
const NEVER_MS = 1_000_000;

let database: Database;
let closeDatabase: () => Promise<void>;
let jobEvents: JobEvents;
let liveJobs: LiveJobs;
beforeAll(async () => {
  ({ database, close: closeDatabase } = await openTestDatabase());
  jobEvents = createJobEvents(database);
});
afterEach(() => liveJobs.close());
afterAll(() => closeDatabase());

/** A running job, and a way to let something happen to it. */
async function aJob() {
  const owner = await aWorkspace(database, { credits: 1 });
  const { job } = await createJobs(database).accept(aNewJob(owner));
  const attempts = createAttempts(database);
  await attempts.intend({ jobId: job.id, attempt: 1, route: aRoute() });
  const task = { account: 'omixa', upstreamModel: 'sora', id: `task of ${job.id}` };
  await attempts.recordSubmission({ jobId: job.id, attempt: 1, submission: { outcome: 'accepted', task } });
  let progress = 0;
  return {
    id: job.id,
    async happen(): Promise<void> {
      progress = (progress + 1) % 100;
      await attempts.recordLook({ jobId: job.id, progress });
    },
  };
}

function watch(jobId: string, after = 0) {
  const heard: number[] = [];
  let isClosed = false;
  const stop = liveJobs.watch({
    jobId,
    after,
    onEvents: (events) => heard.push(...events.map(({ sequence }) => sequence)),
    onClose: () => {
      isClosed = true;
    },
  });
  return { heard, stop, isClosed: () => isClosed };
}
const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_, index) => after + index + 1);

describe('watched jobs', () => {
  it('are heard of when a change is announced, with no look in between', async () => {
    liveJobs = createLiveJobs({ jobEvents, logger, lookEveryMs: NEVER_MS });
    const [one, other] = [await aJob(), await aJob()];
    const [first, second] = [watch(one.id), watch(other.id)];
    await until(() => first.heard.length === 3 && second.heard.length === 3, 5);

    await one.happen();
    await other.happen();
    liveJobs.look([one.id, 'job_that_nobody_watches']);

    await until(() => first.heard.length === 4, 5);
    expect(second.heard).toEqual([1, 2, 3]);
    liveJobs.lookAtAll();
    await until(() => second.heard.length === 4, 5);
  });

  it('are told from the beginning to the end, however long that is', async () => {
    liveJobs = createLiveJobs({ jobEvents, logger, lookEveryMs: NEVER_MS });
    const { id } = await aJob();
    await database.run(
      {
        name: 'long_life',
        text: `insert into job_events (job_id, sequence, type) select $1, sequence, 'job.progress' from generate_series(4, 1000) sequence`,
      },
      [id],
    );

    const { heard } = watch(id);

    await until(() => heard.length >= 1_000, 5);
    expect(heard).toEqual(upTo(1_000));
  });

  it('are heard of without announcements, all of them by one statement at a time', async () => {
    const asked: number[] = [];
    const counting: JobEvents = {
      ...jobEvents,
      newer(positions, limit) {
        asked.push(positions.length);
        return jobEvents.newer(positions, limit);
      },
    };
    liveJobs = createLiveJobs({ jobEvents: counting, logger, lookEveryMs: 20 });
    const jobs = [await aJob(), await aJob(), await aJob()];
    const watchers = jobs.map(({ id }) => watch(id));

    for (const { happen } of jobs) await happen();

    await until(() => watchers.every(({ heard }) => heard.length === 4), 5);
    expect(asked[0]).toBe(3);
    expect(Math.max(...asked)).toBe(3);
  });

  it('leave nothing out and repeat nothing, whoever comes when', async () => {
    liveJobs = createLiveJobs({ jobEvents, logger, lookEveryMs: 5 });
    const { id, happen } = await aJob();
    const watchers = [{ after: 0, ...watch(id) }];

    for (let sequence = 4; sequence <= 300; sequence += 1) {
      await happen();
      const after = Math.max(0, sequence - (sequence % 7) * 20);
      if (sequence % 10 === 0) watchers.push({ after, ...watch(id, after) });
      liveJobs.look([id]);
    }

    await until(() => watchers.every(({ heard }) => heard.at(-1) === 300), 5);
    for (const { after, heard } of watchers) expect(heard).toEqual(upTo(300, after));
  });

  it('are heard of again when the database is back', async () => {
    let isAway = false;
    const failing: JobEvents = {
      ...jobEvents,
      newer: (positions, limit) =>
        isAway ? Promise.reject(new Error('the database is away')) : jobEvents.newer(positions, limit),
    };
    liveJobs = createLiveJobs({ jobEvents: failing, logger, lookEveryMs: 20 });
    const { id, happen } = await aJob();
    const { heard } = watch(id);
    await until(() => heard.length === 3, 5);

    isAway = true;
    await happen();
    liveJobs.look([id]);
    await new Promise((resolve) => setImmediate(resolve));
    isAway = false;

    await until(() => heard.length === 4, 5);
  });

  it('are no longer heard of once nobody watches or the process stops', async () => {
    liveJobs = createLiveJobs({ jobEvents, logger, lookEveryMs: 20 });
    const { id, happen } = await aJob();
    const [leaving, staying] = [watch(id), watch(id)];
    await until(() => leaving.heard.length === 3 && staying.heard.length === 3, 5);

    leaving.stop();
    await happen();
    await until(() => staying.heard.length === 4, 5);
    await liveJobs.close();
    const late = watch(id);

    await until(() => late.isClosed(), 5);
    expect(staying.isClosed()).toBe(true);
    expect([leaving.isClosed(), leaving.heard.length, late.heard.length]).toEqual([false, 3, 0]);
  });
});
