import { errorCatalogue } from '../../../contract/errors.js';
import { dialectId, type Job } from '../../jobs.js';
import type { Accepted, Result, Status } from './schemas.js';

/** How long a link works that an answer tells of. */
export const LINK_LIFETIME_SECONDS = 24 * 60 * 60;

const CANCELED = 'The request was canceled.';
const MS_PER_SECOND = 1_000;

function requestIdOf(job: Job): string {
  return dialectId('sora-video', job.id);
}

export function acceptedAnswer(job: Job, { publicUrl }: { publicUrl: string }): Accepted {
  const id = requestIdOf(job);
  return { request_id: id, status: 'QUEUED', polling_url: `${publicUrl}/v2/requests/status/${id}` };
}

/** A job as the status call of the queue tells it. */
export function statusAnswer(job: Job): Status {
  const { createdAt, startedAt, finishedAt, videos } = job;
  const links = linksOf(job);
  return {
    request_id: requestIdOf(job),
    status: statusWordOf(job),
    model_id: 'sora-video',
    error: errorTextOf(job),
    output: links.length > 0 ? { media_url: links, media_type: videos[0]?.contentType ?? 'video/mp4' } : null,
    created_at: createdAt.toISOString(),
    updated_at: (finishedAt ?? startedAt ?? createdAt).toISOString(),
    completed_at: finishedAt?.toISOString() ?? null,
  };
}

const nativeWords = {
  QUEUED: 'queued',
  PROCESSING: 'processing',
  COMPLETED: 'completed',
  FAILED: 'failed',
  ERROR: 'error',
} as const satisfies Record<Status['status'], Result['status']>;

/** A job as the model's own result call tells it. */
export function resultAnswer(job: Job): Result {
  const { createdAt, startedAt, finishedAt } = job;
  const ranMs = finishedAt && finishedAt.getTime() - (startedAt ?? finishedAt).getTime();
  const error = errorTextOf(job);
  return {
    id: dialectId('video', job.id),
    status: nativeWords[statusWordOf(job)],
    model: job.model,
    prompt: job.request.prompt,
    created_at: createdAt.getTime(),
    completed_at: finishedAt?.getTime() ?? null,
    video_url: linksOf(job)[0] ?? null,
    ...(error !== null && { error }),
    metadata: {
      total_attempts: job.attempts,
      polling_duration_seconds: ranMs === null ? null : Math.round(ranMs / MS_PER_SECOND),
    },
  };
}

/** The page: `ERROR` is a fault of the system, for which nobody pays. Every other end without a video is `FAILED`. */
function statusWordOf({ state, error }: Job): Status['status'] {
  switch (state) {
    case 'queued':
      return 'QUEUED';
    case 'running':
      return 'PROCESSING';
    case 'succeeded':
      return 'COMPLETED';
    case 'failed':
      return error && errorCatalogue[error.code].fault === 'caller' ? 'FAILED' : 'ERROR';
    case 'canceled':
      return 'FAILED';
  }
}

function errorTextOf({ state, error }: Job): string | null {
  return state === 'canceled' ? CANCELED : (error?.message ?? null);
}

function linksOf({ videos }: Job): string[] {
  return videos.flatMap(({ link }) => (link ? [link.url] : []));
}
