import { proxyActivities } from '@temporalio/workflow';
import type { Activities } from '../activities/index.js';
import type { RenditionInput, RenditionOutcome } from '../activities/make-rendition.js';
import { mediaQueue } from '../contract/queues.js';

/** Draws one still of a finished video. Started when somebody asks for it; whoever asks meanwhile waits for the same run. */
export function makeRendition(input: RenditionInput): Promise<RenditionOutcome> {
  const { makeRendition: draw } = proxyActivities<Activities>({
    taskQueue: mediaQueue,
    summary: `draw the ${input.kind} of variant ${input.variant}`,
    // Drawing itself ends sooner; other files may have their turn first.
    startToCloseTimeout: '2 minutes',
    scheduleToCloseTimeout: '10 minutes',
    heartbeatTimeout: '5 seconds',
    retry: { initialInterval: 200, backoffCoefficient: 2, maximumInterval: '5 seconds', maximumAttempts: 3 },
  });
  return draw(input);
}
