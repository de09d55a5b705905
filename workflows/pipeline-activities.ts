import type { ActivityOptions } from '@temporalio/common';
import { proxyActivities } from '@temporalio/workflow';
import type { PipelineActivities } from '../activities/index.js';
import type { VideoPipelineInput } from '../contract/pipeline-plan.js';
import { mediaQueue, workflowQueue } from '../contract/queues.js';
import type { TerminalState } from '../contract/states.js';

const SECOND_MS = 1_000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;
/** Other files may have their turn first, and a worker may be away. */
const TURNS = 4;
/** A worker that dies is noticed after this long, where waiting for the whole work would be too long. */
const HEARTBEAT_MS = 5 * SECOND_MS;
const RETRY_FOR_EVER = { initialInterval: 200, backoffCoefficient: 2, maximumInterval: 10 * SECOND_MS };

type Advance = { begin: string[]; skip?: string[]; cancel?: string[]; fail?: string[]; mayDelay?: boolean };

/** The steps of a pipeline as activities: on which queue each runs, for how long, and what Temporal's Web UI calls it. */
export function createPipelineSteps({ pipelineId, workspaceId, run, mediaTimeoutMs }: VideoPipelineInput) {
  const on = (options: ActivityOptions) =>
    proxyActivities<PipelineActivities>({ retry: RETRY_FOR_EVER, priority: { fairnessKey: workspaceId }, ...options });

  return {
    /** Writes down what has ended or is passed over, and begins what is named. */
    advance({ begin, skip = [], cancel = [], fail = [], mayDelay = false }: Advance) {
      const { advancePipeline } = on({
        taskQueue: workflowQueue,
        summary: summaryOf({ begin, skip, cancel }),
        startToCloseTimeout: 60 * SECOND_MS,
        scheduleToCloseTimeout: 7 * DAY_MS,
        heartbeatTimeout: HEARTBEAT_MS,
      });
      return advancePipeline({ pipelineId, run, begin, skip, cancel, fail, mayDelay });
    },

    makeFile(step: string) {
      const { makeStepFile } = on({
        taskQueue: mediaQueue,
        summary: step,
        startToCloseTimeout: mediaTimeoutMs,
        scheduleToCloseTimeout: TURNS * mediaTimeoutMs,
        heartbeatTimeout: HEARTBEAT_MS,
      });
      return makeStepFile({ pipelineId, step });
    },

    answer(step: string) {
      const { answerApproval } = on({
        taskQueue: workflowQueue,
        summary: `answer of ${step}`,
        startToCloseTimeout: 10 * SECOND_MS,
        scheduleToCloseTimeout: 7 * DAY_MS,
      });
      return answerApproval({ pipelineId, step });
    },

    finish(state: TerminalState) {
      const { finishPipeline } = on({
        taskQueue: workflowQueue,
        summary: `finish: ${state}`,
        startToCloseTimeout: 10 * SECOND_MS,
        scheduleToCloseTimeout: 7 * DAY_MS,
      });
      return finishPipeline({ pipelineId, run, state });
    },
  };
}

const MAX_SUMMARY_CHARACTERS = 200;

function summaryOf(does: { begin: string[]; skip: string[]; cancel: string[] }): string {
  const parts = Object.entries(does).flatMap(([verb, names]) =>
    names.length > 0 ? [`${verb} ${names.join(', ')}`] : [],
  );
  return parts.join('; ').slice(0, MAX_SUMMARY_CHARACTERS) || 'look';
}
