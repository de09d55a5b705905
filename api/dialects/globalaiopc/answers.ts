import { dialectId, type Job } from '../../jobs.js';
import type { Created, Video } from './schemas.js';

/** How long a link works that an answer tells of. */
export const LINK_LIFETIME_SECONDS = 24 * 60 * 60;

const CANCELED = 'The video was canceled.';
const MS_PER_SECOND = 1_000;

/** The object that the vendor documents. */
export function createdAnswer(job: Job): Created {
  const error = job.state === 'canceled' ? CANCELED : job.error?.message;
  return {
    id: dialectId('sora', job.id),
    object: 'video.generation',
    created: secondsOf(job.createdAt),
    model: job.model,
    status: statusWordOf(job),
    ...(error !== undefined && { error }),
  };
}

/** The same object, with the video once there is one. */
export function videoAnswer(job: Job): Video {
  const { state, finishedAt, videos } = job;
  const answer = createdAnswer(job);
  if (state !== 'succeeded' || !finishedAt) return answer;
  const link = videos[0]?.link;
  return {
    ...answer,
    completed_at: secondsOf(finishedAt),
    video_url: link?.url ?? null,
    expires_at: link ? secondsOf(link.expiresAt) : null,
  };
}

function statusWordOf({ state }: Job): Created['status'] {
  switch (state) {
    case 'queued':
      return 'queued';
    case 'running':
      return 'processing';
    case 'succeeded':
      return 'completed';
    case 'failed':
    case 'canceled':
      return 'failed';
  }
}

function secondsOf(moment: Date): number {
  return Math.floor(moment.getTime() / MS_PER_SECOND);
}
