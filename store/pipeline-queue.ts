import type { FailurePolicy, StepKind, StepState } from '../contract/pipeline.js';
import type { StepDefinition } from '../contract/pipeline-definition.js';
import type { Database } from './database.js';

/** A pipeline that has no workflow, as the dispatcher needs it. */
export type PipelineToStart = {
  id: string;
  workspace_id: string;
  run: number;
  max_parallel: number;
  on_failure: FailurePolicy;
  is_cancel_requested: boolean;
};

/** A step of it, as far as it has come. */
export type StepToStart = { name: string; kind: StepKind; definition: StepDefinition; state: StepState };

export type PipelineQueue = ReturnType<typeof createPipelineQueue>;

/** A claim is a lease: when its holder dies, another may start the pipeline after this time. */
const CLAIM_SECONDS = 10;

const startColumns = `pipelines.id, pipelines.workspace_id, pipelines.run, pipelines.max_parallel, pipelines.on_failure,
  pipelines.cancel_requested_at is not null as is_cancel_requested`;

/** The oldest of each workspace before the second oldest of any. */
const claimStatement = {
  name: 'claim_pipelines_to_start',
  text: `with chosen as (
      select id from pipelines
      where state = 'queued' and dispatched_at is null and (claimed_until is null or claimed_until < now())
        and id in (
          select id from (
            select id, row_number() over (partition by workspace_id order by id) as turn from pipelines
            where state = 'queued' and dispatched_at is null and (claimed_until is null or claimed_until < now())
          ) queue order by turn, id limit $1
        )
      for update skip locked
    )
    update pipelines set claimed_until = now() + ${CLAIM_SECONDS} * interval '1 second'
    from chosen where pipelines.id = chosen.id returning ${startColumns}`,
};

const stepsStatement = {
  name: 'steps_to_start',
  text: 'select name, kind, definition, state from pipeline_steps where pipeline_id = $1 order by position',
};

const dispatchedStatement = {
  name: 'mark_pipeline_dispatched',
  text: 'update pipelines set dispatched_at = now(), claimed_until = null where id = $1 and dispatched_at is null',
};

const releaseStatement = {
  name: 'release_pipeline_claim',
  text: 'update pipelines set claimed_until = null where id = $1 and dispatched_at is null',
};

const cancelsStatement = {
  name: 'pipelines_to_cancel',
  text: `select id, run from pipelines
    where cancel_requested_at is not null and cancel_delivered_at is null and dispatched_at is not null and state in ('queued', 'running')
    order by cancel_requested_at limit 100`,
};

const cancelDeliveredStatement = {
  name: 'mark_pipeline_cancel_delivered',
  text: 'update pipelines set cancel_delivered_at = now() where id = $1 and cancel_delivered_at is null',
};

const decisionsStatement = {
  name: 'decisions_to_deliver',
  text: `select pipelines.id, pipelines.run, step.name from pipeline_steps step join pipelines on pipelines.id = step.pipeline_id
    where step.decision is not null and step.decision_delivered_at is null and step.state = 'waiting_approval'
    order by step.decided_at limit 100`,
};

const decisionDeliveredStatement = {
  name: 'mark_decision_delivered',
  text: `update pipeline_steps set decision_delivered_at = now()
    where pipeline_id = $1 and name = $2 and decision_delivered_at is null`,
};

/** Each open pipeline once in an interval, by whoever comes first. */
const claimSweepStatement = {
  name: 'claim_pipelines_to_sweep',
  text: `with chosen as (
      select id from pipelines
      where state in ('queued', 'running') and dispatched_at is not null
        and coalesce(swept_at, dispatched_at) < now() - $2 * interval '1 millisecond'
      order by swept_at nulls first limit $1 for update skip locked
    )
    update pipelines set swept_at = now() from chosen where pipelines.id = chosen.id returning ${startColumns}`,
};

const giveBackStatement = {
  name: 'give_back_pipelines_to_sweep',
  text: `update pipelines set swept_at = null where id = any($1) and state in ('queued', 'running')`,
};

/** A cancel and decisions that the lost workflow was told of are told to the new one, too. */
const prepareStatement = {
  name: 'prepare_pipeline_revival',
  text: `with steps as (
      update pipeline_steps set decision_delivered_at = null where pipeline_id = $1 and state = 'waiting_approval'
    )
    update pipelines set cancel_delivered_at = null where id = $1 and state in ('queued', 'running') returning ${startColumns}`,
};

/** The new workflow may have ended it by now, and its end is the last that is told of it. */
const revivedStatement = {
  name: 'record_pipeline_revival',
  text: `with open as materialized (
      select id from pipelines where id = $1 and state in ('queued', 'running') for update
    )
    select pipeline_event(id, 'pipeline.revived', jsonb_build_object('workflow', $2::text)) from open`,
};

/** What makes Temporal agree with the rows of pipelines. */
export function createPipelineQueue({ run }: Database) {
  return {
    /** Takes up to `limit` pipelines that nobody else is starting. */
    claim: (limit: number) => run<PipelineToStart>(claimStatement, [limit]),

    steps: (id: string) => run<StepToStart>(stepsStatement, [id]),

    async markDispatched(id: string): Promise<void> {
      await run(dispatchedStatement, [id]);
    },

    async release(id: string): Promise<void> {
      await run(releaseStatement, [id]);
    },

    /** Running pipelines whose callers want them stopped and whose workflows have not been told. */
    cancelRequests: () => run<{ id: string; run: number }>(cancelsStatement, []),

    async markCancelDelivered(id: string): Promise<void> {
      await run(cancelDeliveredStatement, [id]);
    },

    /** Approvals that a person has decided and whose workflows do not know. */
    decisions: () => run<{ id: string; run: number; name: string }>(decisionsStatement, []),

    async markDecisionDelivered({ pipelineId, step }: { pipelineId: string; step: string }): Promise<void> {
      await run(decisionDeliveredStatement, [pipelineId, step]);
    },

    claimSweep: ({ limit, intervalMs }: { limit: number; intervalMs: number }) =>
      run<PipelineToStart>(claimSweepStatement, [limit, intervalMs]),

    async giveBack(ids: string[]): Promise<void> {
      await run(giveBackStatement, [ids]);
    },

    /** To be called before the pipeline is started again. Undefined when it has ended meanwhile. */
    async prepareRevival(id: string): Promise<PipelineToStart | undefined> {
      const [pipeline] = await run<PipelineToStart>(prepareStatement, [id]);
      return pipeline;
    },

    async recordRevival({ id, workflow }: { id: string; workflow: string }): Promise<void> {
      await run(revivedStatement, [id, workflow]);
    },
  };
}
