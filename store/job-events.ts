import type { Selectable } from 'kysely';
import type { JobState } from '../contract/states.js';
import type { Database } from './database.js';
import type { Tables } from './tables.js';

export type JobEventRow = Selectable<Tables['job_events']>;

/** From where on somebody wants to hear of a job: the sequence of the last event that was heard. */
export type Position = { jobId: string; after: number };

export type JobEvents = ReturnType<typeof createJobEvents>;

const newerStatement = {
  name: 'newer_job_events',
  text: `select newer.* from unnest($1::text[], $2::integer[]) as heard(job_id, sequence)
    cross join lateral (
      select * from job_events where job_events.job_id = heard.job_id and job_events.sequence > heard.sequence
      order by job_events.sequence limit $3
    ) newer`,
};

const standingStatement = {
  name: 'standing_of_job',
  text: 'select state, last_sequence from jobs where id = $1 and workspace_id = $2 and deleted_at is null',
};

/** What happened to jobs. The sequence of a job has no gaps, and no event is seen before one with a lower number. */
export function createJobEvents({ run }: Database) {
  return {
    /** The next events of each job in order, up to `limit` of each. */
    newer(positions: readonly Position[], limit: number): Promise<JobEventRow[]> {
      const values = [positions.map(({ jobId }) => jobId), positions.map(({ after }) => after), limit];
      return run<JobEventRow>(newerStatement, values);
    },

    /** How far a job of this workspace has come; another's is as unknown as one that never was. */
    async standing(of: { id: string; workspaceId: string }): Promise<Standing | undefined> {
      const [row] = await run<{ state: JobState; last_sequence: number }>(standingStatement, [of.id, of.workspaceId]);
      return row && { state: row.state, lastSequence: row.last_sequence };
    },
  };
}

export type Standing = { state: JobState; lastSequence: number };
