import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findProjectRoot } from '../../runtime/root.js';
import { readStackFile, type StackFile } from '../../standalone/stack-file.js';

export type Stack = StackFile & {
  home: string;
  /** The process that runs as `part` now: it changes when the supervisor starts it again. */
  pidOf(part: string): number;
  /** Keeps the state when it is to be started again on it. */
  stop(options?: { keepsState?: boolean }): Promise<void>;
};

const READY_WITHIN_MS = 60_000;
const STOPPED_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 50;

/** A whole stack of its own, as `npm start` runs it, with its state in a folder that is removed at the end. A `home` that exists is gone on with. */
export async function startStack(
  settings: Record<string, string> = {},
  home = mkdtempSync(join(tmpdir(), 'reelay-stack-')),
): Promise<Stack> {
  const main = join(findProjectRoot(), 'dist', 'standalone', 'main.js');
  const env = { ...process.env, NODE_OPTIONS: '', REELAY_HOME: home, ...settings };
  const supervisor = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [supervisor.stdout, supervisor.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const exited = new Promise<void>((resolve) => supervisor.once('exit', () => resolve()));

  const read = () => {
    const stack = readStackFile(home);
    if (!stack) throw new Error('the stack has stopped');
    return stack;
  };
  const giveUpAtMs = Date.now() + READY_WITHIN_MS;
  while (!/^ready in /m.test(output)) {
    if (supervisor.exitCode !== null || Date.now() > giveUpAtMs) {
      supervisor.kill('SIGKILL');
      throw new Error(`the stack did not become ready:\n${output}`);
    }
    await pause(LOOK_EVERY_MS);
  }

  return {
    ...read(),
    home,
    pidOf(part) {
      const pid = read().pids[part];
      if (!pid) throw new Error(`stack.json names no process for ${part}`);
      return pid;
    },
    async stop({ keepsState = false } = {}) {
      supervisor.kill('SIGTERM');
      await Promise.race([
        exited,
        pause(STOPPED_WITHIN_MS, undefined, { ref: false }).then(() => supervisor.kill('SIGKILL')),
      ]);
      if (!keepsState) rmSync(home, { recursive: true, force: true });
    },
  };
}
