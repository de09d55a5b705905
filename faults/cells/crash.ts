import { setTimeout as pause } from 'node:timers/promises';
import { type CrashPoint, crashPointNames } from '../../runtime/crash-points.js';
import type { AcceptedJob, Cell, Episode, EpisodeResult } from '../cell.js';
import type { Hit } from '../crash-plans.js';
import type { World } from '../world.js';
import { type Expected, judgeEnding } from './outcome.js';

/** `itself` is the process that meets the point; `frozen`, the same process, stopped for longer than its silence is borne. */
const fates = ['itself', 'temporal', 'postgres', 'frozen', 'throws'] as const;
type Fate = (typeof fates)[number];

const MET_WITHIN_MS = 30_000;
const FROZEN_FOR_MS = 9_000;

const again: Expected = { status: 'succeeded', attempts: 2, accepted: 1 };
const done: Expected = { status: 'succeeded', attempts: 1, accepted: 1 };
/** Nobody can ask this provider what it took, so the job says so. */
const lost = (accepted: number): Expected => ({ status: 'failed', code: 'submission_unknown', attempts: 1, accepted });

/** Every point of a job's life × whom it kills. */
export const crashCells: Cell[] = crashPointNames.flatMap((point) =>
  fates.filter((fate) => isMeant(point, fate)).map((fate) => createCell(point, fate)),
);

/** An error in the middle of a request or of the dispatcher is no crash. */
function isMeant(point: CrashPoint, fate: Fate): boolean {
  const isActivity = !['S0', 'S1', 'S2', 'S11'].includes(point);
  return isActivity || fate !== 'throws';
}

function createCell(point: CrashPoint, fate: Fate): Cell {
  return {
    name: `crash/${point}/${fate}`,
    isAlone: true,
    run: (world, episode) => crash(world, episode, { point, fate }),
  };
}

export function expectedAfter(point: CrashPoint, fate: Fate): Expected[] {
  const isMute = fate === 'itself' || fate === 'throws';
  if (point === 'S3b' && isMute) return [lost(0)];
  if (point === 'S4' && isMute) return [lost(1)];
  // A run that was silent for too long may be taken for lost, or be heard after all: what it has not sent by then it does not send.
  if (point === 'S3b') return fate === 'frozen' ? [again, lost(0)] : [done, lost(1), lost(0)];
  if (point === 'S4') return [done, lost(1)];
  return [done];
}

type Plan = { point: CrashPoint; fate: Fate };

async function crash(world: World, { mark, random }: Episode, { point, fate }: Plan): Promise<EpisodeResult> {
  const { caller, crashPlans } = world;
  const idempotencyKey = `key of ${mark}`;
  const prompt = world.promptOf(mark);
  const isSuicide = fate === 'itself' && random.next() < 0.5;
  const action = fate === 'throws' ? 'throw' : isSuicide ? 'exit' : 'pause';
  const plan = crashPlans.plan({ point, job: idempotencyKey, action });
  const creating = caller.create({ prompt, idempotencyKey });
  const hit = await plan.met(MET_WITHIN_MS);
  const metAtMs = performance.now();
  if (hit && action === 'pause') await strike(world, fate, hit);
  plan.release();
  if (hit && fate === 'frozen') await thaw(hit);

  const job = await creating;
  const violations = await judgeEnding(world, job, expectedAfter(point, fate));
  const recoveredMs = performance.now() - metAtMs;
  violations.push(...(await judgeReplay(world, job)));
  return { fired: hit !== undefined, recoveredMs, jobs: [job], violations };
}

async function strike(world: World, fate: Fate, { pid }: Hit): Promise<void> {
  switch (fate) {
    case 'itself':
      return void process.kill(pid, 'SIGKILL');
    case 'frozen':
      return void process.kill(pid, 'SIGSTOP');
    case 'temporal':
    case 'postgres':
      return void process.kill(world.stack().pidOf(fate), 'SIGKILL');
    case 'throws':
  }
}

async function thaw({ pid }: Hit): Promise<void> {
  await pause(FROZEN_FOR_MS);
  process.kill(pid, 'SIGCONT');
}

/** The same key must go on giving the same job. */
async function judgeReplay({ caller }: World, { id, prompt, idempotencyKey }: AcceptedJob): Promise<string[]> {
  const again = await caller.create({ prompt, idempotencyKey });
  return again.id === id ? [] : [`its key gave ${id}, and then ${again.id}`];
}
