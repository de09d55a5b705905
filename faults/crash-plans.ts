import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { CrashPlan } from '../runtime/crash-points.js';
import { eventually } from './patience.js';

const hitSchema = z.object({ jobId: z.string(), pid: z.number(), atMs: z.number() });
export type Hit = z.infer<typeof hitSchema>;

export type PlannedCrash = {
  /** Who met the point; undefined when nobody did in time. */
  met(withinMs: number): Promise<Hit | undefined>;
  /** Lets a process go on that pauses there, and takes the plan back if nobody met it. */
  release(): void;
};

/** Writes plans into the folder that crash points read. */
export function createCrashPlans(folder: string) {
  let count = 0;

  return {
    folder,
    plan(given: Omit<CrashPlan, 'id'>): PlannedCrash {
      count += 1;
      const id = `p${count}`;
      const planFile = join(folder, `${id}.plan.json`);
      const hitFile = join(folder, `${id}.hit.json`);
      const plan: CrashPlan = { id, ...given };
      writeFileSync(planFile, JSON.stringify(plan));
      return {
        met: (withinMs) =>
          eventually(
            () => (existsSync(hitFile) ? hitSchema.parse(JSON.parse(readFileSync(hitFile, 'utf8'))) : undefined),
            {
              withinMs,
              everyMs: 10,
            },
          ),
        release() {
          rmSync(planFile, { force: true });
          rmSync(hitFile, { force: true });
        },
      };
    },
  };
}

export type CrashPlans = ReturnType<typeof createCrashPlans>;
