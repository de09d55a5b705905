import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { findProjectRoot } from '../../runtime/root.js';

const stackSchema = z.object({
  apiUrl: z.string(),
  apiKey: z.string(),
  temporalAddress: z.string(),
  temporalUiUrl: z.string(),
  namespace: z.string(),
  databaseUrl: z.string(),
  sandboxUrl: z.string(),
  artifactsDir: z.string(),
  pids: z.record(z.string(), z.number()),
});
type Addresses = z.infer<typeof stackSchema>;

export type Stack = Addresses & {
  home: string;
  /** The process that runs as `part` now: it changes when the supervisor starts it again. */
  pidOf(part: string): number;
  stop(): Promise<void>;
};

const READY_WITHIN_MS = 60_000;
const STOPPED_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 50;

/** A whole stack of its own, as `npm start` runs it, with its state in a folder that is removed at the end. */
export async function startStack(settings: Record<string, string> = {}): Promise<Stack> {
  const home = mkdtempSync(join(tmpdir(), 'reelay-stack-'));
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

  const read = () => stackSchema.parse(JSON.parse(readFileSync(join(home, 'stack.json'), 'utf8')));
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
    async stop() {
      supervisor.kill('SIGTERM');
      await Promise.race([
        exited,
        pause(STOPPED_WITHIN_MS, undefined, { ref: false }).then(() => supervisor.kill('SIGKILL')),
      ]);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
