import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { z } from 'zod';
import { findProjectRoot } from '../runtime/root.js';
import { createDatabase, type Database } from '../store/database.js';
import { createLedger } from '../store/ledger.js';
import { createWorkspaces } from '../store/workspaces.js';
import { type Flood, startFlood } from './support/flood.js';
import { type LateJob, runLateJobs } from './support/late-jobs.js';
import { type Figure, percentile, printFigures } from './support/report.js';
import { startStack } from './support/stack.js';

/**
 * How soon a job is done after its provider when that calls back, beside one that is polled, and what a flood of wrong callbacks costs the
 * others. The first argument is how many jobs are on their way at once where there are many.
 */
const MANY = Number(process.argv[2] ?? 100);
const FEW = 20;
const FEW_EVERY_MS = 700;
const MANY_EVERY_MS = 150;
/** Enough for a p95 that is not the worst of all. */
const FLOODED = { count: 60, everyMs: 300 };
const POLL_INTERVAL_SECONDS = 2;
/** Once from a few senders, and once from more than are kept waiting. */
const FLOODS = [
  { perSecond: 10_000, connections: 20 },
  { perSecond: 10_000, connections: 1_000 },
];
const LIFE_MS = 8_000;
/** Of one of these jobs. */
const PRICE_MICROS = 1_200_000;

/** Four seconds of video, where the provider is told an address to call back at. */
const common = { model: 'sora-2-pro', seconds: 4, size: '1280x720' };
const whileWaiting = { ...common, wait_seconds: 60, poll_interval_seconds: 60 };
const whilePolling = { ...common, wait_seconds: 0, poll_interval_seconds: 60 };
const polled = { ...common, wait_seconds: 0, poll_interval_seconds: POLL_INTERVAL_SECONDS };

const stack = await startStack({ STARTS_PER_SECOND: '1000', SANDBOX_SPEED: '4', SANDBOX_SHARED_CLIPS: 'true' });
const figures: Figure[] = [];
try {
  const database = createDatabase(stack.databaseUrl);
  const connection = await Connection.connect({ address: stack.temporalAddress });
  const client = new Client({ connection, namespace: stack.namespace });
  const workspace = await createWorkspaces(database).find('development');
  if (workspace) await createLedger(database).topUp({ workspaceId: workspace.id, micros: MANY * PRICE_MICROS });
  const few = (request: object) => runLateJobs(stack, database, { count: FEW, everyMs: FEW_EVERY_MS, request });
  await few(whileWaiting);

  const waiting = await few(whileWaiting);
  const polling = await few(whilePolling);
  await control('scripts', { call: 'callback', fault: 'never', times: null });
  const uncalled = await few(polled);
  await fetch(new URL('/_sandbox/scripts', stack.sandboxUrl), { method: 'DELETE' });

  const allowedMs = (POLL_INTERVAL_SECONDS * 1_000) / 2 + 300;
  const byPolling = `polling every ${POLL_INTERVAL_SECONDS} s`;
  figures.push(
    late('done, called back while waiting', 0.5, waiting.map(doneLate), {
      limit: median(uncalled, doneLate),
      goal: '≤ 250 ms',
    }),
    late('served, called back while waiting', 0.5, waiting.map(servedLate), {
      limit: median(uncalled, servedLate),
      goal: '≤ 250 ms',
    }),
    late('served, called back while waiting', 0.95, waiting.map(servedLate), { limit: 250, goal: '' }),
    late('served, called back while polling', 0.5, polling.map(servedLate), {
      limit: median(uncalled, servedLate),
      goal: '≤ 250 ms',
    }),
    late(`done, ${byPolling}`, 0.5, uncalled.map(doneLate), { limit: allowedMs, goal: '≤ half the interval + 300 ms' }),
    await events('called back while waiting', client, { jobs: waiting, limit: 36 }),
    await events('called back while polling', client, { jobs: polling, limit: 46 }),
  );

  await control('speed', { speed: LIFE_MS / (MANY * MANY_EVERY_MS) });
  const manyJobs = { count: MANY, everyMs: MANY_EVERY_MS, request: { ...whileWaiting, wait_seconds: 600 } };
  const many = await runLateJobs(stack, database, manyJobs);
  await control('speed', { speed: 4 });
  figures.push(late(`done, ${MANY} on their way at once`, 0.95, many.map(doneLate), { limit: 1_000, goal: '≤ 1 s' }));

  figures.push(...(await underFlood(database)));
  await database.close();
  await connection.close();
} finally {
  await stack.stop();
}
printFigures(figures);

function doneLate({ doneLateMs }: LateJob): number {
  return doneLateMs;
}

function servedLate({ servedLateMs }: LateJob): number {
  return servedLateMs;
}

function median(jobs: LateJob[], of: (job: LateJob) => number): number {
  return percentile(jobs.map(of), 0.5);
}

type Beside = { limit: number; goal: string };

function late(figure: string, share: number, values: number[], { limit, goal }: Beside): Figure {
  const measured = percentile(values, share);
  const name = share === 0.5 ? 'median' : `p${share * 100}`;
  return {
    figure: `provider done → ${figure}, ${name}`,
    measured: `${measured.toFixed(0)} ms`,
    limit: `${limit.toFixed(0)} ms`,
    ratio: (measured / limit).toFixed(2),
    goal,
  };
}

type Counted = { jobs: LateJob[]; limit: number };

async function events(name: string, client: Client, { jobs, limit }: Counted): Promise<Figure> {
  const lengths = await Promise.all(
    jobs.map(async ({ id }) => (await client.workflow.getHandle(id).describe()).historyLength),
  );
  const measured = String(Math.max(...lengths));
  return { figure: `history events, ${name}`, measured, limit: String(limit), ratio: '', goal: `≤ ${limit}` };
}

/** The same jobs in peace, while the same flood goes to a server that has nothing to do with them, and while it comes to us. */
async function underFlood(database: Database): Promise<Figure[]> {
  const servedUnder = async (flood?: Flood) => {
    const run = await runLateJobs(stack, database, { ...FLOODED, request: whileWaiting });
    const sent = await flood?.stop();
    if (sent) process.stdout.write(`flood: ${sent.perSecond.toFixed(0)} a second, ${JSON.stringify(sent.statuses)}\n`);
    return run.map(servedLate);
  };
  /** The p95 of so few differs from run to run by more than the flood does. */
  const both = (name: string, measured: number[], calm: number[]): Figure[] =>
    [0.5, 0.95].map((share) => late(`served, ${name}`, share, measured, { limit: percentile(calm, share), goal: '' }));
  const found: Figure[] = [];
  for (const offered of FLOODS) {
    const calm = await servedUnder();
    const empty = await startEmptyServer();
    const beside = await servedUnder(startFlood(empty.url, offered));
    empty.stop();
    const flooded = await servedUnder(startFlood(stack.apiUrl, offered));
    const senders = `${offered.connections} senders`;
    found.push(
      ...both(`flood of ${senders} to an empty server beside, against calm`, beside, calm),
      ...both(`flood of callbacks of ${senders}, against calm`, flooded, calm),
    );
  }
  return found;
}

async function startEmptyServer(): Promise<{ url: string; stop(): void }> {
  const main = join(findProjectRoot(), 'dist', 'bench', 'empty-server.js');
  const server = fork(main, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [message] = await once(server, 'message');
  const { url } = z.object({ url: z.string() }).parse(message);
  return { url, stop: () => server.disconnect() };
}

async function control(what: string, body: object): Promise<void> {
  const response = await fetch(new URL(`/_sandbox/${what}`, stack.sandboxUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`/_sandbox/${what} answered ${response.status}`);
}
