import type { Announcer } from './announcements.js';
import { announcing } from './announcing.js';
import type { PipelineControl } from './pipeline-control.js';
import type { PipelineJobs } from './pipeline-jobs.js';
import type { PipelineProgress } from './pipeline-progress.js';
import type { PipelineQueue } from './pipeline-queue.js';
import type { Pipelines } from './pipelines.js';

/** The stores of pipelines as they are, with each change told to whoever waits for it once it is committed. */
export function announcingPipelines(pipelines: Pipelines, { announce }: Announcer): Pipelines {
  return {
    ...pipelines,
    async accept(pipeline) {
      const acceptance = await pipelines.accept(pipeline);
      if (!acceptance.isReplay) announce(acceptance.pipeline.id, { isToDispatch: true });
      return acceptance;
    },
    async retry(wanted) {
      const retried = await pipelines.retry(wanted);
      if (retried) announce(retried.id, { isToDispatch: true });
      return retried;
    },
  };
}

export function announcingPipelineControl(control: PipelineControl, { announce }: Announcer): PipelineControl {
  return {
    ...control,
    async requestCancel(wanted) {
      const marked = await control.requestCancel(wanted);
      if (marked) announce(marked.id, { isToDispatch: true });
      return marked;
    },
    async decide(decision) {
      const isDecided = await control.decide(decision);
      if (isDecided) announce(decision.id, { isToDispatch: true });
      return isDecided;
    },
  };
}

export function announcingPipelineProgress(progress: PipelineProgress, { announce }: Announcer): PipelineProgress {
  const told = announcing(announce, ({ pipelineId }: { pipelineId: string }) => pipelineId);

  // Whoever adds a method to the store is told by the compiler to say here whether it changes a pipeline.
  const writes: Omit<PipelineProgress, 'step' | 'finish'> = {
    start: told(progress.start),
    record: told(progress.record),
    begin: told(progress.begin),
    succeed: told(progress.succeed),
    fail: told(progress.fail),
    ask: told(progress.ask),
    answer: told(progress.answer),
  };
  return {
    ...progress,
    ...writes,
    async finish(ending) {
      const hasEnded = await progress.finish(ending);
      // With its end its webhooks are queued.
      if (hasEnded) announce(ending.pipelineId, { isToDispatch: true });
      return hasEnded;
    },
  };
}

export function announcingPipelineJobs(pipelineJobs: PipelineJobs, { announce }: Announcer): PipelineJobs {
  return {
    ...pipelineJobs,
    async accept(stepJob) {
      const made = await pipelineJobs.accept(stepJob);
      if (!made?.isNew) return made;
      announce(made.jobId);
      announce(stepJob.pipelineId);
      return made;
    },
  };
}

export function announcingPipelineQueue(queue: PipelineQueue, { announce }: Announcer): PipelineQueue {
  const told = announcing(announce, ({ id }: { id: string }) => id);
  return { ...queue, recordRevival: told(queue.recordRevival) };
}
