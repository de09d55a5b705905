import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createLiveEvents, type LiveEvents } from '../../api/live-events.js';
import { createLogger } from '../../runtime/logger.js';
import { createAttempts } from '../../store/attempts.js';
import type { Database } from '../../store/database.js';
import type { Events } from '../../store/events.js';
import { createJobEvents } from '../../store/job-events.js';
import { createJobs } from '../../store/jobs.js';
import { createPipelineEvents } from '../../store/pipeline-events.js';
import { createPipelineQueue } from '../../store/pipeline-queue.js';
import { createPipelines } from '../../store/pipelines.js';
import { aNewJob } from '../support/jobs.js';
import { aNewPipeline } from '../support/pipelines.js';
import { aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { until } from '../support/until.js';

const logger = createLogger('test', 'silent');
const NEVER_MS = 1_000_000;

let database: Database;
let closeDatabase: () => Promise<void>;
let live: LiveEvents;
beforeAll(async () => {
  ({ database, close: closeDatabase } = await openTestDatabase());
});
afterEach(() => live.close());
afterAll(() => closeDatabase());

/** A running job of which there are three events, and a way to let something happen to it. */
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

/** The same of a pipeline. */
async function aPipeline() {
  const owner = await aWorkspace(database, { credits: 2 });
  const { pipeline } = await createPipelines(database).accept(aNewPipeline(owner));
  const { recordRevival } = createPipelineQueue(database);
  const happen = () => recordRevival({ id: pipeline.id, workflow: 'lost' });
  await happen();
  await happen();
  return { id: pipeline.id, happen };
}

const kinds = {
  jobs: { createEvents: createJobEvents, aSubject: aJob, table: 'job_events (job_id' },
  pipelines: { createEvents: createPipelineEvents, aSubject: aPipeline, table: 'pipeline_events (pipeline_id' },
};

function watch(id: string, after = 0) {
  const heard: number[] = [];
  let isClosed = false;
  const stop = live.watch({
    id,
    after,
    onEvents: (news) => heard.push(...news.map(({ sequence }) => sequence)),
    onClose: () => {
      isClosed = true;
    },
  });
  return { heard, stop, isClosed: () => isClosed };
}
const upTo = (last: number, after = 0) => Array.from({ length: last - after }, (_, index) => after + index + 1);

describe.each(['jobs', 'pipelines'] as const)('watched %s', (kind) => {
  const { createEvents, aSubject, table } = kinds[kind];
  let events: Events;
  beforeAll(() => {
    events = createEvents(database);
  });

  it('are heard of when a change is announced, with no look in between', async () => {
    live = createLiveEvents({ events, logger, lookEveryMs: NEVER_MS });
    const [one, other] = [await aSubject(), await aSubject()];
    const [first, second] = [watch(one.id), watch(other.id)];
    await until(() => first.heard.length === 3 && second.heard.length === 3, 5);

    await one.happen();
    await other.happen();
    live.look([one.id, 'pipe_that_nobody_watches']);

    await until(() => first.heard.length === 4, 5);
    expect(second.heard).toEqual([1, 2, 3]);
    live.lookAtAll();
    await until(() => second.heard.length === 4, 5);
  });

  it('are told from the beginning to the end, however long that is', async () => {
    live = createLiveEvents({ events, logger, lookEveryMs: NEVER_MS });
    const { id } = await aSubject();
    await database.run(
      {
        name: `long_life_of_${kind}`,
        text: `insert into ${table}, sequence, type) select $1, sequence, 'some.event' from generate_series(4, 1000) sequence`,
      },
      [id],
    );

    const { heard } = watch(id);

    await until(() => heard.length >= 1_000, 5);
    expect(heard).toEqual(upTo(1_000));
  });

  it('are heard of without announcements, all of them by one statement at a time', async () => {
    const asked: number[] = [];
    const counting: Events = {
      ...events,
      newer(positions, limit) {
        asked.push(positions.length);
        return events.newer(positions, limit);
      },
    };
    live = createLiveEvents({ events: counting, logger, lookEveryMs: 20 });
    const subjects = [await aSubject(), await aSubject(), await aSubject()];
    const watchers = subjects.map(({ id }) => watch(id));

    for (const { happen } of subjects) await happen();

    await until(() => watchers.every(({ heard }) => heard.length === 4), 5);
    expect(asked[0]).toBe(3);
    expect(Math.max(...asked)).toBe(3);
  });

  it('leave nothing out and repeat nothing, whoever comes when', async () => {
    live = createLiveEvents({ events, logger, lookEveryMs: 5 });
    const { id, happen } = await aSubject();
    const watchers = [{ after: 0, ...watch(id) }];

    for (let sequence = 4; sequence <= 300; sequence += 1) {
      await happen();
      const after = Math.max(0, sequence - (sequence % 7) * 20);
      if (sequence % 10 === 0) watchers.push({ after, ...watch(id, after) });
      live.look([id]);
    }

    await until(() => watchers.every(({ heard }) => heard.at(-1) === 300), 5);
    for (const { after, heard } of watchers) expect(heard).toEqual(upTo(300, after));
  });

  it('are heard of again when the database is back', async () => {
    let isAway = false;
    const failing: Events = {
      ...events,
      newer: (positions, limit) =>
        isAway ? Promise.reject(new Error('the database is away')) : events.newer(positions, limit),
    };
    live = createLiveEvents({ events: failing, logger, lookEveryMs: 20 });
    const { id, happen } = await aSubject();
    const { heard } = watch(id);
    await until(() => heard.length === 3, 5);

    isAway = true;
    await happen();
    live.look([id]);
    await new Promise((resolve) => setImmediate(resolve));
    isAway = false;

    await until(() => heard.length === 4, 5);
  });

  it('are no longer heard of once nobody watches or the process stops', async () => {
    live = createLiveEvents({ events, logger, lookEveryMs: 20 });
    const { id, happen } = await aSubject();
    const [leaving, staying] = [watch(id), watch(id)];
    await until(() => leaving.heard.length === 3 && staying.heard.length === 3, 5);

    leaving.stop();
    await happen();
    await until(() => staying.heard.length === 4, 5);
    await live.close();
    const late = watch(id);

    await until(() => late.isClosed(), 5);
    expect(staying.isClosed()).toBe(true);
    expect([leaving.isClosed(), leaving.heard.length, late.heard.length]).toEqual([false, 3, 0]);
  });
});
