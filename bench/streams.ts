import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { Route } from '../contract/plan.js';
import { createLogger } from '../runtime/logger.js';
import { findProjectRoot } from '../runtime/root.js';
import { createAnnouncementListener } from '../store/announcement-listener.js';
import { createAnnouncer } from '../store/announcements.js';
import { announcingAttempts } from '../store/announcing.js';
import { createAttempts } from '../store/attempts.js';
import { createDatabase } from '../store/database.js';
import { createJob, quickRequest, times } from './support/load.js';
import { residentBytes } from './support/memory.js';
import { type Figure, percentile, printFigures } from './support/report.js';
import { startStack } from './support/stack.js';
import { type OpenStream, openStream } from './support/streams.js';

/**
 * What it costs to hold a thousand streams of events open in one api process, and how soon each of them hears of a change: beside a
 * server that only holds them, and beside whoever hears the same announcement first hand.
 */
const STREAMS = Number(process.argv[2] ?? 1_000);
const AT_ONCE = 50;
const CHANGES = 500;
const SETTLE_MS = 3_000;
const KB = 1_024;
const route: Route = {
  account: 'omixa',
  upstreamModel: 'sora',
  costMicros: 0,
  failoverOnModeration: false,
  canReconcile: false,
  firstLookMs: 0,
  lookIntervalMs: 0,
};

const logger = createLogger('bench', 'silent');
// Their workflows are not wanted: a job that nobody starts stays as it is.
const stack = await startStack({ STARTS_PER_SECOND: '1' });
const database = createDatabase(stack.databaseUrl);
try {
  await database.run(
    { name: 'lift_limits', text: 'update workspaces set open_job_limit = 1000000, requests_per_minute = 1000000' },
    [],
  );
  await database.run(
    {
      name: 'credit',
      text: `select ledger_post('top_up', ledger_account(null, 'funding'), ledger_account(id, 'available'), 1000000000000) from workspaces`,
    },
    [],
  );
  const jobs: string[] = [];
  await times(STREAMS, AT_ONCE, async () => {
    jobs.push(await createJob(stack, { ...quickRequest, wait_seconds: 600 }));
  });
  const limit = await holdBare();
  printFigures(await hold(jobs, limit));
} finally {
  await database.close();
  await stack.stop();
}

type Held = { bytesPerStream: number; firstEventMs: number[] };

/** Memory is read when nothing has moved for a while, before and after. */
async function measure(pid: number, open: (index: number) => Promise<OpenStream>): Promise<Held & { close(): void }> {
  (await open(0)).close();
  await pause(SETTLE_MS);
  const before = residentBytes(pid);
  const streams: OpenStream[] = [];
  await times(STREAMS, AT_ONCE, async (index) => {
    streams.push(await open(index));
  });
  await pause(SETTLE_MS);
  const bytesPerStream = (residentBytes(pid) - before) / STREAMS;
  const close = () => {
    for (const stream of streams) stream.close();
  };
  return { bytesPerStream, firstEventMs: streams.map(({ firstEventMs }) => firstEventMs), close };
}

async function holdBare(): Promise<Held> {
  const main = join(findProjectRoot(), 'dist', 'bench', 'streams-baseline.js');
  const server = fork(main, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [message] = await once(server, 'message');
  const { url } = z.object({ url: z.string() }).parse(message);
  const held = await measure(server.pid ?? 0, () => openStream({ url }));
  held.close();
  server.disconnect();
  return held;
}

async function hold(jobs: string[], limit: Held): Promise<Figure[]> {
  const headers = { authorization: `Bearer ${stack.apiKey}` };
  const heardAtMs = new Map<string, number>();
  const onEvent = (text: string, atMs: number) => {
    const [, id] = /"job_id":"(\w+)"/.exec(text) ?? [];
    if (id && text.includes('event: attempt.')) heardAtMs.set(id, atMs);
  };
  const held = await measure(stack.pidOf('api'), (index) => {
    const url = `${stack.apiUrl}/api/v1/videos/jobs/${jobs[index]}/events`;
    return openStream({ url, headers, onEvent });
  });
  const { viaApiMs, firstHandMs } = await changes(jobs, heardAtMs);
  held.close();
  return [
    kilobytes('memory per stream', held.bytesPerStream, limit.bytesPerStream),
    milliseconds(`time to first event, ${AT_ONCE} at once, p50`, held.firstEventMs, limit.firstEventMs, 0.5),
    milliseconds(`time to first event, ${AT_ONCE} at once, p95`, held.firstEventMs, limit.firstEventMs, 0.95),
    milliseconds(`commit to event with ${STREAMS} streams, p50`, viaApiMs, firstHandMs, 0.5),
    milliseconds(`commit to event with ${STREAMS} streams, p95`, viaApiMs, firstHandMs, 0.95),
  ];
}

/** Lets something happen to jobs one after the other, as a worker would, and takes the time from the commit on. */
async function changes(jobs: string[], heardAtMs: Map<string, number>) {
  const announcer = createAnnouncer({ databaseUrl: stack.databaseUrl, logger });
  const attempts = announcingAttempts(createAttempts(database), announcer);
  const announcedAtMs = new Map<string, number>();
  let isListening = false;
  const listener = createAnnouncementListener({
    databaseUrl: stack.databaseUrl,
    logger,
    ears: {
      changed: (ids) => {
        for (const id of ids) announcedAtMs.set(id, performance.now());
      },
      mayHaveMissed: () => {
        isListening = true;
      },
    },
  });
  listener.start();
  while (!isListening) await pause(1);
  const viaApiMs: number[] = [];
  const firstHandMs: number[] = [];
  // The youngest: the oldest may have been started by now.
  for (const jobId of jobs.slice(-CHANGES)) {
    const intent = await attempts.intend({ jobId, attempt: 1, route });
    const committedAtMs = performance.now();
    if (intent.kind !== 'inserted') continue;
    while (!heardAtMs.has(jobId) || !announcedAtMs.has(jobId)) await pause(1);
    viaApiMs.push((heardAtMs.get(jobId) ?? Number.NaN) - committedAtMs);
    firstHandMs.push((announcedAtMs.get(jobId) ?? Number.NaN) - committedAtMs);
  }
  await listener.close();
  await announcer.close();
  return { viaApiMs, firstHandMs };
}

function kilobytes(figure: string, measured: number, limit: number): Figure {
  const text = (bytes: number) => `${(bytes / KB).toFixed(1)} KB`;
  return { figure, measured: text(measured), limit: text(limit), ratio: (measured / limit).toFixed(2), goal: '' };
}

function milliseconds(figure: string, measured: number[], limit: number[], share: number): Figure {
  const [ours, theirs] = [percentile(measured, share), percentile(limit, share)];
  const text = (ms: number) => `${ms.toFixed(1)} ms`;
  return { figure, measured: text(ours), limit: text(theirs), ratio: (ours / theirs).toFixed(2), goal: '' };
}
