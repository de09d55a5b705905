import type { ActivityOptions } from '@temporalio/common';
import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import type { Route, VideoJobInput } from '../contract/plan.js';
import { mediaQueue, providerQueue, workflowQueue } from '../contract/queues.js';
import type { ProviderCancel } from '../contract/states.js';
import type { JobEnding, Live, Outcome } from './job-state.js';

const SECOND_MS = 1_000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;

/** Room for recording an answer after the HTTP exchange: long where it is worth money, short where it can be asked for again. */
const RECORDING_MS = 15 * SECOND_MS;
const LOOK_RECORDING_MS = 2 * SECOND_MS;
/** A worker that dies is noticed after this long, where waiting for the whole exchange would be too long. */
const HEARTBEAT_MS = 5 * SECOND_MS;
/** A list has several pages. */
const LOOKS_PER_LIST = 4;
/** How long an operator has to decide, where the plan does not say. */
const HOLD_MS = 7 * DAY_MS;
const RETRY_FOR_EVER = { initialInterval: 200, backoffCoefficient: 2, maximumInterval: 10 * SECOND_MS };

type PollStep = { route: Route; live: Live; remainingMs: number; isFirstPoll: boolean };
type SubmitStep = { route: Route; attempt: number; remainingMs: number; maySkip: boolean };

/** The steps of one job as activities: on which queue each runs, for how long, and what Temporal's Web UI calls it. */
export function createSteps({ jobId, workspaceId, timing, unknownPolicy }: VideoJobInput) {
  const on = (options: ActivityOptions) =>
    proxyActivities<Activities>({ retry: RETRY_FOR_EVER, priority: { fairnessKey: workspaceId }, ...options });
  const { submitTimeoutMs, lookTimeoutMs } = timing;
  const listTimeoutMs = LOOKS_PER_LIST * lookTimeoutMs;
  const lostAnswer = { jobId, submitTimeoutMs, timeoutMs: lookTimeoutMs, listTimeoutMs };
  const graceOf = ({ canReconcile }: Route) => (canReconcile ? timing.reconcileGraceMs : timing.reconcileBlindGraceMs);

  return {
    submit({ route, attempt, remainingMs, maySkip }: SubmitStep): Promise<Outcome> {
      const { submitGeneration } = on({
        taskQueue: providerQueue(route.account),
        summary: `submit to ${route.account}, try ${attempt}`,
        startToCloseTimeout: timing.submitTimeoutMs + RECORDING_MS,
        scheduleToCloseTimeout: timing.submitTimeoutMs + RECORDING_MS + remainingMs,
        heartbeatTimeout: HEARTBEAT_MS,
      });
      return submitGeneration({ jobId, attempt, route, timeoutMs: submitTimeoutMs, maySkip, hearsCallbacks: true });
    },

    reconcile({ route, attempt }: { route: Route; attempt: number }): Promise<Outcome> {
      const { reconcileSubmission } = on({
        taskQueue: providerQueue(route.account),
        summary: `reconcile with ${route.account}, try ${attempt}`,
        startToCloseTimeout: listTimeoutMs + LOOK_RECORDING_MS,
        // The activity itself ends the grace time; this is the net under a worker that is away.
        scheduleToCloseTimeout: DAY_MS,
      });
      return reconcileSubmission({ ...lostAnswer, attempt, route, graceMs: graceOf(route), unknownPolicy });
    },

    /** The same question for as long as an operator has the word. */
    hold({ route, attempt }: { route: Route; attempt: number }): Promise<Outcome> {
      const { reconcileSubmission } = on({
        taskQueue: providerQueue(route.account),
        summary: `wait for an operator, try ${attempt}`,
        startToCloseTimeout: listTimeoutMs + LOOK_RECORDING_MS,
        scheduleToCloseTimeout: timing.holdMs ?? HOLD_MS,
      });
      return reconcileSubmission({ ...lostAnswer, attempt, route, graceMs: graceOf(route), isHeld: true });
    },

    poll({ route, live, remainingMs, isFirstPoll }: PollStep): Promise<Outcome> {
      const { pollTask } = on({
        taskQueue: providerQueue(route.account),
        summary: `poll ${route.account}, try ${live.attempt}`,
        startToCloseTimeout: timing.lookTimeoutMs + LOOK_RECORDING_MS,
        scheduleToCloseTimeout: Math.min(timing.stallMs, remainingMs),
      });
      const intervalMs = timing.lookIntervalMs ?? route.lookIntervalMs;
      const isCallersInterval = timing.lookIntervalMs !== null;
      return pollTask({ jobId, ...live, timeoutMs: lookTimeoutMs, intervalMs, isCallersInterval, isFirstPoll });
    },

    download({ live }: { live: Live }): Promise<Outcome> {
      const { downloadResult } = on({
        taskQueue: mediaQueue,
        summary: `download from ${live.task.account}, try ${live.attempt}`,
        startToCloseTimeout: timing.downloadTimeoutMs + RECORDING_MS,
        scheduleToCloseTimeout: 2 * timing.downloadTimeoutMs,
        heartbeatTimeout: HEARTBEAT_MS,
      });
      const { downloadTimeoutMs } = timing;
      return downloadResult({ jobId, ...live, timeoutMs: downloadTimeoutMs, lookTimeoutMs });
    },

    cancelAtProvider({ live }: { live: Live }): Promise<Outcome> {
      const { cancelTask } = on({
        taskQueue: providerQueue(live.task.account),
        summary: `cancel at ${live.task.account}, try ${live.attempt}`,
        startToCloseTimeout: timing.lookTimeoutMs + LOOK_RECORDING_MS,
        scheduleToCloseTimeout: 4 * (timing.lookTimeoutMs + LOOK_RECORDING_MS),
      });
      return cancelTask({ jobId, ...live, timeoutMs: timing.lookTimeoutMs });
    },

    lastLook({ live, isStalled }: { live: Live; isStalled: boolean }): Promise<Outcome> {
      const { lookOnce } = on({
        taskQueue: providerQueue(live.task.account),
        summary: `last look at ${live.task.account}, try ${live.attempt}`,
        startToCloseTimeout: timing.lookTimeoutMs + LOOK_RECORDING_MS,
        scheduleToCloseTimeout: 4 * (timing.lookTimeoutMs + LOOK_RECORDING_MS),
      });
      return lookOnce({ jobId, ...live, timeoutMs: timing.lookTimeoutMs, isStalled });
    },

    finish({ ending, providerCancel }: { ending: JobEnding; providerCancel: ProviderCancel | null }) {
      const { finishJob } = on({
        taskQueue: workflowQueue,
        summary: `finish: ${ending.state}`,
        startToCloseTimeout: 10 * SECOND_MS,
        scheduleToCloseTimeout: 7 * DAY_MS,
      });
      return finishJob({ jobId, ending, providerCancel });
    },
  };
}
