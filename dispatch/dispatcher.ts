import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { crashPoint } from '../runtime/crash-points.js';
import type { Logger } from '../runtime/logger.js';
import type { DispatchQueue, JobToStart } from '../store/dispatch-queue.js';
import type { Settlement } from '../store/settlement.js';
import { deliverCancel } from './cancel.js';
import { startWorkflow } from './start.js';
import { createTokenBucket } from './token-bucket.js';

type Deps = {
  queue: DispatchQueue;
  settlement: Settlement;
  client: Client;
  logger: Logger;
  /** A burst of accepted jobs is started at this rate, so that it does not make running jobs late. */
  startsPerSecond: number;
};

export type Dispatcher = {
  start(): void;
  /** Something was accepted or cancelled: look now instead of at the next second. */
  wake(): void;
  close(): Promise<void>;
};

const LOOK_EVERY_MS = 1_000;
const BATCH = 50;
/** One call to Temporal; well below the time that a claim lives. */
const CALL_MS = 5_000;

/**
 * Makes Temporal agree with the rows: starts jobs that have no workflow yet and delivers cancels. It is the only thing that does,
 * so accepting a job needs no Temporal, and what one process left undone another finds within a second.
 */
export function createDispatcher({ queue, settlement, client, logger, startsPerSecond }: Deps): Dispatcher {
  const bucket = createTokenBucket(startsPerSecond);
  const stopping = new AbortController();
  const calls = new Set<AbortController>();
  let isWoken = false;
  let interruptPause = () => {};
  let running: Promise<void> = Promise.resolve();

  return {
    start() {
      running = run();
    },
    wake() {
      isWoken = true;
      interruptPause();
    },
    async close() {
      stopping.abort();
      for (const call of calls) call.abort();
      interruptPause();
      await running;
    },
  };

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      isWoken = false;
      const mayBeMore = await round().catch((error: unknown) => {
        logger.warn({ err: error }, 'dispatching failed; it is tried again');
        return false;
      });
      if (!mayBeMore && !isWoken) await rest(LOOK_EVERY_MS);
    }
  }

  /** True when there may be more to do at once. */
  async function round(): Promise<boolean> {
    await deliverCancels();
    const tokens = await bucket.take(BATCH, stopping.signal);
    const jobs = tokens > 0 ? await queue.claim(tokens) : [];
    bucket.giveBack(tokens - jobs.length);
    if (jobs.length === 0) return false;

    const results = await Promise.allSettled(jobs.map((job) => start(job)));
    const idsOf = (status: PromiseSettledResult<unknown>['status']) =>
      jobs.filter((_, index) => results[index]?.status === status).map(({ id }) => id);
    const started = idsOf('fulfilled');
    if (started.length > 0) await queue.markDispatched(started);
    const failure = results.find((result) => result.status === 'rejected');
    if (!failure) return true;
    const unstarted = idsOf('rejected');
    logger.warn(
      { err: failure.reason, jobs: unstarted.length },
      'workflows could not be started; they are tried again',
    );
    await queue.release(unstarted);
    return false;
  }

  async function start(job: JobToStart): Promise<void> {
    await soon(() => startWorkflow(client, job));
    await crashPoint('S2', { jobId: job.id });
  }

  /** A cancel that cannot be delivered now waits for the next round, and keeps no job from being started. */
  async function deliverCancels(): Promise<void> {
    for (const { id, may_have_workflow: mayHaveWorkflow } of await queue.cancelRequests()) {
      try {
        await soon(() => deliverCancel({ client, queue, settlement, jobId: id, mayHaveWorkflow }));
      } catch (error) {
        logger.warn({ err: error, jobId: id }, 'a cancel could not be delivered; it is tried again');
        return;
      }
    }
  }

  /** The client would go on trying for minutes: a claim is given back long before it expires, and at once when we are told to stop. */
  async function soon<Result>(work: () => Promise<Result>): Promise<Result> {
    const { connection } = client;
    // One for each call: the client never takes its listener off a signal.
    const call = new AbortController();
    calls.add(call);
    try {
      return await connection.withAbortSignal(call.signal, () => connection.withDeadline(Date.now() + CALL_MS, work));
    } finally {
      calls.delete(call);
    }
  }

  async function rest(ms: number): Promise<void> {
    const waking = new AbortController();
    interruptPause = () => waking.abort();
    if (!stopping.signal.aborted) await pause(ms, undefined, { signal: waking.signal }).catch(() => {});
    interruptPause = () => {};
  }
}
