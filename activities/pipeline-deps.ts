import type { StepJob } from '../contract/pipeline-plan.js';
import type { PipelineProgress } from '../store/pipeline-progress.js';
import type { StepFiles } from '../store/step-files.js';

/** A step of one run of a pipeline. */
export type StepOfRun = { pipelineId: string; run: number; step: string };

/** What the activities of pipelines work with beside the others' dependencies. */
export type PipelineDeps = {
  progress: PipelineProgress;
  files: StepFiles;
  /**
   * Makes the job of a step as the api makes any job: prepared, its inputs stored, its price held, out of the pipeline's reserve. Nothing
   * when the pipeline is being stopped. @throws what a caller would be answered
   */
  makeJob: (step: StepOfRun) => Promise<{ jobId: string } | undefined>;
  /** For so long one step may hold up those that are begun with it. */
  beginWithinMs: number;
  /** How the workflow of an open job is started: from its beginning, or where its lost one stood. Nothing when the job has ended. */
  startOf: (jobId: string) => Promise<Omit<StepJob, 'mayHaveRun'> | undefined>;
};
