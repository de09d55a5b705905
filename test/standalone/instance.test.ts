import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AlreadyRunningError, claimHome, isSupervised } from '../../standalone/instance.js';
import { type Child, isRunning, spawnLogged, stopProcess } from '../../standalone/processes.js';

describe('claimHome', () => {
  let home = '';
  const children: Child[] = [];
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'reelay-home-'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await stopProcess(child, { signal: 'SIGKILL' });
    rmSync(home, { recursive: true });
  });

  async function sleeper(): Promise<Child> {
    const args = ['-e', 'setInterval(() => {}, 1000)'];
    const child = await spawnLogged({ command: process.execPath, args, env: {}, logFile: join(home, 'log') });
    children.push(child);
    return child;
  }

  /** As if the holder of the lock had been killed. */
  function forgetHolder(): void {
    const lock = join(home, 'supervisor.lock');
    const holder = JSON.parse(readFileSync(lock, 'utf8'));
    writeFileSync(lock, JSON.stringify({ ...holder, supervisor: { pid: process.pid, startedAt: 'long ago' } }));
  }

  it('lets one supervisor have a home, until it is released', async () => {
    const instance = await claimHome(home);
    expect(isSupervised(home)).toBe(true);
    await expect(claimHome(home)).rejects.toThrow(AlreadyRunningError);
    instance.release();
    expect(isSupervised(home)).toBe(false);
    (await claimHome(home)).release();
  });

  it('stops what a killed supervisor left running', async () => {
    const orphan = await sleeper();
    (await claimHome(home)).record('temporal', orphan);
    forgetHolder();
    expect(isSupervised(home)).toBe(false);
    (await claimHome(home)).release();
    expect(isRunning(orphan)).toBe(false);
  });

  it('leaves the processes of another home alone when their record was copied from there', async () => {
    const foreign = await sleeper();
    const original = mkdtempSync(join(tmpdir(), 'reelay-home-'));
    (await claimHome(original)).record('temporal', foreign);
    for (const name of ['processes.json', 'supervisor.lock']) {
      writeFileSync(join(home, name), readFileSync(join(original, name)));
    }
    (await claimHome(home)).release();
    expect(isRunning(foreign)).toBe(true);
    rmSync(original, { recursive: true });
  });

  it('tells the numbers of the processes that run now', async () => {
    const instance = await claimHome(home);
    instance.record('api', { pid: 1234, startedAt: '1' });
    instance.record('api', { pid: 1235, startedAt: '2' });
    expect(instance.pids()).toEqual({ supervisor: process.pid, api: 1235 });
    instance.release();
  });
});
