import { proxyActivities } from '@temporalio/workflow';
import type { nothing } from '../bare-activity.js';

/** As many activities on as many queues as a happy job, doing nothing: the limit that the engine sets. */
export async function bare(queues: { provider: string; media: string; jobs: string }): Promise<void> {
  for (const taskQueue of [queues.provider, queues.provider, queues.media, queues.jobs]) {
    const activities = proxyActivities<{ nothing: typeof nothing }>({ taskQueue, startToCloseTimeout: '30 seconds' });
    await activities.nothing();
  }
}
