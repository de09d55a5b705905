import type { UnknownPolicy } from '../../contract/plan.js';
import type { AttemptState, JobState } from '../../contract/states.js';
import type { Database } from '../../store/database.js';

/** A job as its rows tell of it. */
export type JobFacts = {
  id: string;
  state: JobState;
  error_code: string | null;
  prompt: string;
  variants: number;
  /** What is new: an extension shows its source before it. */
  asked_seconds: number;
  source_seconds: number;
  price_micros_per_second: number;
  held_micros: number;
  captured_micros: number | null;
  last_sequence: number;
  cancel_charge: 'none' | 'full';
  unknown_policy: UnknownPolicy;
  attempts: {
    number: number;
    state: AttemptState;
    account: string;
    task_id: string | null;
    resolution: string | null;
  }[];
  events: { sequence: number; type: string }[];
  videos: { variant: number; location: string; bytes: number; sha256: string; seconds: number }[];
  keys: string[];
  created_at: Date;
};

const factsStatement = {
  name: 'facts_of_jobs',
  text: `select jobs.id, jobs.state, jobs.error_code, jobs.request->>'prompt' as prompt, (jobs.request->>'variants')::integer as variants,
      (jobs.request->>'durationSeconds')::double precision as asked_seconds,
      case when jobs.operation = 'extend' then (jobs.request->'inputs'->'sourceVideo'->>'durationSeconds')::double precision else 0 end
        as source_seconds,
      jobs.price_micros_per_second, jobs.held_micros, jobs.captured_micros, jobs.last_sequence, workspaces.cancel_charge,
      coalesce(jobs.plan->>'unknownPolicy', 'fail') as unknown_policy,
      coalesce((select jsonb_agg(jsonb_build_object('number', number, 'state', state, 'account', account, 'task_id', task->>'id',
        'resolution', resolution) order by number) from attempts where job_id = jobs.id), '[]') as attempts,
      (select jsonb_agg(jsonb_build_object('sequence', sequence, 'type', type) order by sequence)
        from job_events where job_id = jobs.id) as events,
      coalesce((select jsonb_agg(jsonb_build_object('variant', variant, 'location', location, 'bytes', bytes, 'sha256', sha256,
        'seconds', duration_seconds) order by variant) from artifacts where job_id = jobs.id and role = 'video'), '[]') as videos,
      array(select key from idempotency_keys where job_id = jobs.id) as keys, jobs.created_at
    from jobs join workspaces on workspaces.id = jobs.workspace_id where jobs.id = any($1)`,
};

export async function readFacts(database: Database, jobIds: string[]): Promise<Map<string, JobFacts>> {
  const rows = await database.run<JobFacts>(factsStatement, [jobIds]);
  return new Map(rows.map((row) => [row.id, row]));
}

const ofPromptStatement = {
  name: 'jobs_of_prompt',
  text: `select id, request->>'prompt' as prompt from jobs where request->>'prompt' = any($1)`,
};

/** Every job that was made for one of these prompts, by prompt. */
export async function jobsOfPrompts(database: Database, prompts: string[]): Promise<Map<string, string[]>> {
  const rows = await database.run<{ id: string; prompt: string }>(ofPromptStatement, [prompts]);
  const groups = new Map<string, string[]>();
  for (const { id, prompt } of rows) groups.set(prompt, [...(groups.get(prompt) ?? []), id]);
  return groups;
}
