import { sql } from 'kysely';
import type { Micros } from '../contract/money.js';
import type { Database } from './database.js';

/** What one key's finished jobs of one model came to on one UTC day. */
export type UsageRow = {
  day: string;
  model: string;
  apiKeyId: string;
  jobs: number;
  succeeded: number;
  failed: number;
  canceled: number;
  deliveredSeconds: number;
  capturedMicros: Micros;
};

export type Usage = ReturnType<typeof createUsage>;

export function createUsage(database: Database) {
  return {
    /** Jobs that finished from `from` up to, but not including, `to`, by UTC day, model and key. */
    report({ workspaceId, from, to }: { workspaceId: string; from: Date; to: Date }): Promise<UsageRow[]> {
      const day = sql<string>`to_char(jobs.finished_at at time zone 'UTC', 'YYYY-MM-DD')`;
      const ended = (state: string) => sql<number>`count(*) filter (where jobs.state = ${state})`;
      return database.queries
        .selectFrom('jobs')
        .innerJoin('settlements', 'settlements.job_id', 'jobs.id')
        .select((of) => [
          day.as('day'),
          'jobs.model as model',
          'jobs.api_key_id as apiKeyId',
          of.fn.countAll<number>().as('jobs'),
          ended('succeeded').as('succeeded'),
          ended('failed').as('failed'),
          ended('canceled').as('canceled'),
          sql<number>`sum(settlements.delivered_seconds)`.as('deliveredSeconds'),
          sql<number>`sum(settlements.captured_micros)::bigint`.as('capturedMicros'),
        ])
        .where('jobs.workspace_id', '=', workspaceId)
        .where('jobs.finished_at', '>=', from)
        .where('jobs.finished_at', '<', to)
        .groupBy(['day', 'model', 'apiKeyId'])
        .orderBy('day')
        .orderBy('model')
        .orderBy('apiKeyId')
        .execute();
    },
  };
}
