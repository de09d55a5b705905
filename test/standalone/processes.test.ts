import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { keepRunning } from '../../standalone/keep-running.js';
import { type Child, isRunning, spawnLogged, stopProcess } from '../../standalone/processes.js';
import { until } from '../support/until.js';

let folder = '';
const children: Child[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'reelay-processes-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) await stopProcess(child, { signal: 'SIGKILL' });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A Node process that runs `script`, and has said `up` when this resolves. */
async function startScript(script: string): Promise<Child & { logFile: string }> {
  const logFile = join(folder, `${children.length}.log`);
  rmSync(logFile, { force: true });
  const args = ['-e', `${script}; console.log('up'); setInterval(() => {}, 1000)`];
  const child = await spawnLogged({ command: process.execPath, args, env: {}, logFile });
  children.push(child);
  await until(() => readFileSync(logFile, 'utf8').includes('up'));
  return { ...child, logFile };
}

describe('stopProcess', () => {
  it('asks first', async () => {
    const { logFile, ...child } = await startScript(
      `process.on('SIGTERM', () => { console.log('asked'); process.exit() })`,
    );
    await stopProcess(child);
    expect(isRunning(child)).toBe(false);
    expect(readFileSync(logFile, 'utf8')).toContain('asked');
  });

  it('kills a process that does not listen, after the given patience', async () => {
    const child = await startScript(`process.on('SIGTERM', () => {})`);
    await stopProcess(child, { patienceMs: 100 });
    expect(await child.ended).toContain('SIGKILL');
  });

  it('leaves a process alone that only has the number of the recorded one', async () => {
    const child = await startScript('');
    await stopProcess({ pid: child.pid, startedAt: `${child.startedAt}0` });
    expect(isRunning(child)).toBe(true);
  });
});

describe('keepRunning', () => {
  function keep(script: string) {
    const spawned: Child[] = [];
    const said: string[] = [];
    const kept = keepRunning({
      name: 'part',
      start: async (onSpawn) => {
        const args = ['-e', script];
        const logFile = join(folder, 'kept.log');
        const child = await spawnLogged({ command: process.execPath, args, env: {}, logFile });
        children.push(child);
        onSpawn(child);
        return child;
      },
      onSpawn: (child) => spawned.push(child),
      say: (text) => said.push(text),
    });
    return { kept, spawned, said };
  }

  it('starts a process again that was killed, and says so', async () => {
    const { kept, spawned, said } = keep('setInterval(() => {}, 1000)');
    await kept.started;
    process.kill(spawned[0]?.pid ?? 0, 'SIGKILL');
    await until(() => spawned.length === 2);
    await kept.stop();
    expect(said).toEqual(['part was ended by SIGKILL; it is started again']);
    expect(spawned.map(isRunning)).toEqual([false, false]);
  });

  it('starts nothing again once it is stopped, even when the process dies all the time', async () => {
    const { kept, spawned } = keep('process.exit(1)');
    await kept.started;
    await until(() => spawned.length === 3);
    await kept.stop();
    const count = spawned.length;
    expect(spawned.map(isRunning)).not.toContain(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(spawned).toHaveLength(count);
  });

  it('reports that the very first start failed', async () => {
    const kept = keepRunning({
      name: 'part',
      start: async () => {
        throw new Error('no such program');
      },
      onSpawn: () => {},
      say: () => {},
    });
    await expect(kept.started).rejects.toThrow('no such program');
    await kept.stop();
  });
});
