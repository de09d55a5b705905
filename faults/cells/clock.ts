import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { freePort } from '../../standalone/ports.js';
import { createCaller } from '../caller.js';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import { startBeside } from '../processes.js';
import type { World } from '../world.js';
import { createMany, judgeMany } from './load.js';
import { judgeEnding } from './outcome.js';

/** Where Debian and its like put it; `LIBFAKETIME` names it elsewhere. */
const places = [
  '/usr/lib/x86_64-linux-gnu/faketime',
  '/usr/lib/aarch64-linux-gnu/faketime',
  '/usr/lib/faketime',
  '/usr/local/lib/faketime',
];
const jumps = ['+30d', '-1h', '+6m'] as const;

const JOBS = 12;
const ENDED_WITHIN_MS = 180_000;

const library = () =>
  [process.env.LIBFAKETIME ?? '', ...places.map((place) => join(place, 'libfaketime.so.1'))].find((file) =>
    existsSync(file),
  );
const whyNot = () => (library() ? undefined : 'needs libfaketime (apt-get install faketime)');

/** The clock of one process jumps while its neighbours keep theirs. */
export const clockCells: Cell[] = jumps.flatMap((jump): Cell[] => [
  {
    name: `clock/worker ${jump}`,
    isAlone: true,
    most: 4,
    whyNot,
    run: (world, episode) => inWorker(world, episode, jump),
  },
  { name: `clock/api ${jump}`, isAlone: true, most: 4, whyNot, run: (world, episode) => inApi(world, episode, jump) },
]);

async function inWorker(world: World, { mark }: Episode, jump: string): Promise<EpisodeResult> {
  const clock = createClock(world);
  const worker = await startBeside(world, { part: 'worker', env: clock.env, name: 'worker-with-a-clock-of-its-own' });
  try {
    const creating = createMany(world, { mark, jobs: JOBS, atOnce: 3, everyMs: 500 });
    await pause(1_000);
    clock.jump(jump);
    const jumpedAtMs = performance.now();
    const jobs = await creating;
    const violations = await judgeMany(world, jobs, { withinMs: ENDED_WITHIN_MS, mayEndAs: ['succeeded'] });
    const recoveredMs = performance.now() - jumpedAtMs;
    // Its lines are dated by its own clock, so what it did after the jump can be told.
    const fired = linesOf(worker.log()).some(({ jobId, time }) => jobId && Math.abs(time - Date.now()) > 5 * 60_000);
    return { fired, recoveredMs, jobs, violations };
  } finally {
    await worker.stop();
    clock.remove();
  }
}

async function inApi(world: World, { mark }: Episode, jump: string): Promise<EpisodeResult> {
  const clock = createClock(world);
  const port = await freePort();
  const env = { ...clock.env, API_PORT: String(port) };
  const api = await startBeside(world, { part: 'api', env, name: 'api-with-a-clock-of-its-own' });
  try {
    clock.jump(jump);
    const { apiKey } = world.stack();
    const caller = createCaller(() => ({ apiUrl: `http://127.0.0.1:${port}`, apiKey }), {
      addressFor: world.sink.urlOf,
    });
    const wanted = { prompt: world.promptOf(mark), idempotencyKey: `key of ${mark}` };
    const startedAtMs = performance.now();
    const job = await caller.create(wanted);
    const violations = await judgeEnding(world, job, [{ status: 'succeeded', attempts: 1, accepted: 1 }]);
    const recoveredMs = performance.now() - startedAtMs;
    const again = await world.caller.create(wanted);
    if (again.id !== job.id) violations.push(`another api gave its key ${again.id}`);
    violations.push(...(await judgeLink(world, job.id, caller)));
    const fired = linesOf(api.log()).some(({ time }) => Math.abs(time - Date.now()) > 5 * 60_000);
    return { fired, recoveredMs, jobs: [job], violations };
  } finally {
    await api.stop();
    clock.remove();
  }
}

const fileSchema = z.object({ data: z.array(z.object({ url: z.string() })) });

/** A link of an api with a wrong clock opens the file or is refused in so many words; it is never a fault of the service. */
async function judgeLink({ caller }: World, id: string, wrong: ReturnType<typeof createCaller>): Promise<string[]> {
  const answers = await Promise.all(
    [wrong, caller].map(async ({ send }) => {
      const response = await send('GET', `/api/v1/videos/jobs/${id}`);
      const [file] = fileSchema.parse(await response.json()).data;
      const content = await fetch(file?.url ?? '');
      await content.arrayBuffer();
      return content.status;
    }),
  );
  return answers
    .filter((status) => ![200, 401, 403, 410].includes(status))
    .map((status) => `a link answered ${status}`);
}

/** A clock that can be moved while the process runs; what only measures time stays true, as it does on a real machine. */
function createClock(world: World) {
  const file = join(world.stack().home, 'clock');
  writeFileSync(file, '+0');
  const env = {
    LD_PRELOAD: library() ?? '',
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  };
  return { env, jump: (by: string) => writeFileSync(file, by), remove: () => rmSync(file, { force: true }) };
}

const lineSchema = z.object({ time: z.number(), jobId: z.string().optional() });

function linesOf(log: string): z.infer<typeof lineSchema>[] {
  return log.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const parsed = lineSchema.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  });
}
