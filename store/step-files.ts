import { isOutsideSource } from '../contract/pipeline.js';
import type { ArtifactRow } from './artifacts.js';
import type { Database } from './database.js';
import type { StepRef } from './pipeline-progress.js';
import { type StepRow, stepColumns, stepTables } from './pipeline-row.js';

/** What a source has come to: a job that is still known, whose video it is, or a file. Nothing where there is none. */
export type FoundFile = { jobId: string | null; file: ArtifactRow | undefined };

export type StepFiles = ReturnType<typeof createStepFiles>;

const stepStatement = {
  name: 'find_pipeline_step',
  text: `select ${stepColumns} from ${stepTables} where pipeline_steps.pipeline_id = $1 and pipeline_steps.name = $2`,
};

/** The bytes are named by the pipeline itself: those of what its steps take from outside, since it was accepted. */
const isHeld = `exists (select from artifacts own where own.pipeline_id = pipelines.id and own.role = 'input'
  and own.location = artifacts.location and own.deleted_at is null and own.expires_at > now())`;

const columns = `artifacts.*, (artifacts.deleted_at is null and artifacts.expires_at > now()) or ${isHeld} as is_kept`;

/** Of the pipeline's own workspace only. A job may have been deleted since the pipeline was accepted. */
const videoStatement = {
  name: 'video_of_source_job',
  text: `select ${columns}, jobs.deleted_at is not null as is_of_deleted_job from artifacts join pipelines on pipelines.workspace_id = artifacts.workspace_id
    join jobs on jobs.id = artifacts.job_id
    where pipelines.id = $1 and artifacts.job_id = $2 and artifacts.role = 'video' and (jobs.deleted_at is null or ${isHeld})
    order by variant limit 1`,
};

const fileStatement = {
  name: 'file_of_source',
  text: `select ${columns} from artifacts join pipelines on pipelines.workspace_id = artifacts.workspace_id
    where pipelines.id = $1 and artifacts.id = $2`,
};

/** Finds what the sources of steps name. */
export function createStepFiles({ run }: Database) {
  return { find, input };

  /** An approval hands on what it shows. */
  async function find({ pipelineId, source }: { pipelineId: string; source: string }): Promise<FoundFile> {
    if (isOutsideSource(source)) {
      return source.startsWith('job_') ? videoOf(pipelineId, source) : fileOf(pipelineId, source);
    }
    const [step] = await run<StepRow>(stepStatement, [pipelineId, source]);
    if (!step) return { jobId: null, file: undefined };
    if (step.kind === 'approval') {
      const shown = step.definition.source;
      return shown === undefined ? { jobId: null, file: undefined } : find({ pipelineId, source: shown });
    }
    return step.job_id === null ? fileOf(pipelineId, step.artifact_id ?? '') : videoOf(pipelineId, step.job_id);
  }

  /** An image that came with a step. */
  async function input({ pipelineId, artifactId }: Pick<StepRef, 'pipelineId'> & { artifactId: string }) {
    const { file } = await fileOf(pipelineId, artifactId);
    return file;
  }

  async function videoOf(pipelineId: string, jobId: string): Promise<FoundFile> {
    type Video = ArtifactRow & { is_of_deleted_job: boolean };
    const [file] = await run<Video>(videoStatement, [pipelineId, jobId]);
    return { jobId: file?.is_of_deleted_job ? null : jobId, file };
  }

  async function fileOf(pipelineId: string, id: string): Promise<FoundFile> {
    const [file] = await run<ArtifactRow>(fileStatement, [pipelineId, id]);
    return { jobId: null, file };
  }
}
