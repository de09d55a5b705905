import type { Selectable } from 'kysely';
import type { StoredObject, VideoFacts } from '../contract/artifact.js';
import { newId } from '../runtime/ids.js';
import type { Database } from './database.js';
import type { ArtifactsTable } from './tables.js';

/** An input whose bytes are stored and whose row is written with the job's. */
export type StoredInput = {
  id: string;
  location: string;
  bytes: number;
  sha256: string;
  content_type: string;
  width: number | null;
  height: number | null;
  expires_at: string;
};

export type ArtifactRow = Selectable<ArtifactsTable>;

export type NewVideo = {
  jobId: string;
  variant: number;
  stored: StoredObject;
  contentType: string;
  facts: VideoFacts;
  retentionDays: number;
};

export type Artifacts = ReturnType<typeof createArtifacts>;

const videosStatement = {
  name: 'videos_of_job',
  text: `select * from artifacts where job_id = $1 and role = 'video' order by variant`,
};

const videosOfJobsStatement = {
  name: 'videos_of_jobs',
  text: `select * from artifacts where job_id = any($1) and role = 'video' order by job_id, variant`,
};

const inputsStatement = {
  name: 'inputs_of_job',
  text: `select * from artifacts where job_id = $1 and role = 'input'`,
};

const inputStatement = {
  name: 'find_input',
  text: `select * from artifacts where id = $1 and role = 'input'`,
};

const expiredStatement = {
  name: 'expired_artifacts',
  text: `select id, location from artifacts where expires_at < now() and deleted_at is null order by expires_at limit $1`,
};

const deletedStatement = {
  name: 'mark_artifact_deleted',
  text: 'update artifacts set deleted_at = now() where id = $1 and deleted_at is null',
};

/** A second run of the same download finds its row and changes nothing, so there is one row and one event. */
const addVideoStatement = {
  name: 'add_video',
  text: `with artifact as (
      insert into artifacts (id, workspace_id, job_id, role, variant, location, bytes, sha256, content_type,
        width, height, duration_seconds, frames_per_second, expires_at)
      select $1, jobs.workspace_id, jobs.id, 'video', $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + $12 * interval '1 day'
      from jobs where jobs.id = $2 and jobs.state = 'running'
      on conflict (job_id, role, variant) where role <> 'input' do nothing
      returning id, job_id, bytes, sha256
    ), job as (
      update jobs set phase = 'settling', last_sequence = last_sequence + 1
      from artifact where jobs.id = artifact.job_id returning jobs.id, jobs.last_sequence
    )
    insert into job_events (job_id, sequence, type, data)
    select job.id, job.last_sequence, 'artifact.stored',
      jsonb_build_object('artifact', artifact.id, 'variant', $3::integer, 'bytes', artifact.bytes, 'sha256', artifact.sha256)
    from job join artifact on artifact.job_id = job.id`,
};

export function createArtifacts(database: Database) {
  const { run } = database;

  return {
    /** The videos of a job, by variant, also those whose bytes are no longer kept. */
    videosOf: (jobId: string) => run<ArtifactRow>(videosStatement, [jobId]),

    videosOfAll: (jobIds: string[]) => run<ArtifactRow>(videosOfJobsStatement, [jobIds]),

    inputsOf: (jobId: string) => run<ArtifactRow>(inputsStatement, [jobId]),

    async findInput(id: string): Promise<ArtifactRow | undefined> {
      const [row] = await run<ArtifactRow>(inputStatement, [id]);
      return row;
    },

    /** Files whose time is over and that still lie in the store. */
    expired: (limit: number) => run<{ id: string; location: string }>(expiredStatement, [limit]),

    async markDeleted(id: string): Promise<void> {
      await run(deletedStatement, [id]);
    },

    async addVideo({ jobId, variant, stored, contentType, facts, retentionDays }: NewVideo): Promise<void> {
      await run(addVideoStatement, [
        newId('art'),
        jobId,
        variant,
        stored.key,
        stored.bytes,
        stored.sha256,
        contentType,
        facts.width,
        facts.height,
        facts.durationSeconds,
        facts.framesPerSecond,
        retentionDays,
      ]);
    },
  };
}
