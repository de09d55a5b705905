import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

/**
 * Places in the life of a job at which `npm run faults` stops a process: while a job is accepted (S0 request read, S1 committed, S2 workflow
 * started), submitted (S3 nothing written yet, S3b intended and not sent, S4 accepted and not recorded), waited for (S5 about to look, S6
 * result known), downloaded (S7 half of it, S8 whole and before fsync and its name, S9 in place and before its row), settled (S10 before the ledger), and told
 * of (S11 queued and not started, S12 answered and not recorded).
 */
export const crashPointNames = [
  'S0',
  'S1',
  'S2',
  'S3',
  'S3b',
  'S4',
  'S5',
  'S6',
  'S7',
  'S8',
  'S9',
  'S10',
  'S11',
  'S12',
] as const;
export type CrashPoint = (typeof crashPointNames)[number];

/** What is to happen once. `job` is its id, or the idempotency key that it was accepted under. */
export const crashPlanSchema = z.strictObject({
  id: z.string().regex(/^[\w-]+$/),
  point: z.enum(crashPointNames),
  job: z.string(),
  /** `pause` waits until the record of this hit is removed; `exit` is a `kill -9` of oneself, which a shell calls 137. */
  action: z.enum(['pause', 'exit', 'throw', 'delay']),
  delayMs: z.number().nonnegative().default(0),
});
export type CrashPlan = z.input<typeof crashPlanSchema>;

type Ids = { jobId: string; idempotencyKey?: string };

const PLAN = '.plan.json';
const HIT = '.hit.json';
const LOOK_EVERY_MS = 20;

let folder: string | undefined;

/** Switches the crash points on when `REELAY_CRASH_POINTS` names the folder that holds the plans. To be called by a process's `main.ts`. */
export function armCrashPoints(environment: NodeJS.ProcessEnv = process.env): void {
  folder = environment.REELAY_CRASH_POINTS || undefined;
  if (folder) mkdirSync(join(folder, 'keys'), { recursive: true });
}

/**
 * Does what is planned for this job at this point. Unless crash points are switched on, that is one comparison and nothing else. A production
 * image has not even that: its build puts `no-crash-points.ts` in the place of this file.
 */
export function crashPoint(point: CrashPoint, ids: Ids): Promise<void> | undefined {
  return folder === undefined ? undefined : meet(folder, point, ids);
}

async function meet(plans: string, point: CrashPoint, { jobId, idempotencyKey }: Ids): Promise<void> {
  // Later points know the job by its id alone.
  if (idempotencyKey !== undefined) writeFileSync(join(plans, 'keys', jobId), idempotencyKey);
  for (const name of readdirSync(plans)) {
    if (!name.endsWith(PLAN)) continue;
    const plan = readPlan(join(plans, name));
    if (plan?.point !== point || (plan.job !== jobId && plan.job !== keyOf(plans, jobId))) continue;
    if (!claim(plans, plan.id)) continue;
    const hit = join(plans, `${plan.id}${HIT}`);
    process.stdout.write(`${JSON.stringify({ crashPoint: point, jobId, action: plan.action, pid: process.pid })}\n`);
    // Claimed, it still held the plan; from now on it says who has met it.
    writeFileSync(hit, JSON.stringify({ ...plan, jobId, pid: process.pid, atMs: Date.now() }));
    await act(plan, hit);
  }
}

async function act({ action, delayMs, point }: z.output<typeof crashPlanSchema>, hit: string): Promise<void> {
  switch (action) {
    case 'exit':
      process.kill(process.pid, 'SIGKILL');
      return pause(60_000);
    case 'throw':
      throw new Error(`crash point ${point}`);
    case 'delay':
      return pause(delayMs);
    case 'pause':
      while (existsSync(hit)) await pause(LOOK_EVERY_MS);
  }
}

/** True for one of all processes that meet the plan. */
function claim(plans: string, id: string): boolean {
  try {
    renameSync(join(plans, `${id}${PLAN}`), join(plans, `${id}${HIT}`));
    return true;
  } catch {
    return false;
  }
}

function readPlan(file: string): z.output<typeof crashPlanSchema> | undefined {
  try {
    return crashPlanSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined; // claimed by another process at this moment
  }
}

function keyOf(plans: string, jobId: string): string | undefined {
  const file = join(plans, 'keys', jobId);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
