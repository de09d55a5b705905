import { dialectId } from '../../jobs.js';
import type { DialectWebhook } from '../../middleware/webhook-body.js';
import { videoIdOf } from './answers.js';
import type { Event } from './schemas.js';

const MS_PER_SECOND = 1_000;

/** The vendor's event: it names the video, which is then read. */
export const openaiWebhook: DialectWebhook = {
  bodyOf: (job, { id, createdAt }): Event => ({
    id: dialectId('evt', id),
    object: 'event',
    created_at: Math.floor(createdAt.getTime() / MS_PER_SECOND),
    type: job.state === 'succeeded' ? 'video.completed' : 'video.failed',
    data: { id: videoIdOf(job.id) },
  }),
};
