import { existsSync, linkSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { hasCode } from './error-code.js';
import { isRunning, type ProcessRecord, startOf, stopProcess } from './processes.js';
import { writePrivate } from './state.js';

export const parts = ['postgres', 'temporal', 'sandbox', 'api', 'worker'] as const;
export type Part = (typeof parts)[number];

const processSchema = z.object({ pid: z.number(), startedAt: z.string() });
/** `home` tells a record from its copy: the processes of a copied folder belong to the original. */
const recordSchema = z.object({ home: z.string(), parts: z.partialRecord(z.enum(parts), processSchema) });
const holderSchema = z.object({ home: z.string(), supervisor: processSchema });

const ORPHAN_PATIENCE_MS = 5_000;

/** Thrown when a supervisor of this home already runs. */
export class AlreadyRunningError extends Error {
  override readonly name = 'AlreadyRunningError';
}

export type Instance = {
  /** Remembers a process, so that a later start can stop what a killed supervisor left behind. */
  record(part: Part, child: ProcessRecord): void;
  pids(): Record<string, number>;
  release(): void;
};

/** Makes this process the only supervisor of `home`, and stops what an earlier one that was killed left running. */
export async function claimHome(home: string): Promise<Instance> {
  mkdirSync(home, { recursive: true });
  const lock = join(home, 'supervisor.lock');
  const file = join(home, 'processes.json');
  const supervisor = { pid: process.pid, startedAt: startOf(process.pid) ?? '' };
  takeLock(lock, { home, supervisor });
  await stopOrphans(file, home);

  const running: Partial<Record<Part, ProcessRecord>> = {};
  return {
    record(part, { pid, startedAt }) {
      running[part] = { pid, startedAt };
      writePrivate(file, JSON.stringify({ home, parts: running }));
    },
    pids() {
      const started = Object.entries(running).map(([part, { pid }]) => [part, pid]);
      return { supervisor: supervisor.pid, ...Object.fromEntries(started) };
    },
    release() {
      rmSync(file, { force: true });
      rmSync(lock, { force: true });
    },
  };
}

/** Whether a supervisor of this home runs now. */
export function isSupervised(home: string): boolean {
  const holder = holderOf(join(home, 'supervisor.lock'));
  return holder !== undefined && holder.home === home && isRunning(holder.supervisor);
}

type Holder = z.infer<typeof holderSchema>;

function takeLock(lock: string, holder: Holder): void {
  // A link appears with its contents or not at all, and never over another.
  const draft = `${lock}.${process.pid}.new`;
  writePrivate(draft, JSON.stringify(holder));
  try {
    for (;;) {
      try {
        linkSync(draft, lock);
        return;
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error;
      }
      const other = holderOf(lock);
      if (other && other.home === holder.home && isRunning(other.supervisor)) {
        throw new AlreadyRunningError(`Reelay already runs here (process ${other.supervisor.pid}).`);
      }
      if (other) rmSync(lock, { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

function holderOf(lock: string): Holder | undefined {
  return existsSync(lock) ? holderSchema.parse(JSON.parse(readFileSync(lock, 'utf8'))) : undefined;
}

async function stopOrphans(file: string, home: string): Promise<void> {
  if (!existsSync(file)) return;
  const left = recordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  if (left.home !== home) return;
  // Those that write come before those that store.
  for (const part of parts.toReversed()) {
    const orphan = left.parts[part];
    if (!orphan) continue;
    const signal = part === 'postgres' ? 'SIGINT' : 'SIGTERM';
    await stopProcess(orphan, { signal, patienceMs: ORPHAN_PATIENCE_MS });
  }
}
