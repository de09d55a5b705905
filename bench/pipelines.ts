import { setTimeout as pause } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { z } from 'zod';
import { createDatabase, type Database } from '../store/database.js';
import { createJob, quickRequest } from './support/load.js';
import { type Figure, percentile, printFigures } from './support/report.js';
import { startStack } from './support/stack.js';

/** How many history events a step costs its pipeline, and how much longer a chain takes than the same jobs one after the other by hand. */
const STEPS = Number(process.argv[2] ?? 30);
const WARM_UP_STEPS = 3;
const LOOK_EVERY_MS = 10;

const stack = await startStack({ SANDBOX_SPEED: '0', STARTS_PER_SECOND: '1000' });
const database = createDatabase(stack.databaseUrl);
const connection = await Connection.connect({ address: stack.temporalAddress });
try {
  const client = new Client({ connection, namespace: stack.namespace });
  await runChain(WARM_UP_STEPS);
  await runJobs(WARM_UP_STEPS);

  const plain = await runJobs(STEPS);
  const chain = await runChain(STEPS);
  const { historyLength } = await client.workflow.getHandle(chain.id).describe();
  const perStepMs = chain.ms / STEPS;
  const perJobMs = plain.ms / STEPS;
  const stepGaps = await gapsOf(database, chain.id);
  const figures: Figure[] = [
    {
      figure: `history events of the parent for each of ${STEPS} steps`,
      measured: (historyLength / STEPS).toFixed(1),
      limit: '20',
      ratio: (historyLength / STEPS / 20).toFixed(2),
      goal: '≤ 20',
    },
    {
      figure: 'a step of a chain, beside a job of its own whose end the next waits for',
      measured: `${perStepMs.toFixed(0)} ms`,
      limit: `${perJobMs.toFixed(0)} ms`,
      ratio: (perStepMs / perJobMs).toFixed(2),
      goal: '',
    },
    {
      figure: 'from the end of a step to the next one’s job, median',
      measured: `${percentile(stepGaps, 0.5).toFixed(0)} ms`,
      limit: '',
      ratio: '',
      goal: '',
    },
  ];
  printFigures(figures);
} finally {
  await connection.close();
  await database.close();
  await stack.stop();
}

/** Steps that only wait for each other: what is measured is the chain, not the making. */
async function runChain(length: number): Promise<{ id: string; ms: number }> {
  const steps = Array.from({ length }, (_, index) => ({
    ...quickRequest,
    name: `step-${index}`,
    kind: 'text_to_video',
    ...(index > 0 && { after: [`step-${index - 1}`] }),
  }));
  const startedAt = performance.now();
  const response = await fetch(new URL('/api/v1/videos/pipelines', stack.apiUrl), {
    method: 'POST',
    headers: { authorization: `Bearer ${stack.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ steps }),
  });
  if (response.status !== 202) throw new Error(`create answered ${response.status}: ${await response.text()}`);
  const { id } = z.object({ id: z.string() }).parse(await response.json());
  await untilSucceeded('pipelines', id);
  return { id, ms: performance.now() - startedAt };
}

/** The same jobs, each created when the one before has ended. */
async function runJobs(count: number): Promise<{ ms: number }> {
  const startedAt = performance.now();
  for (let index = 0; index < count; index += 1) await untilSucceeded('jobs', await createJob(stack));
  return { ms: performance.now() - startedAt };
}

async function untilSucceeded(table: 'jobs' | 'pipelines', id: string): Promise<void> {
  for (;;) {
    const text = `select state from ${table} where id = $1`;
    const [row] = await database.run<{ state: string }>({ name: `bench_state_of_${table}`, text }, [id]);
    if (row?.state === 'succeeded') return;
    if (row?.state === 'failed') throw new Error(`${id} failed`);
    await pause(LOOK_EVERY_MS);
  }
}

async function gapsOf({ run }: Database, id: string): Promise<number[]> {
  const text = `select extract(epoch from started_at - lag(finished_at) over (order by position))::double precision * 1000 as ms
    from pipeline_steps where pipeline_id = $1`;
  const rows = await run<{ ms: number | null }>({ name: 'bench_gaps', text }, [id]);
  return rows.flatMap(({ ms }) => (ms === null ? [] : [ms]));
}
