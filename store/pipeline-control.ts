import type { Database } from './database.js';
import { type PipelineRow, pipelineColumns } from './pipeline-row.js';

type Owned = { id: string; workspaceId: string };

export type Decision = Owned & {
  step: string;
  decision: 'approved' | 'rejected';
  note: string | null;
  apiKeyId: string;
};

export type PipelineControl = ReturnType<typeof createPipelineControl>;

/** The jobs are told as well as their parent, so that none buys anything more meanwhile. */
const requestCancelStatement = {
  name: 'request_pipeline_cancel',
  text: `with pipeline as (
      update pipelines set cancel_requested_at = coalesce(cancel_requested_at, now())
      where id = $1 and workspace_id = $2 and state in ('queued', 'running') returning ${pipelineColumns}
    ), told as (
      update jobs set cancel_requested_at = coalesce(jobs.cancel_requested_at, now())
      from pipeline where jobs.pipeline_id = pipeline.id and jobs.state in ('queued', 'running')
    )
    select * from pipeline`,
};

const decideStatement = {
  name: 'decide_pipeline_step',
  text: `update pipeline_steps set decision = $4, decision_note = $5, decided_by = $6, decided_at = now()
    from pipelines
    where pipelines.id = $1 and pipelines.workspace_id = $2 and pipeline_steps.pipeline_id = pipelines.id
      and pipeline_steps.name = $3 and pipeline_steps.state = 'waiting_approval' and pipeline_steps.decision is null
      and pipeline_steps.deadline_at > now()
    returning pipeline_steps.name`,
};

/** As of a single job: what was written for it goes at once, files as soon as they are swept; what money moved for it stays in the ledger. */
const removeStatement = {
  name: 'remove_pipeline',
  text: `with pipeline as (
      update pipelines set deleted_at = now(), callback_url = null, metadata = '{}', last_sequence = last_sequence + 1
      where id = $1 and workspace_id = $2 and finished_at is not null and deleted_at is null
      returning id, last_sequence
    ), event as (
      insert into pipeline_events (pipeline_id, sequence, type) select id, last_sequence, 'pipeline.deleted' from pipeline
    ), steps as (
      update pipeline_steps set error_detail = null, decision_note = null,
        definition = jsonb_set(definition - 'message', '{request,prompt}', '""', false) #- '{request,negativePrompt}' #- '{request,callbackUrl}'
      from pipeline where pipeline_steps.pipeline_id = pipeline.id
    ), job as (
      update jobs set deleted_at = now(), callback_url = null, last_sequence = jobs.last_sequence + 1,
        request = jsonb_set(request, '{prompt}', '""') - 'negativePrompt'
      from pipeline where jobs.pipeline_id = pipeline.id and jobs.deleted_at is null
      returning jobs.id, jobs.last_sequence
    ), job_event as (
      insert into job_events (job_id, sequence, type) select id, last_sequence, 'job.deleted' from job
    ), files as (
      update artifacts set expires_at = least(expires_at, now())
      where pipeline_id in (select id from pipeline) or job_id in (select id from job)
    ), deliveries as (
      update webhook_deliveries set url = null, next_attempt_at = null, ended_at = coalesce(ended_at, now()),
        state = case when state = 'pending' then 'canceled' else state end
      from webhook_messages message
      where webhook_deliveries.message_id = message.id
        and (message.subject_kind, message.subject_id) in (select 'pipeline', id from pipeline union all select 'job', id from job)
    )
    select id from pipeline`,
};

/** What callers wish of a pipeline: while it runs, the dispatcher carries it out. */
export function createPipelineControl({ run }: Database) {
  return {
    /** Undefined when the pipeline is not open. */
    async requestCancel({ id, workspaceId }: Owned): Promise<PipelineRow | undefined> {
      const [row] = await run<PipelineRow>(requestCancelStatement, [id, workspaceId]);
      return row;
    },

    /** Takes one that has ended out of every reader's sight, with its jobs. False when there is none such. */
    async remove({ id, workspaceId }: Owned): Promise<boolean> {
      const removed = await run(removeStatement, [id, workspaceId]);
      return removed.length > 0;
    },

    /** False when nobody is waited for, or somebody was faster. */
    async decide({ id, workspaceId, step, decision, note, apiKeyId }: Decision): Promise<boolean> {
      const decided = await run(decideStatement, [id, workspaceId, step, decision, note, apiKeyId]);
      return decided.length > 0;
    },
  };
}
