import { dialectId, type Job } from '../../jobs.js';
import { DEFAULT_SIZE, VIDEO_PREFIX, type Video, type VideoList } from './schemas.js';

/** How long the vendor keeps a finished video; here it stays longer, but nobody is promised more. */
const DOWNLOAD_WINDOW_SECONDS = 60 * 60;
const MS_PER_SECOND = 1_000;
/** Measured lengths are a few frames off what was asked for. */
const TOLERATED_SECONDS = 0.25;

const canceled = { code: 'canceled', message: 'The video was canceled.' };

export function videoIdOf(jobId: string): string {
  return dialectId(VIDEO_PREFIX, jobId);
}

/** A job in the words of OpenAI's Videos. */
export function videoAnswer(job: Job): Video {
  const { request, createdAt, finishedAt } = job;
  const { sourceVideo } = request.inputs;
  const completedAt = job.state === 'succeeded' && finishedAt ? secondsSince1970(finishedAt) : null;
  return {
    id: videoIdOf(job.id),
    object: 'video',
    model: job.model,
    status: statusOf(job),
    progress: completedAt === null ? (job.progress ?? 0) : 100,
    prompt: request.prompt,
    created_at: secondsSince1970(createdAt),
    completed_at: completedAt,
    expires_at: completedAt === null ? null : completedAt + DOWNLOAD_WINDOW_SECONDS,
    seconds: secondsOf(job),
    size: sizeOf(job),
    remixed_from_video_id: sourceVideo?.jobId && job.operation === 'remix' ? videoIdOf(sourceVideo.jobId) : null,
    error: errorOf(job),
  };
}

export function listAnswer({ jobs, hasMore }: { jobs: Job[]; hasMore: boolean }): VideoList {
  const data = jobs.map(videoAnswer);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}

function statusOf({ state }: Job): Video['status'] {
  switch (state) {
    case 'queued':
      return 'queued';
    case 'running':
      return 'in_progress';
    case 'succeeded':
      return 'completed';
    case 'failed':
    case 'canceled':
      return 'failed';
  }
}

/** The page has one word for moderation and is silent on the others: they are ours. */
function errorOf({ state, error }: Job): Video['error'] {
  if (state === 'canceled') return canceled;
  if (!error) return null;
  return { code: error.code === 'prompt_rejected' ? 'moderation_blocked' : error.code, message: error.message };
}

/** Of an extension, the source and what is added; what was measured is told as it was meant. */
function secondsOf({ operation, request: { durationSeconds, inputs } }: Job): string {
  const total = operation === 'extend' ? durationSeconds + (inputs.sourceVideo?.durationSeconds ?? 0) : durationSeconds;
  const whole = Math.round(total);
  return String(inputs.sourceVideo && Math.abs(total - whole) < TOLERATED_SECONDS ? whole : Number(total.toFixed(2)));
}

/** Jobs of other dialects may have left the size to the provider. */
function sizeOf({ request: { size }, videos: [video] }: Job): string {
  const { width, height } = size ?? video ?? {};
  return width && height ? `${width}x${height}` : DEFAULT_SIZE;
}

function secondsSince1970(time: Date): number {
  return Math.floor(time.getTime() / MS_PER_SECOND);
}
