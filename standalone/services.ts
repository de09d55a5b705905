import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findProjectRoot } from '../runtime/root.js';
import { type Child, spawnLogged, tailOf } from './processes.js';

type Service = {
  part: 'api' | 'worker' | 'sandbox';
  env: NodeJS.ProcessEnv;
  logFile: string;
  onSpawn: (child: Child) => void;
};

const HEALTHY_WITHIN_MS = 60_000;
const ANSWER_WITHIN_MS = 2_000;
const LOOK_EVERY_MS = 50;

/** Starts one of our own processes and waits for its word that it does its work. It ends by itself when the channel to us closes. */
export async function startService({ part, env, logFile, onSpawn }: Service): Promise<Child> {
  const main = join(findProjectRoot(), 'dist', part, 'main.js');
  const child = await spawnLogged({
    command: process.execPath,
    args: ['--enable-source-maps', main],
    env,
    logFile,
    cwd: findProjectRoot(),
    withChannel: true,
  });
  onSpawn(child);
  const ready = new Promise<undefined>((resolve) => {
    child.process.on('message', (message) => {
      if (message === 'ready') resolve(undefined);
    });
  });
  const how = await Promise.race([ready, child.ended]);
  if (how) throw new Error(`The ${part} ${how}. Its last words:\n${tailOf(logFile)}`);
  return child;
}

/** Waits until an address answers 200. */
export async function untilHealthy(url: URL): Promise<void> {
  const giveUpAtMs = Date.now() + HEALTHY_WITHIN_MS;
  while (!(await isHealthy(url))) {
    if (Date.now() > giveUpAtMs) throw new Error(`${url.href} was not healthy within ${HEALTHY_WITHIN_MS} ms.`);
    await pause(LOOK_EVERY_MS);
  }
}

export async function isHealthy(url: URL): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
