import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import type { AcceptedJob, Cell, Episode, EpisodeResult } from '../cell.js';
import { isAlive } from '../processes.js';
import type { World } from '../world.js';
import { countJobs, createMany, judgeMany, untilRunning } from './load.js';

const JOBS = 40;
const READERS = 8;
const SLOW_WRITERS = 4;
const REST_AFTER_MS = 700;
const ENDED_WITHIN_MS = 240_000;
const STOPPED_WITHIN_MS = 90_000;
const PATH = '/api/v1/videos/jobs';

/** `npm start` is asked to stop while callers create and read jobs. */
export const stopCells: Cell[] = [
  { name: 'machine/SIGTERM of everything', isAlone: true, most: 3, run: stopUnderLoad },
];

async function stopUnderLoad(world: World, { mark }: Episode): Promise<EpisodeResult> {
  const creating = createMany(world, { mark, jobs: JOBS, atOnce: 8, lastSeconds: 8 });
  const isLoaded = await untilRunning(world, mark, JOBS / 2);
  const readers = startReaders(world);
  const writers = Array.from({ length: SLOW_WRITERS }, (_, index) => writeSlowly(world, `${mark}-slow-${index}-`));
  await pause(REST_AFTER_MS / 2);
  const { pids } = world.stack();
  const { open } = await countJobs(world, mark);
  const reading = readers.count();
  const askedAtMs = performance.now();
  process.kill(pids.supervisor ?? 0, 'SIGTERM');
  const isDown = await untilGone(pids.supervisor ?? 0);
  const drainMs = performance.now() - askedAtMs;
  const failures = await readers.failures();
  const written = await Promise.all(writers);
  await world.restart();
  const jobs = [...(await creating), ...written.flatMap(({ job }) => job ?? [])];

  const violations = await judgeMany(world, jobs, { withinMs: ENDED_WITHIN_MS, mayEndAs: ['succeeded'] });
  if (!isDown) violations.push(`it did not stop within ${STOPPED_WITHIN_MS / 1_000} s`);
  failures.push(...written.flatMap(({ failure }) => failure ?? []));
  violations.push(...failures.map((failure) => `a request that had begun failed: ${failure}`));
  const left = Object.entries(pids).filter(([, pid]) => isAlive(pid));
  violations.push(...left.map(([part]) => `${part} outlived the stop`));
  const hasWriters = written.some(({ job, failure }) => job ?? failure);
  const fired = isLoaded && open > 0 && reading === READERS && hasWriters;
  return { fired, recoveredMs: drainMs, jobs, violations };
}

async function untilGone(pid: number): Promise<boolean> {
  const giveUpAtMs = performance.now() + STOPPED_WITHIN_MS;
  while (isAlive(pid) && performance.now() < giveUpAtMs) await pause(50);
  return !isAlive(pid);
}

type Answer = { status: number; text: string } | { error: string; wasLetIn: boolean };

/** One exchange. A connection that was served before is one that the server had taken; of a fresh one nobody can say. */
function exchange(world: World, { agent, body, key, restAfterMs = 0 }: Exchange): Promise<Answer> {
  const { apiUrl, apiKey } = world.stack();
  const headers = {
    authorization: `Bearer ${apiKey}`,
    ...(body && {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'idempotency-key': key,
    }),
  };
  return new Promise((resolve) => {
    const call = request(new URL(body ? PATH : `${PATH}?limit=5`, apiUrl), {
      agent,
      method: body ? 'POST' : 'GET',
      headers,
    });
    call.once('error', (error) =>
      resolve({ error: 'code' in error ? String(error.code) : error.message, wasLetIn: call.reusedSocket }),
    );
    call.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.once('error', (error) => resolve({ error: error.message, wasLetIn: true }));
    });
    if (!body) return void call.end();
    call.write(body.slice(0, body.length / 2));
    setTimeout(() => call.end(body.slice(body.length / 2)), restAfterMs);
  });
}
type Exchange = { agent: Agent; body?: string; key?: string; restAfterMs?: number };

/** Callers who read without a pause, over connections that stay open. One who is not let in any more goes away. */
function startReaders(world: World) {
  const failures: string[] = [];
  let running = 0;
  const read = async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    running += 1;
    for (;;) {
      const answer = await exchange(world, { agent });
      if ('error' in answer) {
        if (answer.wasLetIn) failures.push(answer.error);
        running -= 1;
        return;
      }
      if (answer.status >= 500) failures.push(`status ${answer.status}`);
    }
  };
  const reading = Array.from({ length: READERS }, read);
  return {
    /** Those who are being served. */
    count: () => running,
    /** What befell requests that had begun, when all have gone away. */
    async failures() {
      await Promise.all(reading);
      return failures;
    },
  };
}

/** Half of a request is there when the stop is asked for; the rest comes after it. */
async function writeSlowly(world: World, mark: string): Promise<{ job?: AcceptedJob; failure?: string }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  // Served once, the connection is surely the server's.
  await exchange(world, { agent });
  const prompt = world.promptOf(mark);
  const idempotencyKey = `key of ${mark}`;
  const body = JSON.stringify({
    model: 'sora',
    prompt,
    seconds: 1,
    size: '1280x720',
    wait_seconds: 0,
    poll_interval_seconds: 1,
  });
  const answer = await exchange(world, { agent, body, key: idempotencyKey, restAfterMs: REST_AFTER_MS });
  // Whom the closed door kept out had not begun.
  if ('error' in answer) return answer.wasLetIn ? { failure: answer.error } : {};
  if (answer.status !== 202) return { failure: `status ${answer.status}` };
  const made: unknown = JSON.parse(answer.text);
  const id = typeof made === 'object' && made !== null && 'id' in made ? String(made.id) : '';
  return { job: { id, prompt, idempotencyKey } };
}
