import type { Database } from './database.js';
import { createEvents, type Events } from './events.js';

const newerStatement = {
  name: 'newer_job_events',
  text: `select newer.job_id as subject_id, newer.sequence, newer.type, newer.data, newer.created_at,
      newer.type in ('job.succeeded', 'job.failed', 'job.canceled') as is_end
    from unnest($1::text[], $2::integer[]) as heard(id, sequence)
    cross join lateral (
      select * from job_events where job_events.job_id = heard.id and job_events.sequence > heard.sequence
      order by job_events.sequence limit $3
    ) newer`,
};

const standingStatement = {
  name: 'standing_of_job',
  text: `select finished_at is not null as "isFinished", last_sequence as "lastSequence" from jobs
    where id = $1 and workspace_id = $2 and deleted_at is null`,
};

/** What happened to jobs, each of which ends once. */
export function createJobEvents({ run }: Database): Events {
  return createEvents(run, { newer: newerStatement, standing: standingStatement });
}
