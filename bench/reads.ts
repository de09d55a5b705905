import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { z } from 'zod';
import { findProjectRoot } from '../runtime/root.js';
import { createDatabase } from '../store/database.js';
import { load } from './support/http-load.js';
import { createJob, quickRequest, untilEnded } from './support/load.js';
import { type Figure, printFigures } from './support/report.js';
import { type Stack, startStack } from './support/stack.js';

/** How fast jobs are accepted and read, each beside an Express route with the same middleware and the least work. */
const UNLIMITED = '100000000';
const stack = await startStack({ STARTS_PER_SECOND: '2', SANDBOX_SPEED: '0' });
const figures: Figure[] = [];
let refused = 0;
try {
  await liftLimits(stack);
  const baseline = await startBaseline(stack);
  const { apiUrl, apiKey } = stack;

  const row = await createRow(baseline.url, apiKey);
  const readLimit = await load({ url: `${baseline.url}/rows/${row}`, apiKey, method: 'GET' });
  const running = await createJob(stack, { ...quickRequest, wait_seconds: 600 });
  const ended = await createJob(stack);
  await untilEnded(stack, ended);
  for (const [state, id] of Object.entries({ running, finished: ended })) {
    const reads = await load({ url: `${apiUrl}/api/v1/videos/jobs/${id}`, apiKey, method: 'GET' });
    refused += reads.refused;
    figures.push(perSecond(`reads per second of a ${state} job`, reads.perSecond, readLimit.perSecond, '≥ 0.6'));
  }

  const accepts = await load({ url: `${apiUrl}/api/v1/videos/jobs`, apiKey, method: 'POST', body: quickRequest });
  const insertLimit = await load({ url: `${baseline.url}/rows`, apiKey, method: 'POST', body: quickRequest });
  figures.push(perSecond('jobs accepted per second', accepts.perSecond, insertLimit.perSecond, '≥ 0.5'));
  figures.push({
    figure: 'p99 of accepting',
    measured: `${accepts.p99Ms} ms`,
    limit: `${insertLimit.p99Ms} ms`,
    ratio: (accepts.p99Ms / insertLimit.p99Ms).toFixed(2),
    goal: '≤ 3',
  });
  refused += accepts.refused + readLimit.refused + insertLimit.refused;
  if (refused > 0) process.stdout.write(`${refused} requests were refused: the figures do not count\n`);
  baseline.stop();
} finally {
  await stack.stop();
}
printFigures(figures);

function perSecond(figure: string, measured: number, limit: number, goal: string): Figure {
  return { figure, measured: measured.toFixed(0), limit: limit.toFixed(0), ratio: (measured / limit).toFixed(2), goal };
}

async function liftLimits({ databaseUrl }: Stack): Promise<void> {
  const database = createDatabase(databaseUrl);
  const text = `update workspaces set open_job_limit = ${UNLIMITED}, requests_per_minute = ${UNLIMITED}`;
  await database.run({ name: 'lift_limits', text }, []);
  await database.run(
    { name: 'bench_table', text: 'create table bench_rows (id text primary key, body jsonb not null)' },
    [],
  );
  await database.run(
    {
      name: 'credit',
      text: `select ledger_post('top_up', ledger_account(null, 'funding'), ledger_account(id, 'available'), 1000000000000) from workspaces`,
    },
    [],
  );
  await database.close();
}

async function startBaseline({ databaseUrl }: Stack): Promise<{ url: string; stop(): void }> {
  const main = join(findProjectRoot(), 'dist', 'bench', 'baseline-server.js');
  const server = fork(main, {
    env: { ...process.env, DATABASE_URL: databaseUrl },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [message] = await once(server, 'message');
  const { url } = z.object({ url: z.string() }).parse(message);
  return { url, stop: () => server.disconnect() };
}

async function createRow(url: string, apiKey: string): Promise<string> {
  const response = await fetch(`${url}/rows`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(quickRequest),
  });
  return z.object({ id: z.string() }).parse(await response.json()).id;
}
