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

/** What callers wish of a pipeline that runs; the dispatcher carries it out. */
export function createPipelineControl({ run }: Database) {
  return {
    /** Undefined when the pipeline is not open. */
    async requestCancel({ id, workspaceId }: Owned): Promise<PipelineRow | undefined> {
      const [row] = await run<PipelineRow>(requestCancelStatement, [id, workspaceId]);
      return row;
    },

    /** False when nobody is waited for, or somebody was faster. */
    async decide({ id, workspaceId, step, decision, note, apiKeyId }: Decision): Promise<boolean> {
      const decided = await run(decideStatement, [id, workspaceId, step, decision, note, apiKeyId]);
      return decided.length > 0;
    },
  };
}
