import { ServiceError } from '../contract/errors.js';
import { formatUsd, type Micros } from '../contract/money.js';
import type { FailurePolicy, StepKind } from '../contract/pipeline.js';
import type { StepDefinition } from '../contract/pipeline-definition.js';
import type { JobState } from '../contract/states.js';
import type { ArtifactRow, StoredInput } from './artifacts.js';
import { type Database, isLockTimeout, type Runner, violates } from './database.js';
import { type PipelineRow, pipelineColumns, type StepRow, stepColumns, stepTables } from './pipeline-row.js';

export type NewStep = { name: string; kind: StepKind; definition: StepDefinition; reservedMicros: Micros };

/** An image of a step, whose row is written with the pipeline's. */
export type StepInput = StoredInput & { step: string };

export type NewPipeline = {
  id: string;
  workspaceId: string;
  apiKeyId: string;
  openJobLimit: number;
  maxParallel: number;
  onFailure: FailurePolicy;
  callbackUrl?: string;
  metadata: Record<string, string>;
  steps: NewStep[];
  inputs: StepInput[];
  idempotency?: { key: string; requestSha256: Buffer };
};

/** What runs again: steps of these names, each with what it is now. */
export type Retry = { id: string; workspaceId: string; steps: NewStep[]; inputs: StepInput[] };

export type PipelineAcceptance = { pipeline: PipelineRow; isReplay: boolean };
export type Pipelines = ReturnType<typeof createPipelines>;

type Owned = { id: string; workspaceId: string };

const acceptStatement = {
  name: 'accept_pipeline',
  text: `with room as (
      select 1 where (select count(*) from jobs where workspace_id = $2 and state in ('queued', 'running'))
        + (select count(*) from pipelines where workspace_id = $2 and state in ('queued', 'running')) < $4
    ), key as (
      insert into idempotency_keys as kept (workspace_id, key, request_sha256, pipeline_id)
      select $2, $10, $11, $1 from room where $10::text is not null
      on conflict (workspace_id, key) do update
        set request_sha256 = excluded.request_sha256, job_id = null, file_id = null, pipeline_id = excluded.pipeline_id, created_at = now()
        where kept.created_at < now() - interval '24 hours'
      returning 1
    )
    insert into pipelines (id, workspace_id, api_key_id, max_parallel, on_failure, callback_url, metadata, reserved_micros)
    select $1, $2, $3, $5, $6, $7, $8::jsonb, $9 from room where $10::text is null or exists (select from key)
    returning ${pipelineColumns}`,
};

const firstEventStatement = {
  name: 'first_pipeline_event',
  text: `insert into pipeline_events (pipeline_id, sequence, type) values ($1, 1, 'pipeline.queued')`,
};

const stepsStatement = {
  name: 'add_pipeline_steps',
  text: `insert into pipeline_steps (pipeline_id, name, position, kind, definition, reserved_micros)
    select $1, s.name, s.position, s.kind, s.definition, s."reservedMicros"
    from jsonb_to_recordset($2::jsonb) as s(name text, position integer, kind text, definition jsonb, "reservedMicros" bigint)`,
};

const inputsStatement = {
  name: 'add_step_inputs',
  text: `insert into artifacts (id, workspace_id, pipeline_id, pipeline_step, role, location, bytes, sha256, content_type, width,
      height, expires_at)
    select i.id, $2, $1, i.step, 'input', i.location, i.bytes, i.sha256, i.content_type, i.width, i.height, i.expires_at
    from jsonb_to_recordset($3::jsonb) as i(id text, step text, location text, bytes bigint, sha256 text, content_type text,
      width integer, height integer, expires_at timestamptz)`,
};

const accountStatement = {
  name: 'open_reserve',
  text: `insert into ledger_accounts (workspace_id, kind, pipeline_id) values ($1, 'reserved', $2)`,
};

const reserveStatement = {
  name: 'reserve',
  text: `select ledger_post('reserve', ledger_account($1, 'available'), ledger_source($1, $2), $3, in_attempt => $4, in_reference => $2)`,
};

const keptKeyStatement = {
  name: 'kept_idempotency_key_of_pipeline',
  text: `select kept.request_sha256, ${pipelineColumns}
    from idempotency_keys kept left join pipelines on pipelines.id = kept.pipeline_id
    where kept.workspace_id = $1 and kept.key = $2 and kept.created_at >= now() - interval '24 hours'`,
};

const findStatement = {
  name: 'find_pipeline',
  text: `select ${pipelineColumns} from pipelines where id = $1 and workspace_id = $2 and deleted_at is null`,
};

const stepsOfStatement = {
  name: 'steps_of_pipelines',
  text: `select ${stepColumns} from ${stepTables} where pipeline_steps.pipeline_id = any($1)
    order by pipeline_steps.pipeline_id, pipeline_steps.position`,
};

const spentStatement = {
  name: 'spent_by_pipelines',
  text: `select pipeline_id, coalesce(sum(captured_micros), 0)::bigint as captured from jobs
    where pipeline_id = any($1) group by pipeline_id`,
};

const filesStatement = {
  name: 'files_of_pipeline',
  text: `select artifacts.*, artifacts.deleted_at is null and artifacts.expires_at > now() as is_kept
    from artifacts left join jobs on jobs.id = artifacts.job_id
    where artifacts.pipeline_id = $1 or (jobs.pipeline_id = $1 and artifacts.role = 'video' and jobs.deleted_at is null)
    order by artifacts.job_id, artifacts.variant`,
};

const pageStatement = {
  name: 'pipelines_of_workspace',
  text: `select ${pipelineColumns} from pipelines
    where workspace_id = $1 and deleted_at is null and ($2::text is null or id < $2) and ($3::text is null or state = $3)
    order by id desc limit $4`,
};

const availableStatement = {
  name: 'available_balance',
  text: `select balance_micros from ledger_accounts where id = ledger_account($1, 'available')`,
};

/** Only one that has ended without success, and is locked until its next run has its money. */
const retryStatement = {
  name: 'retry_pipeline',
  text: `update pipelines set state = 'queued', run = run + 1, reserved_micros = $3, finished_at = null, claimed_until = null,
      dispatched_at = null, swept_at = null, cancel_requested_at = null, cancel_delivered_at = null
    where id = $1 and workspace_id = $2 and state in ('failed', 'canceled') and deleted_at is null returning ${pipelineColumns}`,
};

const resetStatement = {
  name: 'reset_pipeline_steps',
  text: `update pipeline_steps set kind = s.kind, definition = s.definition, reserved_micros = s."reservedMicros",
      run = $3, state = 'pending', job_id = null, artifact_id = null, error_code = null, error_detail = null, started_at = null,
      finished_at = null, deadline_at = null, decision = null, decision_note = null, decided_by = null, decided_at = null,
      decision_delivered_at = null
    from jsonb_to_recordset($2::jsonb) as s(name text, kind text, definition jsonb, "reservedMicros" bigint)
    where pipeline_steps.pipeline_id = $1 and pipeline_steps.name = s.name and pipeline_steps.state <> 'succeeded'
    returning pipeline_steps.name`,
};

const eventStatement = { name: 'write_pipeline_event', text: 'select pipeline_event($1, $2, $3::jsonb)' };

/** What a caller does with pipelines. */
export function createPipelines(database: Database) {
  const { run } = database;

  return {
    /**
     * Stores the pipeline with its steps and reserves the whole quote, in one transaction. A known idempotency key gives back its pipeline.
     * @throws `insufficient_funds`, `too_many_jobs`, `idempotency_key_reused`, `idempotency_in_flight`; then nothing is stored or reserved.
     */
    async accept(pipeline: NewPipeline): Promise<PipelineAcceptance> {
      const { workspaceId } = pipeline;
      try {
        const accepted = await database.transaction((inOne) => store(inOne, pipeline));
        if (accepted) return { pipeline: accepted, isReplay: false };
      } catch (error) {
        if (violates(error, 'ledger_accounts_not_overdrawn')) {
          const replay = await findReplay(pipeline);
          if (replay) return replay;
          throw await insufficientFunds(workspaceId, reserveOf(pipeline.steps));
        }
        if (isLockTimeout(error)) {
          const code = pipeline.idempotency ? 'idempotency_in_flight' : 'service_unavailable';
          throw new ServiceError(code, { retryAfterSeconds: 1, cause: error });
        }
        throw error;
      }
      const replay = await findReplay(pipeline);
      if (replay) return replay;
      throw new ServiceError('too_many_jobs', {
        detail: `The workspace has ${pipeline.openJobLimit} open jobs and pipelines, which is its limit.`,
        retryAfterSeconds: 5,
      });
    },

    /** The pipeline that this idempotency key made before, if any. @throws `idempotency_key_reused` for another request. */
    replay: findReplay,

    find,

    stepsOf: (ids: string[]) => run<StepRow>(stepsOfStatement, [ids]),

    /** What the jobs of each have been charged. */
    spentBy: (ids: string[]) => run<{ pipeline_id: string; captured: Micros }>(spentStatement, [ids]),

    /** What its steps came with and have made, the videos of their jobs included. */
    filesOf: (id: string) => run<ArtifactRow>(filesStatement, [id]),

    /** Newest first. */
    async page({
      workspaceId,
      after,
      state,
      limit,
    }: {
      workspaceId: string;
      after?: string;
      state?: JobState;
      limit: number;
    }) {
      const rows = await run<PipelineRow>(pageStatement, [workspaceId, after ?? null, state ?? null, limit + 1]);
      return { pipelines: rows.slice(0, limit), hasMore: rows.length > limit };
    },

    /**
     * Begins another run of a pipeline that has ended without success: the steps given are as new, and what they may cost is reserved.
     * Undefined when it is not, or no longer, one that can be run again. @throws `insufficient_funds`
     */
    async retry({ id, workspaceId, steps, inputs }: Retry): Promise<PipelineRow | undefined> {
      try {
        return await database.transaction(async (inOne) => {
          const [pipeline] = await inOne<PipelineRow>(retryStatement, [id, workspaceId, reserveOf(steps)]);
          if (!pipeline) return undefined;
          const reset = await inOne(resetStatement, [id, JSON.stringify(steps), pipeline.run]);
          if (reset.length !== steps.length) throw new Error(`${id}: a step that is kept was to run again`);
          await inOne(inputsStatement, [id, workspaceId, JSON.stringify(inputs)]);
          await inOne(reserveStatement, [workspaceId, id, reserveOf(steps), pipeline.run]);
          const data = { run: pipeline.run, steps: steps.map(({ name }) => name) };
          await inOne(eventStatement, [id, 'pipeline.retried', JSON.stringify(data)]);
          return pipeline;
        });
      } catch (error) {
        if (violates(error, 'ledger_accounts_not_overdrawn'))
          throw await insufficientFunds(workspaceId, reserveOf(steps));
        throw error;
      }
    },
  };

  async function find({ id, workspaceId }: Owned): Promise<PipelineRow | undefined> {
    const [row] = await run<PipelineRow>(findStatement, [id, workspaceId]);
    return row;
  }

  async function store(inOne: Runner, pipeline: NewPipeline): Promise<PipelineRow | undefined> {
    const { id, workspaceId, steps } = pipeline;
    const reservedMicros = reserveOf(steps);
    const values = [
      id,
      workspaceId,
      pipeline.apiKeyId,
      pipeline.openJobLimit,
      pipeline.maxParallel,
      pipeline.onFailure,
      pipeline.callbackUrl ?? null,
      JSON.stringify(pipeline.metadata),
      reservedMicros,
      pipeline.idempotency?.key ?? null,
      pipeline.idempotency?.requestSha256 ?? null,
    ];
    const [accepted] = await inOne<PipelineRow>(acceptStatement, values);
    if (!accepted) return undefined;
    await inOne(firstEventStatement, [id]);
    await inOne(stepsStatement, [id, JSON.stringify(steps.map((step, position) => ({ ...step, position })))]);
    await inOne(inputsStatement, [id, workspaceId, JSON.stringify(pipeline.inputs)]);
    await inOne(accountStatement, [workspaceId, id]);
    // Last, so that the account is locked for as short a time as can be.
    await inOne(reserveStatement, [workspaceId, id, reservedMicros, 1]);
    return accepted;
  }

  async function findReplay({ workspaceId, idempotency }: Pick<NewPipeline, 'workspaceId' | 'idempotency'>) {
    if (!idempotency) return undefined;
    type KeptRow = PipelineRow & { request_sha256: Buffer };
    const [kept] = await run<KeptRow>(keptKeyStatement, [workspaceId, idempotency.key]);
    if (!kept) return undefined;
    // The hash is of the route, too: a key that made a job is another request.
    if (!kept.request_sha256.equals(idempotency.requestSha256)) throw new ServiceError('idempotency_key_reused');
    return { pipeline: kept, isReplay: true } satisfies PipelineAcceptance;
  }

  async function insufficientFunds(workspaceId: string, neededMicros: Micros): Promise<ServiceError> {
    const [account] = await run<{ balance_micros: number }>(availableStatement, [workspaceId]);
    const available = formatUsd(account?.balance_micros ?? 0);
    return new ServiceError('insufficient_funds', {
      detail: `The pipeline needs ${formatUsd(neededMicros)} USD; ${available} USD are available.`,
    });
  }
}

function reserveOf(steps: readonly NewStep[]): Micros {
  return steps.reduce((sum, { reservedMicros }) => sum + reservedMicros, 0);
}
