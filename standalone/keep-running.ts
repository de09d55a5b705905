import { setTimeout as pause } from 'node:timers/promises';
import { type Child, stopProcess } from './processes.js';

export type Stopping = { signal?: NodeJS.Signals; patienceMs?: number };

type Kept = {
  name: string;
  /** Starts the process and calls `onSpawn` as soon as there is one; may wait until it serves. */
  start: (onSpawn: (child: Child) => void) => Promise<Child>;
  onSpawn: (child: Child) => void;
  say: (text: string) => void;
  stopping?: Stopping;
};

export type KeptProcess = {
  /** Rejects when the very first start fails; later ones are repeated. */
  started: Promise<void>;
  stop(): Promise<void>;
};

const SHORTEST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
/** A process that lived this long was well: its next death is met with the shortest pause again. */
const WELL_AFTER_MS = 10_000;

/** Starts a process, and starts it again whenever it dies, until it is stopped. */
export function keepRunning({ name, start, onSpawn, say, stopping }: Kept): KeptProcess {
  let current: Child | undefined;
  let isStopping = false;
  let pauseMs = SHORTEST_PAUSE_MS;
  const giveUp = new AbortController();

  const spawn = () =>
    start((child) => {
      current = child;
      onSpawn(child);
      if (isStopping) void stopProcess(child, stopping);
    });

  async function watch(first: Child): Promise<void> {
    let child: Child | undefined = first;
    while (child) {
      const startedAtMs = Date.now();
      const how: string = await child.ended;
      if (isStopping) return;
      if (Date.now() - startedAtMs > WELL_AFTER_MS) pauseMs = SHORTEST_PAUSE_MS;
      say(`${name} ${how}; it is started again`);
      child = await startAgain();
    }
  }

  async function startAgain(): Promise<Child | undefined> {
    for (;;) {
      await pause(pauseMs, undefined, { signal: giveUp.signal }).catch(() => undefined);
      if (isStopping) return undefined;
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      try {
        return await spawn();
      } catch (error) {
        if (isStopping) return undefined;
        say(`${name} could not be started: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  const firstStart = spawn();
  const watching = firstStart.then(watch, () => undefined);
  return {
    started: firstStart.then(() => undefined),
    async stop() {
      isStopping = true;
      giveUp.abort();
      if (current) await stopProcess(current, stopping);
      await watching;
    },
  };
}
