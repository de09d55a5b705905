import { advancePipeline } from './advance-pipeline.js';
import { answerApproval } from './answer-approval.js';
import { cancelTask } from './cancel-task.js';
import { deliverWebhook } from './deliver-webhook.js';
import type { ActivityDeps } from './deps.js';
import { downloadResult } from './download-result.js';
import { temporalFailure } from './failure.js';
import { finishJob } from './finish-job.js';
import { finishPipeline } from './finish-pipeline.js';
import { lookOnce } from './look-once.js';
import { makeRendition } from './make-rendition.js';
import { makeStepFile } from './make-step-file.js';
import { pollTask } from './poll-task.js';
import { reconcileSubmission } from './reconcile-submission.js';
import { submitGeneration } from './submit-generation.js';
import { sweepProvider } from './sweep-provider.js';

/** Binds the activities to what they need, grouped by the queue they run on. */
export function createActivities(deps: ActivityDeps) {
  const bind =
    <Input extends Subject, Result>(activity: (deps: ActivityDeps, input: Input) => Promise<Result>) =>
    async (input: Input): Promise<Result> => {
      try {
        return await activity(deps, input);
      } catch (error) {
        const failure = temporalFailure(error);
        const subject = subjectOf(input);
        if (failure !== error) deps.logger.warn({ ...subject, activity: activity.name, err: error }, 'activity failed');
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
    sweep: { sweepProvider: bind(sweepProvider) },
    webhook: { deliverWebhook: bind(deliverWebhook) },
    pipeline: {
      advancePipeline: bind(advancePipeline),
      answerApproval: bind(answerApproval),
      finishPipeline: bind(finishPipeline),
    },
    pipelineMedia: { makeStepFile: bind(makeStepFile) },
  };
}

type Subject = { jobId: string } | { account: string } | { deliveryId: string } | { pipelineId: string };

/** What the log calls it. */
function subjectOf(input: Subject): Record<string, string> {
  if ('jobId' in input) return { jobId: input.jobId };
  if ('pipelineId' in input) return { pipelineId: input.pipelineId };
  return 'account' in input ? { provider: input.account } : { deliveryId: input.deliveryId };
}

type Groups = ReturnType<typeof createActivities>;

/** Every activity of a job, as workflows call them. */
export type Activities = Groups['provider'] & Groups['media'] & Groups['job'];

/** The activities that belong to no job. */
export type SweepActivities = Groups['sweep'];

/** The activities that tell of what happened. */
export type WebhookActivities = Groups['webhook'];

/** The activities that carry a pipeline from step to step. */
export type PipelineActivities = Groups['pipeline'] & Groups['pipelineMedia'];
