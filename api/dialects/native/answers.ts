import type { z } from 'zod';
import { formatUsd } from '../../../contract/money.js';
import { isTerminal } from '../../../contract/states.js';
import { type Attempt, isFileId, type Job, type LiveWorkflow, type UsageReport } from '../../jobs.js';
import type { attemptSchema, jobSchema, liveSchema, usageReportSchema } from './answer-schemas.js';

const DEFAULT_POLL_SECONDS = 5;

type JobAnswer = z.infer<typeof jobSchema>;

type JobAnswerOptions = {
  /** Omixa's own routes know no `queued`: there a job runs from the start. */
  showsQueued: boolean;
  publicUrl: string;
  temporalLink: string | undefined;
};

/** A job in Omixa's words and ours. */
export function jobAnswer(job: Job, { showsQueued, publicUrl, temporalLink }: JobAnswerOptions): JobAnswer {
  const self = `${publicUrl}/api/v1/videos/jobs/${job.id}`;
  return {
    provider: job.provider,
    model: job.model,
    status: job.state === 'queued' && !showsQueued ? 'running' : job.state,
    operation: job.id,
    poll_after_seconds: isTerminal(job.state) ? 0 : (job.request.pollIntervalSeconds ?? DEFAULT_POLL_SECONDS),
    data: job.videos.map(videoAnswer),
    id: job.id,
    video_operation: job.operation,
    phase: job.phase,
    progress: job.progress,
    created_at: job.createdAt,
    started_at: job.startedAt,
    finished_at: job.finishedAt,
    request: requestAnswer(job),
    cost: {
      currency: 'USD',
      held: formatUsd(job.heldMicros),
      captured: job.capturedMicros === null ? null : formatUsd(job.capturedMicros),
    },
    attempts: job.attempts,
    cancel_requested: job.isCancelRequested,
    provider_cancel: job.providerCancel,
    extension: job.extension,
    pipeline: job.pipeline,
    error: job.error,
    links: {
      self,
      content: job.state === 'succeeded' ? `${self}/content` : null,
      events: `${self}/events`,
      attempts: `${self}/attempts`,
      live: `${self}/live`,
      ...(temporalLink !== undefined && { temporal: temporalLink }),
    },
  };
}

/** Also of a still. */
export function videoAnswer({ link, ...video }: Job['videos'][number]): JobAnswer['data'][number] {
  return {
    url: link?.url ?? null,
    content_type: video.contentType,
    expires_at: link?.expiresAt ?? null,
    bytes: video.bytes,
    sha256: video.sha256,
    width: video.width,
    height: video.height,
    duration_seconds: video.durationSeconds,
  };
}

/** What was asked for, with defaults filled in. Fields that were not asked for are left out. */
function requestAnswer({ request, callbackUrl }: Job): JobAnswer['request'] {
  return {
    prompt: request.prompt,
    negative_prompt: request.negativePrompt,
    duration_seconds: request.durationSeconds,
    size: request.size && `${request.size.width}x${request.size.height}`,
    aspect_ratio: request.aspectRatio,
    sample_count: request.variants,
    seed: request.seed,
    generate_audio: request.generateAudio,
    enhance_prompt: request.enhancePrompt,
    person_generation: request.personGeneration,
    wait_seconds: request.waitSeconds,
    poll_interval_seconds: request.pollIntervalSeconds,
    deadline_seconds: request.deadlineSeconds,
    source_video: sourceAnswer(request),
    callback_url: callbackUrl ?? undefined,
  };
}

/** What is neither is of a pipeline, and has no id that a caller could use. */
function sourceAnswer({ inputs: { sourceVideo } }: Job['request']): string | undefined {
  const { jobId, artifactId = '' } = sourceVideo ?? {};
  return jobId ?? (isFileId(artifactId) ? artifactId : undefined);
}

/** One try at one provider. Its cost, its task and the provider's own words are for operators. */
export function attemptAnswer(
  attempt: Attempt,
  { isOperator }: { isOperator: boolean },
): z.infer<typeof attemptSchema> {
  const { failure } = attempt;
  const answer = {
    number: attempt.number,
    provider: attempt.account,
    state: attempt.state,
    started_at: attempt.intended_at,
    answered_at: attempt.answered_at,
    finished_at: attempt.finished_at,
  };
  if (!isOperator) return answer;
  return {
    ...answer,
    upstream_model: attempt.upstream_model,
    task_id: attempt.task?.id ?? null,
    cost: { currency: 'USD', provider: formatUsd(attempt.cost_micros) },
    charged: attempt.charged,
    failure: failure && {
      class: failure.class,
      message: failure.message,
      provider_code: failure.providerCode ?? null,
      excerpt: failure.excerpt ?? null,
    },
  };
}

export function liveAnswer({ workflow, pending }: LiveWorkflow): z.infer<typeof liveSchema> {
  return {
    workflow: workflow && {
      status: workflow.status,
      history_events: workflow.historyEvents,
      state: workflow.state && {
        step: workflow.state.step,
        phase: workflow.state.phase,
        attempt: workflow.state.attempt,
        provider: workflow.state.provider,
        cancel_requested: workflow.state.isCancelRequested,
        provider_cancel: workflow.state.providerCancel,
        story: workflow.state.story,
      },
    },
    pending: pending.map(({ activity, attempt, nextLookAt, lastFailure }) => ({
      activity,
      attempt,
      next_look_at: nextLookAt,
      last_failure: lastFailure,
    })),
  };
}

export function usageAnswer(
  { rows, balance }: UsageReport,
  { from, to }: { from: Date; to: Date },
): z.infer<typeof usageReportSchema> {
  const sum = (of: (row: UsageReport['rows'][number]) => number) => rows.reduce((total, row) => total + of(row), 0);
  return {
    object: 'usage',
    from,
    to,
    currency: 'USD',
    data: rows.map((row) => ({
      day: row.day,
      model: row.model,
      api_key_id: row.apiKeyId,
      jobs: row.jobs,
      succeeded: row.succeeded,
      failed: row.failed,
      canceled: row.canceled,
      delivered_seconds: row.deliveredSeconds,
      captured: formatUsd(row.capturedMicros),
    })),
    totals: {
      jobs: sum((row) => row.jobs),
      succeeded: sum((row) => row.succeeded),
      failed: sum((row) => row.failed),
      canceled: sum((row) => row.canceled),
      delivered_seconds: sum((row) => row.deliveredSeconds),
      captured: formatUsd(sum((row) => row.capturedMicros)),
    },
    balance: {
      available: formatUsd(balance.availableMicros),
      held: formatUsd(balance.heldMicros),
      reserved: formatUsd(balance.reservedMicros),
    },
  };
}
