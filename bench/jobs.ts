import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { z } from 'zod';
import { findProjectRoot } from '../runtime/root.js';
import { createDatabase, type Database } from '../store/database.js';
import { bareQueues } from './support/bare-queues.js';
import { cpuMs } from './support/cpu.js';
import { createJob, quickRequest, times } from './support/load.js';
import { type Figure, percentile, printFigures } from './support/report.js';
import { type Stack, startStack } from './support/stack.js';
import type { bare } from './workflows/bare.js';

/** How many jobs a second one machine finishes beside a bare workflow on the same server, and how late a finished job is noticed. */
const JOBS = Number(process.argv[2] ?? 600);
const WARM_UP_JOBS = 30;
/** In turns with the limit, because a machine may be faster at one minute than at the next. */
const ROUNDS = 3;
const AT_ONCE = 16;
const LOOK_EVERY_MS = 50;
const LATE_JOBS = 12;
const POLL_INTERVAL_SECONDS = 2;

const stack = await startStack({ STARTS_PER_SECOND: '1000', SANDBOX_SPEED: '0' });
const figures: Figure[] = [];
try {
  const database = createDatabase(stack.databaseUrl);
  const connection = await Connection.connect({ address: stack.temporalAddress });
  const client = new Client({ connection, namespace: stack.namespace });

  const bareWorker = await startBareWorker(stack);
  const bareSpent = () => ({ temporal: cpuMs(stack.pidOf('temporal')), worker: cpuMs(bareWorker.pid) });
  await finishJobs(database, WARM_UP_JOBS);
  await finishBare(client, { name: 'warm-up', count: WARM_UP_JOBS });
  const ours: Sums = { seconds: 0, spentMs: {} };
  const bare: Sums = { seconds: 0, spentMs: {} };
  const count = Math.ceil(JOBS / ROUNDS);
  for (let round = 1; round <= ROUNDS; round += 1) {
    await add(ours, { spent: () => spent(stack), work: () => finishJobs(database, count) });
    await add(bare, { spent: bareSpent, work: () => finishBare(client, { name: `bare-${round}`, count }) });
  }
  bareWorker.stop();
  const done = ROUNDS * count;
  process.stdout.write(`processor time per job in ms: ${spentPer(done, ours)}\n`);
  process.stdout.write(`processor time per bare workflow in ms: ${spentPer(done, bare)}\n`);
  figures.push({
    figure: 'finished jobs per second',
    measured: (done / ours.seconds).toFixed(1),
    limit: (done / bare.seconds).toFixed(1),
    ratio: (bare.seconds / ours.seconds).toFixed(2),
    goal: '≥ 0.8',
  });

  const { events, lateMs } = await lateness(database, client);
  const allowedMs = (POLL_INTERVAL_SECONDS * 1_000) / 2 + 300;
  figures.push({
    figure: 'history events of a happy job',
    measured: String(Math.max(...events)),
    limit: '36',
    ratio: '',
    goal: '≤ 36',
  });
  figures.push({
    figure: `provider done → job done, polling every ${POLL_INTERVAL_SECONDS} s, median`,
    measured: `${percentile(lateMs, 0.5).toFixed(0)} ms`,
    limit: `${allowedMs} ms`,
    ratio: (percentile(lateMs, 0.5) / allowedMs).toFixed(2),
    goal: '≤ half the interval + 300 ms',
  });
  await database.close();
  await connection.close();
} finally {
  await stack.stop();
}
printFigures(figures);

function spent({ pids, pidOf }: Stack): Record<string, number> {
  // The supervisor has started all of them.
  const parts = Object.keys(pids).map((part) => [part === 'supervisor' ? 'in all' : part, cpuMs(pidOf(part))]);
  const { user, system } = process.cpuUsage();
  return { ...Object.fromEntries(parts), bench: (user + system) / 1_000 };
}

type Sums = { seconds: number; spentMs: Record<string, number> };

async function add(
  sums: Sums,
  { spent, work }: { spent: () => Record<string, number>; work: () => Promise<void> },
): Promise<void> {
  const before = spent();
  const startedAt = performance.now();
  await work();
  sums.seconds += (performance.now() - startedAt) / 1_000;
  for (const [part, ms] of Object.entries(spent())) {
    sums.spentMs[part] = (sums.spentMs[part] ?? 0) + ms - (before[part] ?? 0);
  }
}

function spentPer(count: number, { spentMs }: Sums): string {
  return Object.entries(spentMs)
    .map(([part, ms]) => `${part} ${(ms / count).toFixed(1)}`)
    .join(', ');
}

/** From the first request to the last settlement. */
async function finishJobs(database: Database, count: number): Promise<void> {
  const before = await ended(database);
  await times(count, AT_ONCE, async () => {
    await createJob(stack);
  });
  while ((await ended(database)) < before + count) await pause(LOOK_EVERY_MS);
}

async function ended(database: Database): Promise<number> {
  const text = `select count(*) as jobs, count(*) filter (where state <> 'succeeded') as other from jobs where finished_at is not null`;
  const [row] = await database.run<{ jobs: number; other: number }>({ name: 'bench_ended', text }, []);
  if (row && row.other > 0) throw new Error(`${row.other} jobs did not succeed`);
  return row?.jobs ?? 0;
}

async function finishBare(client: Client, { name, count }: { name: string; count: number }): Promise<void> {
  const results: Promise<void>[] = [];
  await times(count, AT_ONCE, async (index) => {
    const options = {
      workflowId: `${name}-${index}`,
      taskQueue: bareQueues.jobs,
      args: [bareQueues] as [typeof bareQueues],
    };
    const handle = await client.workflow.start<typeof bare>('bare', options);
    results.push(handle.result());
  });
  await Promise.all(results);
}

async function startBareWorker({ temporalAddress }: Stack): Promise<{ pid: number; stop(): void }> {
  const main = join(findProjectRoot(), 'dist', 'bench', 'bare-worker.js');
  const worker = fork(main, [temporalAddress], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await once(worker, 'message');
  return { pid: worker.pid ?? 0, stop: () => worker.disconnect() };
}

async function providerDoneAt(): Promise<Map<string, number>> {
  const response = await fetch(new URL('/_sandbox/tasks', stack.sandboxUrl));
  const tasks = z.object({ data: z.array(z.object({ id: z.string(), doneAtMs: z.number().nullable() })) });
  const { data } = tasks.parse(await response.json());
  return new Map(data.flatMap(({ id, doneAtMs }) => (doneAtMs === null ? [] : [[id, doneAtMs]])));
}

/** Jobs at a provider that takes its time: how long after the provider had finished each was done here. */
async function lateness(database: Database, client: Client): Promise<{ events: number[]; lateMs: number[] }> {
  await fetch(new URL('/_sandbox/speed', stack.sandboxUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ speed: 2 }),
  });
  const before = await ended(database);
  const ids: string[] = [];
  await times(LATE_JOBS, LATE_JOBS, async (index) => {
    // Spread over the interval, so that looks and ends meet in every way.
    await pause((index * POLL_INTERVAL_SECONDS * 1_000) / LATE_JOBS);
    ids.push(
      await createJob(stack, {
        ...quickRequest,
        poll_interval_seconds: POLL_INTERVAL_SECONDS,
        prompt: `late ${index}`,
      }),
    );
  });
  while ((await ended(database)) < before + LATE_JOBS) await pause(LOOK_EVERY_MS);

  const text = `select jobs.id, extract(epoch from jobs.finished_at)::double precision * 1000 as finished_ms, attempts.task->>'id' as task_id
    from jobs join attempts on attempts.job_id = jobs.id where jobs.id = any($1)`;
  const rows = await database.run<{ id: string; finished_ms: number; task_id: string }>(
    { name: 'bench_finished', text },
    [ids],
  );
  const doneAt = await providerDoneAt();
  const lateMs = rows.map(({ task_id, finished_ms }) => finished_ms - (doneAt.get(task_id) ?? Number.NaN));
  const events = await Promise.all(
    ids.map(async (id) => {
      const description = await client.workflow.getHandle(id).describe();
      return description.historyLength;
    }),
  );
  return { events, lateMs };
}
