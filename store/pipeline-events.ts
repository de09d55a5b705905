import type { Database } from './database.js';
import { createEvents, type Events } from './events.js';

/** One that has failed may be run again: then its end was none. */
const newerStatement = {
  name: 'newer_pipeline_events',
  text: `select newer.pipeline_id as subject_id, newer.sequence, newer.type, newer.data, newer.created_at,
      pipelines.finished_at is not null and newer.sequence = pipelines.last_sequence as is_end
    from unnest($1::text[], $2::integer[]) as heard(id, sequence) join pipelines on pipelines.id = heard.id
    cross join lateral (
      select * from pipeline_events where pipeline_events.pipeline_id = heard.id and pipeline_events.sequence > heard.sequence
      order by pipeline_events.sequence limit $3
    ) newer
    order by newer.pipeline_id, newer.sequence`,
};

const standingStatement = {
  name: 'standing_of_pipeline',
  text: `select finished_at is not null as "isFinished", last_sequence as "lastSequence" from pipelines
    where id = $1 and workspace_id = $2 and deleted_at is null`,
};

/** What happened to pipelines, whose every run ends. */
export function createPipelineEvents({ run }: Database): Events {
  return createEvents(run, { newer: newerStatement, standing: standingStatement });
}
