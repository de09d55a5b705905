import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { settingOf } from '../runtime/setting.js';
import { migrate } from '../store/migrate.js';
import { developmentKey } from './development.js';
import { startTemporal } from './engine.js';
import { findProgram } from './find-program.js';
import { claimHome, type Instance, type Part } from './instance.js';
import { type KeptProcess, keepRunning, type Stopping } from './keep-running.js';
import { createPorts } from './ports.js';
import { FAST_SHUTDOWN, startPostgres } from './postgres.js';
import type { Child } from './processes.js';
import { temporalCli } from './releases.js';
import { needsSandbox, serviceEnvironment } from './service-environment.js';
import { startService, untilHealthy } from './services.js';
import { readStackFile, removeStackFile, type StackFile, writeStackFile } from './stack-file.js';

type Options = {
  home: string;
  environment: NodeJS.ProcessEnv;
  say: (text: string) => void;
};

type Start = (onSpawn: (child: Child) => void) => Promise<Child>;

const RETENTION_DAYS = 7;
/** Longer than a worker waits for the answer to a submit: cut off, its job would have a task that nobody knows of. */
const SERVICE_PATIENCE_MS = 90_000;

/** Runs the whole service on one machine: every part that the operator did not replace, started again when it dies. */
export function createSupervisor({ home, environment, say }: Options) {
  const logFile = (part: Part) => join(home, 'logs', `${part}.log`);
  const kept = new Map<Part, KeptProcess>();
  const ports = createPorts();
  let instance: Instance | undefined;
  let stack: Omit<StackFile, 'pids'> | undefined;
  let isStopping = false;

  async function keep(part: Part, start: Start, stopping?: Stopping): Promise<void> {
    const onSpawn = (child: Child) => {
      instance?.record(part, child);
      publish();
    };
    if (isStopping) throw new Error('stopped while starting');
    const process = keepRunning({ name: part, start, onSpawn, say, stopping });
    kept.set(part, process);
    await process.started;
  }

  function publish(): void {
    if (stack && instance) writeStackFile(home, { ...stack, pids: instance.pids() });
  }

  async function start(): Promise<StackFile> {
    instance = await claimHome(home);
    mkdirSync(join(home, 'logs'), { recursive: true });
    const port = await choosePorts();

    const [{ databaseUrl, apiKey }, temporal, sandboxUrl] = await Promise.all([
      provideDatabase(port.postgres),
      provideTemporal(port.temporal, port.temporalUi),
      provideSandbox(port.sandbox),
    ]);
    const env = serviceEnvironment(environment, {
      home,
      databaseUrl,
      ...temporal,
      apiPort: port.api,
      ...(sandboxUrl ? { sandbox: { url: sandboxUrl, port: port.sandbox } } : {}),
    });
    const apiUrl = `http://127.0.0.1:${port.api}`;
    await Promise.all([provideService('worker', env), provideService('api', env)]);
    await untilHealthy(new URL('/readyz', apiUrl));
    stack = {
      apiUrl,
      apiKey,
      ...temporal,
      databaseUrl,
      sandboxUrl,
      artifactsDir: env.ARTIFACTS_URL?.startsWith('file:') ? fileURLToPath(env.ARTIFACTS_URL) : '',
    };
    publish();
    return { ...stack, pids: instance.pids() };
  }

  async function choosePorts() {
    // After an unclean end, links and tasks that are under way name the addresses of then.
    const last = readStackFile(home);
    const pick = (variable: string, preferred: number, lastUrl: string | undefined, host?: string) => {
      const lastPort = lastUrl ? Number(new URL(lastUrl).port) : 0;
      return ports.choose({ variable, preferred, last: lastPort || undefined, environment, host });
    };
    // A part that the operator replaced needs no port of ours, and its own may well be the one that is set.
    const ownsTemporal = !environment.TEMPORAL_ADDRESS;
    return {
      api: await pick('API_PORT', 8080, last?.apiUrl, environment.API_HOST || undefined),
      temporal: ownsTemporal ? await pick('TEMPORAL_PORT', 7233, last && `tcp://${last.temporalAddress}`) : 0,
      temporalUi: ownsTemporal ? await pick('TEMPORAL_UI_PORT', 8233, last?.temporalUiUrl) : 0,
      sandbox: needsSandbox(environment) ? await pick('SANDBOX_PORT', 8090, last?.sandboxUrl) : 0,
      postgres: settingOf(environment, 'DATABASE_URL') ? 0 : await pick('POSTGRES_PORT', 5433, last?.databaseUrl),
    };
  }

  async function provideDatabase(port: number): Promise<{ databaseUrl: string; apiKey: string }> {
    let databaseUrl = settingOf(environment, 'DATABASE_URL');
    if (!databaseUrl) {
      await keep(
        'postgres',
        async (onSpawn) => {
          const server = await startPostgres({ home, port, logFile: logFile('postgres'), onSpawn });
          databaseUrl = server.url;
          return server;
        },
        FAST_SHUTDOWN,
      );
    }
    if (!databaseUrl) throw new Error('the database has no address');
    await migrate(databaseUrl);
    return { databaseUrl, apiKey: await developmentKey(databaseUrl, home) };
  }

  async function provideTemporal(port: number, uiPort: number) {
    const namespace = environment.TEMPORAL_NAMESPACE || 'default';
    const given = environment.TEMPORAL_ADDRESS;
    if (given) return { temporalAddress: given, temporalUiUrl: environment.TEMPORAL_UI_URL ?? '', namespace };
    const program = await findProgram(temporalCli, { environment, say });
    await keep('temporal', (onSpawn) =>
      startTemporal({
        program,
        port,
        uiPort,
        databaseFile: join(home, 'temporal.db'),
        logFile: logFile('temporal'),
        namespace,
        retentionDays: RETENTION_DAYS,
        onSpawn,
      }),
    );
    const temporalUiUrl = environment.TEMPORAL_UI_URL || `http://127.0.0.1:${uiPort}`;
    return { temporalAddress: `127.0.0.1:${port}`, temporalUiUrl, namespace };
  }

  /** The sandbox's address; empty where no account needs it. */
  async function provideSandbox(port: number): Promise<string> {
    if (!needsSandbox(environment)) return '';
    await keep('sandbox', (onSpawn) => {
      const env: NodeJS.ProcessEnv = { ...environment, SANDBOX_PORT: String(port) };
      env.SANDBOX_CLIPS_DIR ||= join(home, 'clips');
      return startService({ part: 'sandbox', env, logFile: logFile('sandbox'), onSpawn });
    });
    const url = `http://127.0.0.1:${port}`;
    await untilHealthy(new URL('/_sandbox/health', url));
    return url;
  }

  const provideService = (part: 'api' | 'worker', env: NodeJS.ProcessEnv) =>
    keep(part, (onSpawn) => startService({ part, env, logFile: logFile(part), onSpawn }), {
      patienceMs: SERVICE_PATIENCE_MS,
    });

  return {
    /** Resolves when the whole service is ready. After a failure, `stop` clears away what had been started. */
    start,

    async stop(): Promise<void> {
      isStopping = true;
      // Those that write stop before those that store.
      for (const part of ['api', 'worker', 'sandbox', 'temporal', 'postgres'] as const) await kept.get(part)?.stop();
      ports.release();
      if (!instance) return; // another supervisor has this home: nothing in it is ours
      removeStackFile(home);
      instance.release();
    },
  };
}
