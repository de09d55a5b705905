import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Logger } from '../runtime/logger.js';
import type { Callbacks, Wake } from '../store/callbacks.js';
import { providerCallback } from '../workflows/messages.js';
import type { Calls } from './calls.js';
import { createRounds } from './rounds.js';

type Deps = { callbacks: Callbacks; client: Client; calls: Calls; logger: Logger };

const LOOK_EVERY_MS = 1_000;
const BATCH = 200;
const AT_ONCE = 16;

/**
 * Wakes the workflows whose providers called back. Beside the dispatcher's own round, which may wait for its turn to start jobs: whoever is
 * woken here has a finished video to fetch.
 */
export function createCallbackDelivery({ callbacks, client, calls, logger }: Deps) {
  return createRounds({ what: 'delivering callbacks', everyMs: LOOK_EVERY_MS, logger, round });

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
}
