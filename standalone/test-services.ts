import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { z } from 'zod';
import { findProjectRoot } from '../runtime/root.js';
import { migrate } from '../store/migrate.js';
import { startTemporal } from './engine.js';
import { findProgram } from './find-program.js';
import { freePort } from './ports.js';
import { FAST_SHUTDOWN, startPostgres } from './postgres.js';
import { removePostgres } from './postgres-place.js';
import { type Child, isRunning, startOf, stopProcess } from './processes.js';
import { temporalCli } from './releases.js';
import { writePrivate } from './state.js';

/**
 * The PostgreSQL and the Temporal server of one test run, in a process of its own: it tells its parent the addresses, and stops both when
 * the parent asks for it or is gone. Every run has a folder, so that two runs in one clone do not meet.
 */
const processSchema = z.object({ pid: z.number(), startedAt: z.string() });
const recordSchema = z.object({ owner: processSchema, services: z.array(processSchema) });

const runs = join(findProjectRoot(), '.reelay', 'test');
const home = join(runs, `run-${process.pid}`);
const owner = { pid: process.pid, startedAt: startOf(process.pid) ?? '' };
const services: Child[] = [];

/** The server counts a build's last jobs after three minutes, and every three minutes. */
const quickDraining = {
  'matching.wv.VersionDrainageStatusVisibilityGracePeriod': '"1s"',
  'matching.wv.VersionDrainageStatusRefreshInterval': '"1s"',
};

let isStopping = false;
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void stop());
process.on('disconnect', () => void stop());
process.on('message', (message) => {
  if (message === 'stop') void stop();
});

await removeLeftovers();
mkdirSync(home, { recursive: true });
record();
const [databaseUrl, temporalAddress] = await Promise.all([startDatabase(), startEngine()]);
process.send?.({ databaseUrl, temporalAddress });

async function startDatabase(): Promise<string> {
  const postgres = await startPostgres({
    home,
    port: await freePort(),
    logFile: join(home, 'postgres.log'),
    isDurable: false,
    onSpawn: keep,
  });
  const template = new URL(postgres.url);
  template.pathname = '/reelay_template';
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query('create database reelay_template');
  await client.end();
  await migrate(template.href);
  return postgres.url;
}

async function startEngine(): Promise<string> {
  const program = await findProgram(temporalCli, { say: (text) => process.stderr.write(`reelay: ${text}\n`) });
  const port = await freePort();
  await startTemporal({ program, port, logFile: join(home, 'temporal.log'), onSpawn: keep, moreConfig: quickDraining });
  return `127.0.0.1:${port}`;
}

function keep(child: Child): void {
  services.push(child);
  record();
  if (isStopping) void stopProcess(child);
}

function record(): void {
  const started = services.map(({ pid, startedAt }) => ({ pid, startedAt }));
  writePrivate(join(home, 'processes.json'), JSON.stringify({ owner, services: started }));
}

async function stop(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  await Promise.all(services.map((child) => stopProcess(child, FAST_SHUTDOWN)));
  await removePostgres(home);
  await rm(home, { recursive: true, force: true });
  process.exit(0);
}

/** What runs that were killed left behind: their processes, if they still are the recorded ones, and their folders. */
async function removeLeftovers(): Promise<void> {
  for (const name of existsSync(runs) ? readdirSync(runs) : []) {
    const folder = join(runs, name);
    const file = join(folder, 'processes.json');
    if (!existsSync(file)) continue; // just being made by another run
    const left = recordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    if (isRunning(left.owner)) continue;
    await Promise.all(left.services.map((service) => stopProcess(service, { patienceMs: 3_000 })));
    await removePostgres(folder);
    await rm(folder, { recursive: true, force: true });
  }
}
