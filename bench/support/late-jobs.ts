import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { Database } from '../../store/database.js';
import { createJob } from './load.js';
import type { Stack } from './stack.js';

/** A job that has ended: how long after its provider it was done, and its file was served; and how long it took from its request on. */
export type LateJob = { id: string; doneLateMs: number; servedLateMs: number; tookMs: number };

type Plan = { count: number; everyMs: number; request: object };

const LOOK_EVERY_MS = 10;
const tasksSchema = z.object({ data: z.array(z.object({ id: z.string(), doneAtMs: z.number().nullable() })) });

/** Jobs one after the other, each followed until its file has been served. */
export async function runLateJobs(
  stack: Stack,
  database: Database,
  { count, everyMs, request }: Plan,
): Promise<LateJob[]> {
  const startedAtMs = new Map<string, number>();
  const servedAtMs = new Map<string, number>();
  const serving: Promise<void>[] = [];
  let failure: unknown;
  const create = async () => {
    for (let index = 0; index < count; index += 1) {
      const atMs = Date.now();
      startedAtMs.set(await createJob(stack, { ...request, prompt: `late ${index}` }), atMs);
      await pause(everyMs);
    }
  };
  const creating = create().catch((error: unknown) => {
    failure = error;
  });
  const seen = new Set<string>();
  while (seen.size < count) {
    for (const id of await endedOf(
      database,
      [...startedAtMs.keys()].filter((key) => !seen.has(key)),
    )) {
      seen.add(id);
      serving.push(serve(stack, id).then((atMs) => void servedAtMs.set(id, atMs)));
    }
    await pause(LOOK_EVERY_MS);
    if (failure) throw failure;
  }
  await Promise.all([creating, ...serving]);
  const doneAtMs = await providerDoneAt(stack);
  const rows = await finishedOf(database, [...seen]);
  return rows.map(({ id, task_id: taskId, finished_ms: finishedMs }) => {
    const done = doneAtMs.get(taskId) ?? Number.NaN;
    return {
      id,
      doneLateMs: finishedMs - done,
      servedLateMs: (servedAtMs.get(id) ?? Number.NaN) - done,
      tookMs: finishedMs - (startedAtMs.get(id) ?? Number.NaN),
    };
  });
}

async function endedOf(database: Database, ids: string[]): Promise<string[]> {
  const text = `select id, state from jobs where id = any($1) and finished_at is not null`;
  const rows = await database.run<{ id: string; state: string }>({ name: 'bench_ended_of', text }, [ids]);
  const lost = rows.find(({ state }) => state !== 'succeeded');
  if (lost) throw new Error(`${lost.id} is ${lost.state}`);
  return rows.map(({ id }) => id);
}

function finishedOf(database: Database, ids: string[]) {
  const text = `select jobs.id, extract(epoch from jobs.finished_at)::double precision * 1000 as finished_ms, attempts.task->>'id' as task_id
    from jobs join attempts on attempts.job_id = jobs.id where jobs.id = any($1)`;
  return database.run<{ id: string; finished_ms: number; task_id: string }>({ name: 'bench_finished_of', text }, [ids]);
}

/** When the first byte of its file had come. */
async function serve({ apiUrl, apiKey }: Stack, id: string): Promise<number> {
  const headers = { authorization: `Bearer ${apiKey}` };
  const response = await fetch(new URL(`/api/v1/videos/jobs/${id}/content`, apiUrl), { headers });
  const atMs = Date.now();
  if (response.status !== 200) throw new Error(`the content of ${id} answered ${response.status}`);
  await response.arrayBuffer();
  return atMs;
}

async function providerDoneAt({ sandboxUrl }: Stack): Promise<Map<string, number>> {
  const response = await fetch(new URL('/_sandbox/tasks', sandboxUrl));
  const { data } = tasksSchema.parse(await response.json());
  return new Map(data.flatMap(({ id, doneAtMs }) => (doneAtMs === null ? [] : [[id, doneAtMs]])));
}
