import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { crashPoint } from '../runtime/crash-points.js';
import type { Logger } from '../runtime/logger.js';
import { registerSearchAttributes } from '../runtime/temporal.js';
import type { Callbacks } from '../store/callbacks.js';
import type { DispatchQueue, JobToStart } from '../store/dispatch-queue.js';
import type { Settlement } from '../store/settlement.js';
import type { SweepList } from '../store/sweep.js';
import { createCallbackDelivery } from './callbacks.js';
import { createCalls, isRefused } from './calls.js';
import { deliverCancel } from './cancel.js';
import { createPipelineDispatch, type PipelineDispatchDeps } from './pipelines.js';
import { startWorkflow } from './start.js';
import { sweepLostWorkflows } from './sweep.js';
import { createTokenBucket } from './token-bucket.js';
import { createWebhookDispatch, type WebhookDispatchDeps } from './webhooks.js';

type Deps = {
  queue: DispatchQueue;
  sweepList: SweepList;
  settlement: Settlement;
  callbacks: Callbacks;
  webhooks: WebhookDispatchDeps['webhooks'];
  pipelines: PipelineDispatchDeps['pipelines'];
  client: Client;
  logger: Logger;
  /** A burst of accepted jobs is started at this rate, so that it does not make running jobs late. */
  startsPerSecond: number;
  /** How often each open job's workflow is looked for. */
  sweepIntervalMs: number;
};

export type Dispatcher = {
  start(): void;
  /** Something was accepted, cancelled or is to be told: look now instead of at the next second. */
  wake(): void;
  /** A provider called back: tell the workflow now instead of at the next second. */
  deliverCallbacks(): void;
  close(): Promise<void>;
};

const LOOK_EVERY_MS = 1_000;
const BATCH = 50;

/**
 * Makes Temporal agree with the rows: starts jobs that have no workflow yet, delivers cancels, and starts those again whose workflow
 * was lost. It is the only thing that does, so accepting a job needs no Temporal, and what one process left undone another finds
 * within a second.
 */
export function createDispatcher(deps: Deps): Dispatcher {
  const { queue, settlement, client, logger, startsPerSecond, sweepIntervalMs } = deps;
  const bucket = createTokenBucket(startsPerSecond);
  const stopping = new AbortController();
  const calls = createCalls(client);
  const callbackDelivery = createCallbackDelivery({ ...deps, calls });
  const webhookDispatch = createWebhookDispatch({ ...deps, calls, prepareTemporal });
  const pipelineDispatch = createPipelineDispatch({ ...deps, calls, prepareTemporal });
  let isWoken = false;
  let interruptPause = () => {};
  let running: Promise<unknown> = Promise.resolve();

  return {
    start() {
      callbackDelivery.start();
      webhookDispatch.start();
      pipelineDispatch.start();
      running = Promise.all([run(), sweepNowAndThen()]);
    },
    wake() {
      isWoken = true;
      interruptPause();
      webhookDispatch.wake();
      pipelineDispatch.wake();
    },
    deliverCallbacks: () => callbackDelivery.wake(),
    async close() {
      stopping.abort();
      calls.close();
      interruptPause();
      await Promise.all([running, callbackDelivery.close(), webhookDispatch.close(), pipelineDispatch.close()]);
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
    await prepareTemporal(failure.reason);
    return false;
  }

  async function start(job: JobToStart): Promise<void> {
    await calls.soon(() => startWorkflow(client, job));
    await crashPoint('S2', { jobId: job.id });
  }

  /** A cancel that cannot be delivered now waits for the next round, and keeps no job from being started. */
  async function deliverCancels(): Promise<void> {
    for (const { id, may_have_workflow: mayHaveWorkflow } of await queue.cancelRequests()) {
      try {
        await calls.soon(() => deliverCancel({ client, queue, settlement, jobId: id, mayHaveWorkflow }));
      } catch (error) {
        logger.warn({ err: error, jobId: id }, 'a cancel could not be delivered; it is tried again');
        return;
      }
    }
  }

  async function sweepNowAndThen(): Promise<void> {
    const { signal } = stopping;
    const mayStart = async () => (await bucket.take(1, signal)) > 0;
    while (!signal.aborted) {
      await pause(sweepIntervalMs, undefined, { signal }).catch(() => {});
      try {
        if (signal.aborted) return;
        await sweepLostWorkflows({ ...deps, calls, intervalMs: sweepIntervalMs, mayStart }, signal);
        await webhookDispatch.sweep({ intervalMs: sweepIntervalMs });
        await pipelineDispatch.sweep({ intervalMs: sweepIntervalMs });
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error }, 'a sweep for lost workflows failed; it is tried again');
        await prepareTemporal(error);
      }
    }
  }

  /** A server that has lost its file knows none of our search attributes, and refuses every workflow until it does. */
  async function prepareTemporal(failure: unknown): Promise<void> {
    if (!isRefused(failure)) return;
    await calls
      .soon(() => registerSearchAttributes(client, logger))
      .catch((error: unknown) => logger.warn({ err: error }, 'search attributes could not be registered'));
  }

  async function rest(ms: number): Promise<void> {
    const waking = new AbortController();
    interruptPause = () => waking.abort();
    if (!stopping.signal.aborted) await pause(ms, undefined, { signal: waking.signal }).catch(() => {});
    interruptPause = () => {};
  }
}
