import { randomBytes } from 'node:crypto';
import { newArtifactKey, storeBytes } from '../../artifacts/store.js';
import { newId } from '../../runtime/ids.js';
import { createPipelineProgress } from '../../store/pipeline-progress.js';
import type { Api } from './api.js';
import { livesOf } from './lives.js';

type StepRef = { pipelineId: string; step: string };

/** What the worker writes while it carries the steps of a pipeline, by the same functions. */
export function stepLivesOf(api: Api) {
  const progress = createPipelineProgress(api.database);

  return {
    start: (pipelineId: string, run = 1): Promise<void> => progress.start({ pipelineId, run }),

    /** The job of a step, which is yet to be carried out. */
    async begin({ pipelineId, step }: StepRef, run = 1): Promise<string> {
      const made = await api.makeStepJob({ pipelineId, run, step });
      if (!made) throw new Error(`${step} was not begun`);
      return made.jobId;
    },

    /** A step that is a job, with its video of 8 s. */
    async make(step: StepRef): Promise<string> {
      const jobId = await this.begin(step);
      await livesOf(api).succeed(jobId);
      await progress.record({ pipelineId: step.pipelineId, run: 1, skip: [], cancel: [] });
      return jobId;
    },

    /** A step that joins videos; its file need not be one here. */
    async join({ pipelineId, step }: StepRef, { durationSeconds }: { durationSeconds: number }): Promise<string> {
      const key = newArtifactKey('mp4');
      const { bytes, sha256 } = await storeBytes(api.store, { key, bytes: randomBytes(1_000) });
      const id = newId('art');
      const facts = { width: 1280, height: 720, durationSeconds, framesPerSecond: 24, retentionDays: 30 };
      const file = { id, role: 'video', location: key, bytes, sha256, contentType: 'video/mp4', ...facts } as const;
      await progress.begin({ pipelineId, step });
      await progress.succeed({ pipelineId, step, run: 1, artifact: file });
      return id;
    },

    fail: ({ pipelineId, step }: StepRef): Promise<void> =>
      progress.fail({ pipelineId, step, run: 1, code: 'media_failed', detail: 'It was to fail.' }),

    /** Ends the pipeline, which has no open job. */
    async end(pipelineId: string, state: 'succeeded' | 'failed' | 'canceled', run = 1): Promise<void> {
      if (!(await progress.finish({ pipelineId, run, state }))) throw new Error('a job of it is open');
    },
  };
}
