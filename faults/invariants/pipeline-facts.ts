import type { StepKind, StepState } from '../../contract/pipeline.js';
import type { JobState } from '../../contract/states.js';
import type { Database } from '../../store/database.js';

/** A pipeline as its rows tell of it. */
export type PipelineFacts = {
  id: string;
  state: JobState;
  run: number;
  last_sequence: number;
  /** What lies in its reserve; null where it never had one. */
  reserve_micros: number | null;
  /** What came into its reserve and has not come back. */
  spent_micros: number;
  events: PipelineEvent[];
  steps: StepFacts[];
  jobs: StepJobFacts[];
  /** What steps that are no jobs have made. */
  files: { id: string; step: string; sha256: string; seconds: number | null }[];
  keys: string[];
};
/** `step` is null where it is of the pipeline itself. */
export type PipelineEvent = { sequence: number; type: string; step: string | null; atMs: number };
export type StepFacts = {
  name: string;
  kind: StepKind;
  state: StepState;
  sources: string[];
  job_id: string | null;
  artifact_id: string | null;
};
/** `videos` tells of each how long it lasts. */
export type StepJobFacts = {
  id: string;
  step: string;
  state: JobState;
  captured_micros: number;
  videos: { sha256: string; seconds: number }[];
};

const factsStatement = {
  name: 'facts_of_pipelines',
  text: `select id, state, run, last_sequence,
      (select balance_micros from ledger_accounts where pipeline_id = pipelines.id) as reserve_micros,
      (select coalesce(sum(case kind when 'reserve' then amount_micros else -amount_micros end), 0)::bigint
        from ledger_transfers where reference = pipelines.id and kind in ('reserve', 'unreserve')) as spent_micros,
      (select jsonb_agg(jsonb_build_object('sequence', sequence, 'type', type, 'step', data->>'step',
        'atMs', (extract(epoch from created_at) * 1000)::bigint) order by sequence)
        from pipeline_events where pipeline_id = pipelines.id) as events,
      (select jsonb_agg(jsonb_build_object('name', name, 'kind', kind, 'state', state, 'job_id', job_id, 'artifact_id', artifact_id,
        'sources', coalesce(definition->'sources', '[]')) order by position)
        from pipeline_steps where pipeline_id = pipelines.id) as steps,
      coalesce((select jsonb_agg(jsonb_build_object('id', jobs.id, 'step', pipeline_step, 'state', jobs.state,
        'captured_micros', coalesce(captured_micros, 0), 'videos', coalesce((
          select jsonb_agg(jsonb_build_object('sha256', sha256, 'seconds', duration_seconds)) from artifacts
          where job_id = jobs.id and role = 'video'), '[]')) order by jobs.created_at)
        from jobs where jobs.pipeline_id = pipelines.id), '[]') as jobs,
      coalesce((select jsonb_agg(jsonb_build_object('id', artifacts.id, 'step', pipeline_step, 'sha256', sha256, 'seconds', duration_seconds))
        from artifacts where artifacts.pipeline_id = pipelines.id and role <> 'input'), '[]') as files,
      array(select key from idempotency_keys where pipeline_id = pipelines.id) as keys
    from pipelines where id = any($1)`,
};

export async function readPipelineFacts(database: Database, ids: string[]): Promise<Map<string, PipelineFacts>> {
  const rows = await database.run<PipelineFacts>(factsStatement, [ids]);
  return new Map(rows.map((row) => [row.id, row]));
}

const ofAddressStatement = {
  name: 'pipelines_of_address',
  text: 'select id from pipelines where callback_url = $1',
};

/** Every pipeline that tells its end to this address: those that one key made. */
export async function pipelinesOfAddress(database: Database, address: string): Promise<string[]> {
  const rows = await database.run<{ id: string }>(ofAddressStatement, [address]);
  return rows.map(({ id }) => id);
}
