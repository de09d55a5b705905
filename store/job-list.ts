import { sql } from 'kysely';
import type { JobState } from '../contract/states.js';
import type { Database } from './database.js';
import { type JobRow, type JobVideo, jobRowColumns, jobVideos } from './job-row.js';

export type JobFilter = {
  workspaceId: string;
  status?: JobState;
  model?: string;
  provider?: string;
  operation?: JobRow['operation'];
  pipelineId?: string;
  createdFrom?: Date;
  createdBefore?: Date;
  /** The id of the last job of the page before. */
  after?: string;
  limit: number;
  /** By the time of their creation; newest first when left out. */
  order?: 'asc' | 'desc';
};

export type JobList = ReturnType<typeof createJobList>;

export function createJobList(database: Database) {
  return {
    /** `hasMore` tells that another page follows. */
    async page(filter: JobFilter): Promise<{ jobs: JobRow[]; hasMore: boolean }> {
      const { order = 'desc' } = filter;
      let query = database.queries
        .selectFrom('jobs')
        .select([...jobRowColumns, sql<JobVideo[]>`${sql.raw(jobVideos('jobs'))}`.as('videos')])
        .where('workspace_id', '=', filter.workspaceId)
        .where('deleted_at', 'is', null)
        .orderBy('id', order)
        .limit(filter.limit + 1);
      if (filter.status) query = query.where('state', '=', filter.status);
      if (filter.model) query = query.where('model', '=', filter.model);
      if (filter.provider) query = query.where('provider', '=', filter.provider);
      if (filter.operation) query = query.where('operation', '=', filter.operation);
      if (filter.pipelineId) query = query.where('pipeline_id', '=', filter.pipelineId);
      if (filter.createdFrom) query = query.where('created_at', '>=', filter.createdFrom);
      if (filter.createdBefore) query = query.where('created_at', '<', filter.createdBefore);
      if (filter.after) query = query.where('id', order === 'desc' ? '<' : '>', filter.after);
      const rows = await query.execute();
      return { jobs: rows.slice(0, filter.limit), hasMore: rows.length > filter.limit };
    },
  };
}
