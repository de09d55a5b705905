import type { Selectable } from 'kysely';
import type { ArtifactsTable, JobsTable } from './tables.js';

const columns = [
  'id',
  'workspace_id',
  'api_key_id',
  'dialect',
  'operation',
  'model',
  'request',
  'state',
  'phase',
  'progress',
  'provider',
  'callback_url',
  'attempts',
  'price_micros_per_second',
  'held_micros',
  'captured_micros',
  'provider_cancel',
  'extension',
  'error_code',
  'created_at',
  'started_at',
  'finished_at',
  'cancel_requested_at',
  'pipeline_id',
  'pipeline_step',
] as const satisfies readonly (keyof JobsTable)[];

const videoColumns = [
  'variant',
  'content_type',
  'bytes',
  'sha256',
  'width',
  'height',
  'duration_seconds',
] as const satisfies readonly (keyof ArtifactsTable)[];

/** `is_kept`: its bytes can still be had, by the database's clock. `expires_at` is a text, as JSON has it. */
export type JobVideo = Pick<Selectable<ArtifactsTable>, (typeof videoColumns)[number]> & {
  expires_at: string;
  is_kept: boolean;
};

/**
 * A job as callers may see it: everything but the plan and the dispatcher's marks. Its videos, by variant, are there when it has
 * succeeded, also those whose bytes are no longer kept.
 */
export type JobRow = Pick<Selectable<JobsTable>, (typeof columns)[number]> & { videos: JobVideo[] };

export const jobRowColumns = columns;

/** The columns of a `JobRow`, for a statement that reads them from `table`: one round trip for a job with its videos. */
export function jobColumns(table: string): string {
  return `${columns.map((column) => `${table}.${column}`).join(', ')}, ${jobVideos(table)} as videos`;
}

/** The videos of a `JobRow`, for a query that is built at run time. */
export function jobVideos(table: string): string {
  return `case when ${table}.state = 'succeeded' then (
      select coalesce(json_agg(video order by variant), '[]') from (
        select ${videoColumns.join(', ')}, expires_at, deleted_at is null and expires_at > now() as is_kept
        from artifacts where job_id = ${table}.id and role = 'video'
      ) video
    ) else '[]' end`;
}
