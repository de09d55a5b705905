import { setTimeout as pause } from 'node:timers/promises';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Logger } from '../runtime/logger.js';
import type { Callbacks, Wake } from '../store/callbacks.js';
import { providerCallback } from '../workflows/messages.js';
import type { Calls } from './calls.js';

type Deps = { callbacks: Callbacks; client: Client; calls: Calls; logger: Logger };

const LOOK_EVERY_MS = 1_000;
const BATCH = 200;
const AT_ONCE = 16;

/**
 * Wakes the workflows whose providers called back. Beside the dispatcher's own round, which may wait for its turn to start jobs: whoever is
 * woken here has a finished video to fetch.
 */
export function createCallbackDelivery({ callbacks, client, calls, logger }: Deps) {
  const stopping = new AbortController();
  let isWoken = false;
  let interruptPause = () => {};
  let running: Promise<void> = Promise.resolve();

  return {
    start(): void {
      running = run();
    },
    /** A callback was kept: deliver it now instead of at the next second. */
    wake(): void {
      isWoken = true;
      interruptPause();
    },
    async close(): Promise<void> {
      stopping.abort();
      interruptPause();
      await running;
    },
  };

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      isWoken = false;
      const mayBeMore = await round().catch((error: unknown) => {
        if (!stopping.signal.aborted) logger.warn({ err: error }, 'delivering callbacks failed; it is tried again');
        return false;
      });
      if (!mayBeMore && !isWoken) await rest();
    }
  }

  async function round(): Promise<boolean> {
    await callbacks.adoptEarly();
    const wakes = await callbacks.claim(BATCH);
    const left = [...wakes];
    const delivered: Wake[] = [];
    const lane = async () => {
      for (let wake = left.shift(); wake; wake = left.shift()) {
        try {
          await calls.soon(() => signal(wake));
        } catch (error) {
          left.length = 0;
          throw error;
        }
        delivered.push(wake);
      }
    };
    const lanes = await Promise.allSettled(Array.from({ length: AT_ONCE }, lane));
    if (delivered.length > 0) await callbacks.markDelivered(delivered);
    const failure = lanes.find((ended) => ended.status === 'rejected');
    if (!failure) return wakes.length === BATCH;
    await callbacks.release(wakes.filter((wake) => !delivered.includes(wake)));
    throw failure.reason;
  }

  async function signal({ jobId, attempt }: Wake): Promise<void> {
    try {
      await client.workflow.getHandle(jobId).signal(providerCallback, { attempt });
    } catch (error) {
      // It has ended, or is started again and looks by itself.
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }

  async function rest(): Promise<void> {
    const waking = new AbortController();
    interruptPause = () => waking.abort();
    if (!stopping.signal.aborted) await pause(LOOK_EVERY_MS, undefined, { signal: waking.signal }).catch(() => {});
    interruptPause = () => {};
  }
}
