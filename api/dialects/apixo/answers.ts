import { dialectId, type Job } from '../../jobs.js';
import type { Created, Status } from './schemas.js';

/** How long a link works that an answer tells of. */
export const LINK_LIFETIME_SECONDS = 15 * 24 * 60 * 60;

const success = { code: 200, message: 'success' } as const;

export function createdAnswer(job: Job): Created {
  return { ...success, data: { taskId: taskIdOf(job) } };
}

/** A job as the status call tells it: a success of the call, also where the task has failed. */
export function statusAnswer(job: Job): Status {
  const { createdAt, finishedAt } = job;
  return {
    ...success,
    data: {
      taskId: taskIdOf(job),
      ...outcomeOf(job),
      createTime: createdAt.getTime(),
      ...(finishedAt && {
        completeTime: finishedAt.getTime(),
        costTime: finishedAt.getTime() - createdAt.getTime(),
      }),
    },
  };
}

function taskIdOf(job: Job): string {
  return dialectId('task', job.id);
}

function outcomeOf(job: Job): Pick<Status['data'], 'state' | 'resultJson' | 'failCode' | 'failMsg'> {
  switch (job.state) {
    case 'queued':
      return { state: 'pending' };
    case 'running':
      return { state: 'processing' };
    case 'succeeded': {
      const resultUrls = job.videos.flatMap(({ link }) => (link ? [link.url] : []));
      return { state: 'success', resultJson: JSON.stringify({ resultUrls }) };
    }
    case 'failed':
      return { state: 'failed', failCode: failCodeOf(job), failMsg: job.error?.message };
    case 'canceled':
      return { state: 'failed', failCode: 'CANCELED', failMsg: 'The task was canceled.' };
  }
}

/** Two words are the vendor's, the others are our codes. Of a task that began with an image, the input that was refused is the image. */
function failCodeOf({ error, request }: Job): string {
  if (error?.code === 'prompt_rejected') return 'CONTENT_VIOLATION';
  if (error?.code === 'provider_rejected' && request.inputs.firstFrame) return 'INVALID_IMAGE_URL';
  return (error?.code ?? 'internal').toUpperCase();
}
