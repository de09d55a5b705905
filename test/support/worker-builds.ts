import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProjectRoot } from '../../runtime/root.js';

export type WorkerProcess = {
  child: ChildProcess;
  /** Resolves with the exit code; `null` when a signal ended it. */
  ended: Promise<number | null>;
  /** What it has logged. */
  output: () => string;
  isRunning: () => boolean;
};

const FINISH = 'summary: `finish: $';

/** What the workflow code of a build calls the last step of a job, so that a history shows whose code ended it. */
export const finishedBy = (build: 'first' | 'second') => (build === 'first' ? 'finish: ' : 'finish (second build): ');

/** A second build beside the one in `dist`: the same code but for a word in its workflow bundle that no replay compares. */
export function makeSecondBuild() {
  const root = findProjectRoot();
  const folder = mkdtempSync(join(tmpdir(), 'reelay-build-'));
  cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
  for (const name of ['node_modules', 'package.json', 'store', 'config'])
    symlinkSync(join(root, name), join(folder, name));
  const file = join(folder, 'dist', 'workflow-bundle.js');
  const bundle = readFileSync(file, 'utf8');
  if (!bundle.includes(FINISH)) throw new Error('the bundle does not name its last step as this test knows it');
  writeFileSync(file, bundle.replace(FINISH, `summary: \`${finishedBy('second')}$`));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Runs the worker of a build, and waits until it works. */
export async function startWorkerProcess(folder: string, settings: NodeJS.ProcessEnv): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [join(folder, 'dist', 'worker', 'main.js')], {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...settings },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const ready = new Promise<'ready'>((resolve) => child.once('message', () => resolve('ready')));
  if ((await Promise.race([ready, ended])) !== 'ready') throw new Error(`the worker did not start:\n${output}`);
  return { child, ended, output: () => output, isRunning: () => child.exitCode === null && child.signalCode === null };
}
