import { setTimeout as pause } from 'node:timers/promises';
import type { Cell, Episode, EpisodeResult } from '../cell.js';
import type { LineMode } from '../line.js';
import { eventually } from '../patience.js';
import { signalTree } from '../processes.js';
import type { World } from '../world.js';
import { type Expected, judgeEnding } from './outcome.js';

type Trouble = {
  mode: LineMode;
  /** From the moment at which the job has met it. */
  forMs: number;
  expected: Expected[];
};

const PHASE_WITHIN_MS = 30_000;
const TRIED_WITHIN_MS = 30_000;
const SILENT_FOR_MS = 10_000;
const done: Expected = { status: 'succeeded', attempts: 1, accepted: 1 };

/** On the line to the providers, before the job is submitted. */
const beforeSubmit: Record<string, Trouble> = {
  refused: {
    mode: 'refuse',
    forMs: 8_000,
    expected: [{ status: 'failed', code: 'provider_unavailable', accepted: 0 }],
  },
  silent: { mode: 'silence', forMs: 12_000, expected: [{ status: 'failed', code: 'submission_unknown', accepted: 0 }] },
  'cut after the request': {
    mode: 'reset_after_request',
    forMs: 5_000,
    expected: [{ status: 'failed', code: 'submission_unknown', attempts: 1, accepted: 1 }],
  },
  'late by 200 ms': { mode: 'late', forMs: 8_000, expected: [done] },
};

/** On the same line, while the job is polled. */
const whilePolling: Record<string, Trouble> = {
  refused: { mode: 'refuse', forMs: 5_000, expected: [done] },
  silent: { mode: 'silence', forMs: 5_000, expected: [done] },
  'cut after the request': { mode: 'reset_after_request', forMs: 5_000, expected: [done] },
};

export const networkCells: Cell[] = [
  ...Object.entries(beforeSubmit).map(
    ([name, trouble]): Cell => ({
      name: `network/providers ${name}/submit`,
      isAlone: true,
      most: 4,
      run: (world, episode) => troubleAtSubmit(world, episode, trouble),
    }),
  ),
  ...Object.entries(whilePolling).map(
    ([name, trouble]): Cell => ({
      name: `network/providers ${name}/polling`,
      isAlone: true,
      most: 4,
      run: (world, episode) => troubleWhilePolling(world, episode, trouble),
    }),
  ),
  // Nothing is refused and nothing answers, as when a network is parted.
  ...(['temporal', 'postgres'] as const).map(
    (part): Cell => ({
      name: `network/${part} silent`,
      isAlone: true,
      most: 4,
      run: (world, episode) => silence(world, episode, part),
    }),
  ),
];

async function troubleAtSubmit(world: World, { mark }: Episode, trouble: Trouble): Promise<EpisodeResult> {
  const { caller, line } = world;
  const before = line.broken();
  await line.setMode(trouble.mode);
  const startedAtMs = performance.now();
  const job = await caller.create({ prompt: world.promptOf(mark), idempotencyKey: `key of ${mark}` });
  const isRefused = trouble.mode === 'refuse';
  const isMet = async () => ((await hasTried(world, job.id)) && (isRefused || line.broken() > before)) || undefined;
  const fired = (await eventually(isMet, { withinMs: TRIED_WITHIN_MS })) ?? false;
  await pause(trouble.forMs);
  await line.setMode('pass');
  const violations = await judgeEnding(world, job, trouble.expected);
  return { fired, recoveredMs: performance.now() - startedAtMs, jobs: [job], violations };
}

async function hasTried({ database }: World, jobId: string): Promise<boolean> {
  const text = 'select count(*) as tries from attempts where job_id = $1';
  const [row] = await database.run<{ tries: number }>({ name: 'tries_of_job', text }, [jobId]);
  return (row?.tries ?? 0) > 0;
}

async function troubleWhilePolling(world: World, { mark }: Episode, trouble: Trouble): Promise<EpisodeResult> {
  const { caller, line, sandbox } = world;
  const prompt = world.promptOf(mark);
  // It stays at work until somebody has looked again after the trouble.
  await sandbox.script({ call: 'submit', fault: 'stall', looks: 3, promptIncludes: prompt });
  const job = await caller.create({ prompt, idempotencyKey: `key of ${mark}` });
  const looksOf = async () => (await sandbox.counts({ promptIncludes: prompt })).looks;
  const isPolled = await eventually(async () => (await looksOf()) >= 1 || undefined, { withinMs: PHASE_WITHIN_MS });
  await line.setMode(trouble.mode);
  await pause(trouble.forMs);
  const isOpen = (await caller.ended(job.id, 1)) === undefined;
  await line.setMode('pass');
  const restoredAtMs = performance.now();
  const violations = await judgeEnding(world, job, trouble.expected);
  const recoveredMs = performance.now() - restoredAtMs;
  return { fired: Boolean(isPolled) && isOpen, recoveredMs, jobs: [job], violations };
}

async function silence(world: World, { mark, random }: Episode, part: 'temporal' | 'postgres'): Promise<EpisodeResult> {
  const { caller, sandbox } = world;
  const prompt = world.promptOf(mark);
  await sandbox.script({ call: 'submit', fault: 'stall', looks: 2, promptIncludes: prompt });
  const job = await caller.create({ prompt, idempotencyKey: `key of ${mark}` });
  await pause(random.next() * 2_000);
  const pid = world.stack().pidOf(part);
  signalTree(pid, 'SIGSTOP');
  await pause(SILENT_FOR_MS);
  const isOpen = part === 'postgres' || (await caller.ended(job.id, 100)) === undefined;
  signalTree(pid, 'SIGCONT');
  const restoredAtMs = performance.now();
  // A submit that met the silence between its intent and its record may be taken for lost.
  const unknown: Expected = { status: 'failed', code: 'submission_unknown', attempts: 1 };
  const violations = await judgeEnding(world, job, [done, unknown]);
  return { fired: isOpen, recoveredMs: performance.now() - restoredAtMs, jobs: [job], violations };
}
