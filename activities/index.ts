import { cancelTask } from './cancel-task.js';
import type { ActivityDeps } from './deps.js';
import { downloadResult } from './download-result.js';
import { temporalFailure } from './failure.js';
import { finishJob } from './finish-job.js';
import { lookOnce } from './look-once.js';
import { makeRendition } from './make-rendition.js';
import { pollTask } from './poll-task.js';
import { reconcileSubmission } from './reconcile-submission.js';
import { submitGeneration } from './submit-generation.js';

/** Binds the activities to what they need, grouped by the queue they run on. */
export function createActivities(deps: ActivityDeps) {
  const bind =
    <Input extends { jobId: string }, Result>(activity: (deps: ActivityDeps, input: Input) => Promise<Result>) =>
    async (input: Input): Promise<Result> => {
      try {
        return await activity(deps, input);
      } catch (error) {
        const failure = temporalFailure(error);
        if (failure !== error)
          deps.logger.warn({ jobId: input.jobId, activity: activity.name, err: error }, 'activity failed');
        throw failure;
      }
    };

  return {
    provider: {
      submitGeneration: bind(submitGeneration),
      reconcileSubmission: bind(reconcileSubmission),
      pollTask: bind(pollTask),
      lookOnce: bind(lookOnce),
      cancelTask: bind(cancelTask),
    },
    media: { downloadResult: bind(downloadResult), makeRendition: bind(makeRendition) },
    job: { finishJob: bind(finishJob) },
  };
}

type Groups = ReturnType<typeof createActivities>;

/** Every activity, as workflows call them. */
export type Activities = Groups['provider'] & Groups['media'] & Groups['job'];
