import { execFile } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { chown, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { type PostgresPlace, placePostgres } from './postgres-place.js';
import { type Child, isRunning, spawnLogged, startOf, stopProcess, tailOf, whereabouts } from './processes.js';
import { keptSecret } from './state.js';

type Settings = {
  /** The folder that holds the data, the password and what else belongs to one stack. */
  home: string;
  port: number;
  logFile: string;
  /** False gives up safety against power cuts for speed: for tests only. */
  isDurable?: boolean;
  /** Told of the process before it serves, so that it can be stopped whatever happens to us. */
  onSpawn?: (child: Child) => void;
};

const run = promisify(execFile);
const USER = 'reelay';
const DATABASE = 'reelay';
/** A server that was killed leaves memory and files behind that its successor may have to wait for. */
const RETRY_FOR_MS = 10_000;
const RETRY_EVERY_MS = 250;
const READY_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 25;
const LOCK_IS_EMPTY_FOR_MS = 1_000;
/** Running sessions are cut, nothing committed is lost. */
export const FAST_SHUTDOWN = { signal: 'SIGINT', patienceMs: 10_000 } as const;

/**
 * Starts the embedded PostgreSQL, making its data folder at the first time, and waits until it answers. A server that an earlier, killed
 * run left behind on the same data is stopped first.
 */
export async function startPostgres(settings: Settings): Promise<Child & { url: string }> {
  const { home, port, logFile, isDurable = true } = settings;
  const place = await placePostgres(home);
  const password = keptSecret(join(home, 'postgres-password'));
  await stopOrphan(place.dataFolder);
  if (place.isLeftOver) await rm(place.dataFolder, { recursive: true });
  if (!existsSync(join(place.dataFolder, 'PG_VERSION'))) await makeDataFolder({ place, password, isDurable });

  const giveUpAtMs = Date.now() + RETRY_FOR_MS;
  for (;;) {
    const child = await spawnServer({ place, port, logFile, isDurable });
    settings.onSpawn?.(child);
    const url = (database: string) => `postgres://${USER}:${password}@127.0.0.1:${port}/${database}`;
    if (await answers(url('postgres'), child)) {
      await makeDatabase(url('postgres'));
      return { ...child, url: url(DATABASE) };
    }
    await stopProcess(child, FAST_SHUTDOWN);
    if (Date.now() > giveUpAtMs) throw new Error(`PostgreSQL did not start. Its last words:\n${tailOf(logFile)}`);
    await pause(RETRY_EVERY_MS);
  }
}

type Initial = { place: PostgresPlace; password: string; isDurable: boolean };

async function makeDataFolder({ place, password, isDurable }: Initial): Promise<void> {
  const draft = `${place.dataFolder}.new`;
  await rm(draft, { recursive: true, force: true });
  const secretFolder = await mkdtemp(join(tmpdir(), 'reelay-'));
  const passwordFile = join(secretFolder, 'password');
  try {
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (place.user) for (const path of [secretFolder, passwordFile]) await chown(path, place.user.uid, place.user.gid);
    const access = ['--username', USER, '--auth', 'scram-sha-256', '--pwfile', passwordFile];
    const texts = ['--encoding', 'UTF8', '--locale', 'C', '--no-instructions'];
    const args = ['--pgdata', draft, ...access, ...texts, ...(isDurable ? [] : ['--no-sync'])];
    await run(join(place.native, 'bin', 'initdb'), args, { ...place.user, cwd: '/', env: serverEnvironment() });
  } finally {
    await rm(secretFolder, { recursive: true, force: true });
  }
  await rename(draft, place.dataFolder);
}

type Server = { place: PostgresPlace; port: number; logFile: string; isDurable: boolean };

function spawnServer({ place, port, logFile, isDurable }: Server): Promise<Child> {
  const switchOf = (isOn: boolean) => (isOn ? 'on' : 'off');
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: '128MB',
    fsync: switchOf(isDurable),
    synchronous_commit: switchOf(isDurable),
    full_page_writes: switchOf(isDurable),
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_line_prefix: '%m [%p] ',
  };
  const args = ['-D', place.dataFolder];
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);
  const command = join(place.native, 'bin', 'postgres');
  return spawnLogged({ command, args, env: serverEnvironment(), logFile, cwd: '/', user: place.user });
}

/** Nothing of ours concerns the server, and `PG*` variables of the operator would confuse it. */
const serverEnvironment = () => ({ PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' });

/** Waits until the server answers; false when it ends before. */
async function answers(url: string, child: Child): Promise<boolean> {
  const giveUpAtMs = Date.now() + READY_WITHIN_MS;
  while (isRunning(child) && Date.now() < giveUpAtMs) {
    const isAnswering = await withClient(url, (client) => client.query('select 1')).then(
      () => true,
      () => false,
    );
    if (isAnswering) return true;
    await pause(LOOK_EVERY_MS);
  }
  return false;
}

async function makeDatabase(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`create database ${DATABASE}`);
  });
}

async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {}); // a server that goes away meanwhile fails the query, not the process
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Stops a server that still runs on this data folder, as its `postmaster.pid` says and the process itself confirms. */
async function stopOrphan(dataFolder: string): Promise<void> {
  const file = join(dataFolder, 'postmaster.pid');
  if (!existsSync(file)) return;
  const pid = await pidIn(file);
  // Killed before it had written there: no server starts over such a remnant.
  if (pid === undefined) return rm(file, { force: true });
  const startedAt = startOf(pid);
  if (!startedAt || !whereabouts(pid).includes(realpathSync(dataFolder))) return;
  await stopProcess({ pid, startedAt }, FAST_SHUTDOWN);
}

/** The number in a lock file, which has none for a moment while its server starts, and for good when it is killed in that moment. */
async function pidIn(file: string): Promise<number | undefined> {
  const giveUpAtMs = Date.now() + LOCK_IS_EMPTY_FOR_MS;
  for (;;) {
    const pid = existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Number.NaN;
    if (!Number.isNaN(pid)) return pid;
    if (Date.now() > giveUpAtMs) return undefined;
    await pause(LOOK_EVERY_MS);
  }
}
