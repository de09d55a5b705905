import type { Selectable } from 'kysely';
import type { ContentKind, StoredObject, VideoFacts } from '../contract/artifact.js';
import type { GenerationRequest } from '../contract/generation.js';
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

/** `is_kept`: its bytes can still be had, by the database's clock. */
export type ArtifactRow = Selectable<ArtifactsTable> & { is_kept: boolean };

export type NewVideo = {
  jobId: string;
  variant: number;
  stored: StoredObject;
  contentType: string;
  facts: VideoFacts;
  retentionDays: number;
  /** Of a follow-up: whether it was made from a still of its source. */
  isBridged?: boolean;
};

export type NewStill = {
  jobId: string;
  stored: StoredObject;
  contentType: string;
  width: number;
  height: number;
  retentionDays: number;
};

/** Our copy of the video that a job goes on from. There is none of an old source, or of one that was removed. */
export type SourceCopy = { operation: GenerationRequest['operation']; location: string | null; is_kept: boolean };

/** What is drawn of a video when somebody first asks for it. */
export type RenditionKind = Exclude<ContentKind, 'video'>;

export type RenditionOf = { jobId: string; variant: number; role: RenditionKind };
export type NewRendition = RenditionOf & { stored: StoredObject; contentType: string };

export type Artifacts = ReturnType<typeof createArtifacts>;

const columns = '*, deleted_at is null and expires_at > now() as is_kept';

const videosStatement = {
  name: 'videos_of_job',
  text: `select ${columns} from artifacts where job_id = $1 and role = 'video' order by variant`,
};

const inputsStatement = {
  name: 'inputs_of_job',
  text: `select ${columns} from artifacts where job_id = $1 and role = 'input'`,
};

const inputStatement = {
  name: 'find_input',
  text: `select ${columns} from artifacts where id = $1 and role in ('input', 'frame')`,
};

const expiredStatement = {
  name: 'expired_artifacts',
  text: `select id, location from artifacts where expires_at < now() and deleted_at is null order by expires_at limit $1`,
};

const unownedStatement = {
  name: 'unowned_artifacts',
  text: `select location from unnest($1::text[]) as files(location)
    where not exists (select from artifacts where artifacts.location = files.location and deleted_at is null)`,
};

/** All rows that name the bytes: whoever begins to name them holds one of these, see `share_bytes` in the schema. */
const lockBytesStatement = {
  name: 'lock_bytes',
  text: 'select id from artifacts where location = $1 order by id for update',
};

const bytesUserStatement = {
  name: 'user_of_bytes',
  text: 'select id from artifacts where location = $1 and deleted_at is null and expires_at >= now() limit 1',
};

const deletedStatement = {
  name: 'mark_artifacts_deleted',
  text: 'update artifacts set deleted_at = now() where location = $1 and deleted_at is null and expires_at < now()',
};

const stillStatement = {
  name: 'find_still',
  text: `select ${columns} from artifacts where job_id = $1 and role = 'frame'`,
};

/**
 * Of a job that goes on from a video. Its copy may be of another job of the same workspace, or a file of its own; either may be gone, and
 * its bytes are still there for the job, which names them as an input.
 */
const sourceStatement = {
  name: 'source_of_job',
  text: `select jobs.operation, artifacts.location,
      exists (select from artifacts kept
        where kept.location = artifacts.location and kept.deleted_at is null and kept.expires_at > now()) as is_kept
    from jobs left join artifacts on artifacts.id = jobs.request->'inputs'->'sourceVideo'->>'artifactId'
    where jobs.id = $1`,
};

const addStillStatement = {
  name: 'add_still',
  text: `insert into artifacts (id, workspace_id, job_id, role, variant, location, bytes, sha256, content_type, width, height,
      expires_at)
    select $1, workspace_id, id, 'frame', 0, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 day' from jobs where id = $2
    on conflict do nothing`,
};

/** A second run of the same download finds its row and changes nothing, so there is one row and one event. Waits for the job's row, as it may be ending. */
const addVideoStatement = {
  name: 'add_video',
  text: `with artifact as (
      insert into artifacts (id, workspace_id, job_id, role, variant, location, bytes, sha256, content_type,
        width, height, duration_seconds, frames_per_second, expires_at)
      select $1, jobs.workspace_id, jobs.id, 'video', $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + $12 * interval '1 day'
      from jobs where jobs.id = $2 and jobs.state = 'running' for no key update
      on conflict (job_id, role, variant) where role <> 'input' do nothing
      returning id, job_id, bytes, sha256
    ), job as (
      update jobs set phase = 'settling', last_sequence = last_sequence + 1,
        extension = case when operation in ('extend', 'remix') then $13 end
      from artifact where jobs.id = artifact.job_id returning jobs.id, jobs.last_sequence
    )
    insert into job_events (job_id, sequence, type, data)
    select job.id, job.last_sequence, 'artifact.stored',
      jsonb_build_object('artifact', artifact.id, 'variant', $3::integer, 'bytes', artifact.bytes, 'sha256', artifact.sha256)
    from job join artifact on artifact.job_id = job.id`,
};

const renditionStatement = {
  name: 'find_rendition',
  text: `select ${columns} from artifacts where job_id = $1 and variant = $2 and role = $3`,
};

/** Only beside a video that is still kept, and gone with it. The lock lets a job that is being deleted be seen as deleted. */
const addRenditionStatement = {
  name: 'add_rendition',
  text: `insert into artifacts (id, workspace_id, job_id, role, variant, location, bytes, sha256, content_type, expires_at)
    select $1, video.workspace_id, video.job_id, $4, video.variant, $5, $6, $7, $8, video.expires_at
    from artifacts video join jobs on jobs.id = video.job_id
    where video.job_id = $2 and video.variant = $3 and video.role = 'video'
      and video.deleted_at is null and video.expires_at > now() and jobs.state = 'succeeded' and jobs.deleted_at is null
    for share of jobs
    on conflict do nothing`,
};

export function createArtifacts(database: Database) {
  const { run } = database;

  const rendition = async ({ jobId, variant, role }: RenditionOf): Promise<ArtifactRow | undefined> => {
    const [row] = await run<ArtifactRow>(renditionStatement, [jobId, variant, role]);
    return row;
  };

  return {
    /** The videos of a job, by variant, also those whose bytes are no longer kept. */
    videosOf: (jobId: string) => run<ArtifactRow>(videosStatement, [jobId]),

    inputsOf: (jobId: string) => run<ArtifactRow>(inputsStatement, [jobId]),

    async findInput(id: string): Promise<ArtifactRow | undefined> {
      const [row] = await run<ArtifactRow>(inputStatement, [id]);
      return row;
    },

    /** Files whose time is over and that still lie in the store. */
    expired: (limit: number) => run<{ id: string; location: string }>(expiredStatement, [limit]),

    /** Which of these files no row names: what was stored for a job that was not taken after all, or had gone on meanwhile. */
    async unowned(locations: string[]): Promise<string[]> {
      const rows = await run<{ location: string }>(unownedStatement, [locations]);
      return rows.map(({ location }) => location);
    },

    /**
     * Ends the rows of a file whose time is over, and takes its bytes away unless another row still needs them. The bytes go first: a row
     * without bytes is tidied again, bytes without a row would be left to the sweep.
     * @returns whether the bytes are gone
     */
    release(location: string, remove: () => Promise<void>): Promise<boolean> {
      return database.transaction(async (inOne) => {
        await inOne(lockBytesStatement, [location]);
        // In a statement of its own, so that it sees who came while the lock was waited for.
        const [user] = await inOne(bytesUserStatement, [location]);
        if (!user) await remove();
        await inOne(deletedStatement, [location]);
        return user === undefined;
      });
    },

    /** The still that a follow-up is animated from, where it is not made from its source itself. */
    async stillOf(jobId: string): Promise<ArtifactRow | undefined> {
      const [row] = await run<ArtifactRow>(stillStatement, [jobId]);
      return row;
    },

    /** Where our copy of the video lies that a job goes on from. */
    async sourceOf(jobId: string): Promise<SourceCopy | undefined> {
      const [row] = await run<SourceCopy>(sourceStatement, [jobId]);
      return row;
    },

    async addStill({ jobId, stored, contentType, width, height, retentionDays }: NewStill): Promise<void> {
      const { key, bytes, sha256 } = stored;
      await run(addStillStatement, [
        newId('art'),
        jobId,
        key,
        bytes,
        sha256,
        contentType,
        width,
        height,
        retentionDays,
      ]);
    },

    async addVideo({
      jobId,
      variant,
      stored,
      contentType,
      facts,
      retentionDays,
      isBridged = false,
    }: NewVideo): Promise<void> {
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
        isBridged ? 'bridged' : 'native',
      ]);
    },

    /** A still of a video, also one whose bytes are no longer kept. */
    rendition,

    /**
     * Keeps a still for as long as its video. A second one of the same kind changes nothing.
     * @returns whether there is one now: no job that is not finished, or is deleted, and no video that is gone has any.
     */
    async addRendition({ stored, contentType, ...of }: NewRendition): Promise<boolean> {
      const { key, bytes, sha256 } = stored;
      const values = [newId('art'), of.jobId, of.variant, of.role, key, bytes, sha256, contentType];
      await run(addRenditionStatement, values);
      const kept = await rendition(of);
      return kept !== undefined && kept.deleted_at === null;
    },
  };
}
