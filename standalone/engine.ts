import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Child, spawnLogged, stopProcess, tailOf } from './processes.js';

type Engine = {
  /** The Temporal CLI. */
  program: string;
  port: number;
  /** Left out, the Web UI is not served. */
  uiPort?: number;
  /** Left out, nothing outlives the process. */
  databaseFile?: string;
  logFile: string;
  logLevel?: string;
  namespace?: string;
  /** How long closed workflows can be looked at. */
  retentionDays?: number;
  /** More of the server's own settings, for tests. */
  moreConfig?: Record<string, string | number | boolean>;
  /** Told of the process before it serves, so that it can be stopped whatever happens to us. */
  onSpawn?: (child: Child) => void;
};

const READY_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 50;
const HOURS_PER_DAY = 24;

/**
 * One machine's limits are its cores, not the rates that a cluster sets to protect its neighbours. One partition per task queue makes
 * rates and fairness exact, and fairness keys do nothing unless fairness is switched on.
 */
const dynamicConfig = {
  'matching.enableFairness': true,
  'matching.numTaskqueueReadPartitions': 1,
  'matching.numTaskqueueWritePartitions': 1,
  'frontend.rps': 50_000,
  'frontend.namespaceRPS': 50_000,
  'frontend.namespaceRPS.visibility': 500,
  'frontend.namespaceCount': 10_000,
  'frontend.persistenceMaxQPS': 50_000,
  // By default timers may fire up to a second late, which would add a second to every wait and to every look.
  'history.timerProcessorMaxTimeShift': '"10ms"',
  'history.rps': 50_000,
  'history.persistenceMaxQPS': 50_000,
  'matching.rps': 50_000,
  'matching.persistenceMaxQPS': 50_000,
};

// Write-ahead with a lazy sync: what a power cut could take, the job rows restore; a killed process loses nothing.
const pragmas = ['journal_mode=WAL', 'synchronous=NORMAL', 'busy_timeout=5000'];

/** Starts the Temporal development server and waits until it serves. Its file must never have two servers. */
export async function startTemporal(engine: Engine): Promise<Child> {
  const { program, port, uiPort, databaseFile, logFile, logLevel = 'warn', namespace = 'default' } = engine;
  const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', logLevel];
  args.push('--namespace', namespace, '--ui-disable-news-fetch');
  args.push(...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]));
  if (databaseFile)
    args.push('--db-filename', databaseFile, ...pragmas.flatMap((pragma) => ['--sqlite-pragma', pragma]));
  for (const [key, value] of Object.entries({ ...dynamicConfig, ...engine.moreConfig }))
    args.push('--dynamic-config-value', `${key}=${value}`);

  const child = await spawnLogged({ command: program, args, env: withoutClientSettings(process.env), logFile });
  engine.onSpawn?.(child);
  const failure = child.ended.then((how) => {
    throw new Error(`The Temporal server ${how}. Its last words:\n${tailOf(logFile)}`);
  });
  try {
    await Promise.race([untilServing(program, port), failure]);
    if (engine.retentionDays) {
      const retention = `${engine.retentionDays * HOURS_PER_DAY}h`;
      await ask(program, port, ['namespace', 'update', '--namespace', namespace, '--retention', retention]);
    }
    return child;
  } catch (error) {
    await stopProcess(child);
    throw error;
  } finally {
    failure.catch(() => {}); // it will end some day
  }
}

async function untilServing(program: string, port: number): Promise<void> {
  const giveUpAtMs = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const isServing =
      (await isListening(port)) &&
      (await ask(program, port, ['cluster', 'health']).then(
        (output) => output.includes('SERVING'),
        () => false,
      ));
    if (isServing) return;
    if (Date.now() > giveUpAtMs) throw new Error(`The Temporal server did not serve within ${READY_WITHIN_MS} ms.`);
    await pause(LOOK_EVERY_MS);
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

const execute = promisify(execFile);

async function ask(program: string, port: number, words: string[]): Promise<string> {
  const args = ['operator', ...words, '--address', `127.0.0.1:${port}`];
  const { stdout } = await execute(program, args, { timeout: 5_000, env: withoutClientSettings(process.env) });
  return stdout;
}

/** The CLI reads `TEMPORAL_*` as its client's address, namespace and TLS, none of which are meant for our own server. */
function withoutClientSettings(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('TEMPORAL_')));
}
