import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { type Stack, startStack } from '../bench/support/stack.js';
import { findProjectRoot } from '../runtime/root.js';
import { createPorts } from '../standalone/ports.js';
import { untilHealthy } from '../standalone/services.js';
import { createDatabase, type Database } from '../store/database.js';
import { type Caller, createCaller } from './caller.js';
import { WorldLost } from './cell.js';
import { type CrashPlans, createCrashPlans } from './crash-plans.js';
import { type Line, startLine } from './line.js';
import { type SandboxControl, sandboxControl } from './sandbox-control.js';
import { type Sink, startSink } from './sink.js';
import { worldSettings } from './world-settings.js';

/** The real stack, the providers' stand-in outside of it, and everything that a fault or a check needs to reach. */
export type World = {
  /** Changes when everything was killed and started again. */
  stack(): Stack;
  restart(): Promise<void>;
  database: Database;
  temporal: Client;
  sandbox: SandboxControl;
  /** Between the worker and the providers' stand-in. */
  line: Line;
  caller: Caller;
  /** Whom webhooks are told to. */
  sink: Sink;
  /** The one address of the account that signs its callbacks, and what it signs with. */
  callbacks(): { url: string; secret: string };
  crashPlans: CrashPlans;
  /** Of this machine, at which files are had and webhooks taken. */
  openPorts: number[];
  artifactsDir: string;
  /** A file system of its own, so that it can be full. */
  hasOwnDisk: boolean;
  clipsDir: string;
  /** What must be found nowhere: in no log and in no history. */
  canaries: string[];
  /** The prompt of a job, with a canary in it. */
  promptOf(mark: string): string;
  close(): Promise<void>;
};

/** More than a long run stores: it is only as large as what lies there. */
const DISK_MEGABYTES = 1_024;
const FIRST_PORT = 18_090;

export async function startWorld(): Promise<World> {
  const closing: (() => unknown)[] = [];
  const close = async () => {
    for (const closeOne of closing.splice(0).reverse()) await closeOne();
  };
  try {
    return { ...(await build(closing)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What is to be undone is put into `closing` as soon as it is there. */
async function build(closing: (() => unknown)[]): Promise<Omit<World, 'close'>> {
  const folder = mkdtempSync(join(tmpdir(), 'reelay-faults-'));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  const artifactsDir = join(folder, 'artifacts');
  mkdirSync(artifactsDir);
  const hasOwnDisk = mountDisk(artifactsDir);
  if (hasOwnDisk) closing.push(() => execFileSync('umount', ['--lazy', artifactsDir]));
  const clipsDir = join(findProjectRoot(), '.reelay', 'clips');
  const word = `canary-${randomBytes(8).toString('hex')}`;

  // Not any free port: those are given to connections, and this stack starts many.
  const ports = createPorts();
  closing.push(() => ports.release());
  const portFor = (variable: string) => ports.choose({ variable, preferred: FIRST_PORT, environment: process.env });
  const sandboxPort = await portFor('FAULTS_SANDBOX_PORT');
  const sandboxProcess = await startSandbox(sandboxPort, clipsDir);
  closing.push(() => sandboxProcess.kill('SIGTERM'));
  const linePort = await portFor('FAULTS_LINE_PORT');
  const line = await startLine(sandboxPort, linePort);
  closing.push(() => line.close());
  const sink = await startSink(await portFor('FAULTS_SINK_PORT'));
  closing.push(() => sink.close());
  const openPorts = [sandboxPort, linePort, sink.port];
  const callbackSecret = `whsec_${randomBytes(24).toString('base64')}`;
  const crashFolder = join(folder, 'crash-points');
  const settings = {
    ...worldSettings({
      providersUrl: line.url,
      openPorts,
      providerKey: `key-${word}`,
      callbackSecret,
    }),
    ARTIFACTS_URL: pathToFileURL(artifactsDir).href,
    REELAY_CRASH_POINTS: crashFolder,
  };
  let stack = await startStack(settings);
  closing.push(() => stack.stop());
  const database = createDatabase(stack.databaseUrl, { poolSize: 4 });
  const connection = Connection.lazy({ address: stack.temporalAddress });
  closing.push(() => Promise.all([database.close(), connection.close()]));

  const sandbox = sandboxControl(`http://127.0.0.1:${sandboxPort}`);
  const callbacks = () => ({ url: `${stack.apiUrl}/callbacks/openai-compatible`, secret: callbackSecret });
  // Its address holds the port of the api, which a restart may change.
  const register = () => sandbox.webhook({ account: 'openai', ...callbacks() });
  await register();

  return {
    stack: () => stack,
    async restart() {
      stack = await startStack(settings, stack.home).catch((cause: unknown) => {
        throw new WorldLost('the stack could not be started again', { cause });
      });
      await register();
    },
    database,
    sink,
    callbacks,
    temporal: new Client({ connection, namespace: stack.namespace }),
    sandbox,
    line,
    caller: createCaller(() => stack, { addressFor: sink.urlOf }),
    crashPlans: createCrashPlans(crashFolder),
    openPorts,
    artifactsDir,
    hasOwnDisk,
    clipsDir,
    canaries: [word, stack.apiKey, callbackSecret],
    promptOf: (mark) => `A paper boat that nobody may read of, ${word} ${mark}`,
  };
}

async function startSandbox(port: number, clipsDir: string): Promise<ChildProcess> {
  const main = join(findProjectRoot(), 'dist', 'sandbox', 'main.js');
  const env = {
    ...process.env,
    NODE_OPTIONS: '',
    SANDBOX_PORT: String(port),
    SANDBOX_CLIPS_DIR: clipsDir,
    SANDBOX_SHARED_CLIPS: 'true',
    SANDBOX_SPEED: '20',
    LOG_LEVEL: 'warn',
  };
  const child = fork(main, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(() => {
      throw new Error('the sandbox did not start');
    }),
  ]);
  await untilHealthy(new URL(`http://127.0.0.1:${port}/_sandbox/health`));
  return child;
}

/** False where one may not mount. */
function mountDisk(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MEGABYTES}m`, 'reelay-faults', folder], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}
