import type { Selectable } from 'kysely';
import type { JobsTable } from './tables.js';

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

/** A job as callers may see it: everything but the plan and the dispatcher's marks. */
export type JobRow = Pick<Selectable<JobsTable>, (typeof columns)[number]>;

export const jobRowColumns = columns;

/** The columns of a `JobRow`, for a statement that reads them from `table`. */
export function jobColumns(table: string): string {
  return columns.map((column) => `${table}.${column}`).join(', ');
}
