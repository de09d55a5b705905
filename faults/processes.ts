import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { descendantsOf } from '../bench/support/descendants.js';
import { findProjectRoot } from '../runtime/root.js';
import { startOf } from '../standalone/processes.js';
import { eventually } from './patience.js';
import type { World } from './world.js';

const READY_WITHIN_MS = 30_000;
const DEAD_WITHIN_MS = 30_000;
const BACK_WITHIN_MS = 60_000;

export const isAlive = (pid: number) => startOf(pid) !== undefined;

/** Sends a signal to a process and to all that it has started. */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  for (const each of [pid, ...descendantsOf(pid)]) {
    try {
      process.kill(each, signal);
    } catch {
      // It is gone already.
    }
  }
}

/** Kills them all at once. Whether they are dead: a process lives on for a while after SIGKILL. */
export async function killAll(victims: readonly number[]): Promise<boolean> {
  for (const pid of victims) process.kill(pid, 'SIGKILL');
  const areDead = () => victims.every((pid) => !isAlive(pid)) || undefined;
  return (await eventually(areDead, { withinMs: DEAD_WITHIN_MS, everyMs: 10 })) === true;
}

/** Every process of the stack at once. Whether none is left. */
export function killEverything({ stack }: Pick<World, 'stack'>): Promise<boolean> {
  const { pids, pidOf } = stack();
  return killAll(Object.keys(pids).map(pidOf));
}

/** Resolves when there is another. */
export async function killWorker({ stack }: Pick<World, 'stack'>): Promise<void> {
  const before = stack().pidOf('worker');
  process.kill(before, 'SIGKILL');
  const look = () => {
    const now = stack().pidOf('worker');
    return (now !== before && isAlive(now)) || undefined;
  };
  await eventually(look, { withinMs: BACK_WITHIN_MS });
}

/** Holds the supervisor meanwhile, so that what dies stays dead. */
export async function whileNothingIsRestarted<Result>(
  { stack }: Pick<World, 'stack'>,
  work: () => Promise<Result>,
): Promise<Result> {
  const supervisor = stack().pidOf('supervisor');
  process.kill(supervisor, 'SIGSTOP');
  try {
    return await work();
  } finally {
    process.kill(supervisor, 'SIGCONT');
  }
}

export type Companion = { pid: number; log(): string; stop(): Promise<void> };

type Beside = { part: 'api' | 'worker'; env: Record<string, string>; name: string };

/** A second api or worker beside the stack's own, with its settings and some more. */
export async function startBeside(world: World, { part, env, name }: Beside): Promise<Companion> {
  const stack = world.stack();
  const logFile = join(stack.home, 'logs', `${name}.log`);
  const output = openSync(logFile, 'w');
  const main = join(findProjectRoot(), 'dist', part, 'main.js');
  const child: ChildProcess = spawn(process.execPath, [main], {
    cwd: findProjectRoot(),
    env: { ...environmentOf(stack.pidOf(part)), ...env },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const log = () => readFileSync(logFile, 'utf8');
  const exited = once(child, 'exit');
  const isReady = await eventually(() => log().includes(`${part} is ready`) || undefined, {
    withinMs: READY_WITHIN_MS,
  });
  if (!isReady) {
    child.kill('SIGKILL');
    throw new Error(`a second ${part} did not start: ${log().slice(-2_000)}`);
  }
  return {
    pid: child.pid ?? 0,
    log,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function environmentOf(pid: number): Record<string, string> {
  const pairs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean);
  // The channel of the stack's own process is not ours to write to.
  const own = pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const);
  return Object.fromEntries(own.filter(([name]) => !name.startsWith('NODE_CHANNEL')));
}
