import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { hasCode } from './error-code.js';

/** A process named so that another one with the same number, started later, is not mistaken for it. */
export type ProcessRecord = { pid: number; startedAt: string };

export type Child = ProcessRecord & {
  process: ChildProcess;
  /** Resolves, with a word on how, when the process has ended. */
  ended: Promise<string>;
};

type Spawning = {
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  logFile: string;
  cwd?: string;
  /** Whom it runs as, where that is somebody else. */
  user?: { uid: number; gid: number };
  /** A channel whose closing tells the child that we are gone, however we died. */
  withChannel?: boolean;
};

const LOG_KEPT_BYTES = 10 * 1024 * 1024;
const LOOK_EVERY_MS = 20;

/** Starts a process in a group of its own, so that Ctrl-C in our terminal reaches us alone. */
export function spawnLogged({ command, args, env, logFile, cwd, user, withChannel }: Spawning): Promise<Child> {
  const log = openSync(logFile, isTooLong(logFile) ? 'w' : 'a', 0o600);
  const child = spawn(command, args, {
    cwd,
    env,
    ...user,
    detached: true,
    stdio: ['ignore', log, log, ...(withChannel ? (['ipc'] as const) : [])],
  });
  closeSync(log);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('spawn', () => {
      const pid = child.pid ?? 0;
      const ended = new Promise<string>((resolveEnded) => {
        child.once('exit', (code, signal) =>
          resolveEnded(signal ? `was ended by ${signal}` : `ended with code ${code}`),
        );
      });
      resolve({ process: child, pid, startedAt: startOf(pid) ?? '', ended });
    });
  });
}

function isTooLong(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_KEPT_BYTES;
}

/** The last lines of a log, to be shown when its process did not come up. */
export function tailOf(logFile: string, lines = 20): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

/** When a process started, in words that only compare for equality; undefined when there is none, or only its remains. */
export function startOf(pid: number): string | undefined {
  if (pid <= 0) return undefined;
  try {
    if (process.platform === 'linux') {
      // After the program's name, which may hold anything: the state, and 19 fields later the start in ticks since boot.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    }
    const [state = '', ...start] = ps(pid, 'state=,lstart=').split(/\s+/);
    return state.startsWith('Z') ? undefined : start.join(' ') || undefined;
  } catch {
    return undefined;
  }
}

export const isRunning = ({ pid, startedAt }: ProcessRecord) => startedAt !== '' && startOf(pid) === startedAt;

/** The folder that a process works in, or where that cannot be asked its command line, which for a server names it. */
export function whereabouts(pid: number): string {
  try {
    return process.platform === 'linux' ? readlinkSync(`/proc/${pid}/cwd`) : ps(pid, 'command=');
  } catch {
    return '';
  }
}

function ps(pid: number, columns: string): string {
  return execFileSync('ps', ['-o', columns, '-p', String(pid)], { encoding: 'utf8' }).trim();
}

type Stopping = { signal?: NodeJS.Signals; patienceMs?: number };

/** Ends a process that is still the recorded one: first with a request, after `patienceMs` with SIGKILL for it and its group. */
export async function stopProcess(
  record: ProcessRecord,
  { signal = 'SIGTERM', patienceMs = 10_000 }: Stopping = {},
): Promise<void> {
  if (!isRunning(record)) return;
  send(record.pid, signal);
  const giveUpAtMs = Date.now() + patienceMs;
  while (isRunning(record)) {
    if (Date.now() > giveUpAtMs) {
      send(-record.pid, 'SIGKILL');
      send(record.pid, 'SIGKILL');
    }
    await pause(LOOK_EVERY_MS);
  }
}

function send(target: number, signal: NodeJS.Signals): void {
  try {
    process.kill(target, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error; // it is gone already
  }
}
