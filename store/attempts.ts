import type { Selectable } from 'kysely';
import type { GenerationRequest } from '../contract/generation.js';
import type { AttemptRef, Route } from '../contract/plan.js';
import type { Look, ProviderTask, ResultFile, Submission } from '../contract/provider.js';
import type { ProviderFailure } from '../contract/provider-errors.js';
import { changeBySubmission, recordChange } from './attempt-record.js';
import type { Database } from './database.js';
import { createLostAttempts } from './lost-attempts.js';
import type { AttemptsTable } from './tables.js';

/** An attempt, with its age by the database's clock. */
export type AttemptRow = Selectable<AttemptsTable> & { age_ms: number };
export type Attempts = ReturnType<typeof createAttempts>;

export type AttemptResult = {
  /** Null while no verdict is recorded. */
  files: ResultFile[] | null;
  /** The exact size asked for; null when any will do. */
  size: { width: number; height: number } | null;
  /** How many files were asked for. */
  variants: number;
  /** The variants that are stored already. */
  stored: number[];
  operation: GenerationRequest['operation'];
  /** Whether the attempt animates a still of the source that the job goes on from. */
  isBridged: boolean;
};

/** Whether this run may send. Only the run that inserted the row may; `recorded` is what an earlier run left. */
export type Intent =
  | { kind: 'inserted'; request: GenerationRequest; attemptKey: string }
  | { kind: 'recorded'; attempt: AttemptRow }
  | { kind: 'stopped' };

/** The hash is of the secret in the address at which the provider may call back. */
type Intention = AttemptRef & { route: Route; callbackTokenSha256?: Buffer | null };

/** Guarded on the number, so that two runs at once insert one row and write one event. */
const intendStatement = {
  name: 'intend_attempt',
  text: `with job as (
      update jobs set state = 'running', phase = 'submitting', progress = null, provider = $3, attempts = $2,
        started_at = coalesce(started_at, now()), last_sequence = last_sequence + 1
      where id = $1 and state in ('queued', 'running') and cancel_requested_at is null and attempts = $2 - 1
      returning id, last_sequence, request
    ), attempt as (
      insert into attempts (job_id, number, account, upstream_model, attempt_key, cost_micros, callback_token_sha256)
      select id, $2, $3, $4, $5, $6, $7 from job
    ), event as (
      insert into job_events (job_id, sequence, type, data)
      select id, last_sequence, 'attempt.submitting', jsonb_build_object('attempt', $2::integer, 'provider', $3::text)
      from job
    )
    select request from job`,
};

const columns = '*, extract(epoch from now() - intended_at)::double precision * 1000 as age_ms';

const findStatement = {
  name: 'find_attempt',
  text: `select ${columns} from attempts where job_id = $1 and number = $2`,
};

const ofJobStatement = {
  name: 'attempts_of_job',
  text: `select ${columns} from attempts where job_id = $1 order by number`,
};

/** A provider that takes its success back does not take the job back. */
const recordLookStatement = {
  name: 'record_look',
  text: `with job as (
      update jobs set phase = 'polling', progress = coalesce($2, progress), last_sequence = last_sequence + 1
      where id = $1 and state = 'running' and phase is distinct from 'downloading'
        and (phase is distinct from 'polling' or progress is distinct from coalesce($2, progress))
      returning id, last_sequence, progress
    )
    insert into job_events (job_id, sequence, type, data)
    select id, last_sequence, 'job.progress', jsonb_build_object('progress', progress) from job`,
};

const resultStatement = {
  name: 'result_of_attempt',
  text: `select attempts.files, jobs.request->'size' as size, (jobs.request->>'variants')::integer as variants,
      array(select variant from artifacts where job_id = jobs.id and role = 'video') as stored, jobs.operation,
      exists (select from jsonb_array_elements(jobs.plan->'routes') as routes(route) where route->>'account' = attempts.account
        and route->>'upstreamModel' = attempts.upstream_model and (route->'isBridged')::boolean) as "isBridged"
    from jobs left join attempts on attempts.job_id = jobs.id and attempts.number = $2 where jobs.id = $1`,
};

const lookingStatement = {
  name: 'count_looking',
  text: `select count(*) as jobs from jobs where state = 'running' and phase in ('waiting', 'polling')`,
};

export function createAttempts(database: Database) {
  const { run } = database;
  const lost = createLostAttempts(database);
  const record = async (...[attempt, change]: [AttemptRef, Parameters<typeof recordChange>[2]]): Promise<void> => {
    await recordChange(run, attempt, change);
  };

  return {
    /** Writes down that this attempt is about to be sent, unless the job was cancelled or has ended. */
    async intend({ jobId, attempt, route, callbackTokenSha256 = null }: Intention): Promise<Intent> {
      const attemptKey = `${jobId}:${attempt}`;
      const { account, upstreamModel, costMicros } = route;
      const values = [jobId, attempt, account, upstreamModel, attemptKey, costMicros, callbackTokenSha256];
      const [inserted] = await run<{ request: GenerationRequest }>(intendStatement, values);
      if (inserted) return { kind: 'inserted', request: inserted.request, attemptKey };
      const recorded = await find({ jobId, attempt });
      return recorded ? { kind: 'recorded', attempt: recorded } : { kind: 'stopped' };
    },

    find,

    ofJob: (jobId: string) => run<AttemptRow>(ofJobStatement, [jobId]),

    /** Keeps the answer to a submit. An answer that came late still turns `unknown` into what it says. */
    async recordSubmission({ submission, ...attempt }: AttemptRef & { submission: Submission }): Promise<void> {
      const change = changeBySubmission(submission);
      if (submission.outcome !== 'accepted') return record(attempt, { ...change, from: ['intended', 'unknown'] });
      const isRecorded = await recordChange(run, attempt, { ...change, from: ['intended'] });
      // Only what is openly lost can have been given away meanwhile.
      if (!isRecorded) await lost.recordLateAcceptance({ ...attempt, task: submission.task });
    },

    /** Keeps a task that was found otherwise than by an answer. False when it belongs to another attempt, or this one has its answer. */
    recordFound: lost.recordLateAcceptance,

    settleByList: lost.settleByList,

    recordStillUnknown: lost.recordStillUnknown,

    /** Says openly that the run that sent this attempt left no answer. It may still come: a slow run records it. */
    async recordLost(attempt: AttemptRef): Promise<void> {
      const failure: ProviderFailure = { class: 'OUTCOME_UNKNOWN', message: 'the run that sent this left no answer' };
      const from = ['intended'] as const;
      const change = { state: 'unknown', from, phase: 'reconciling', charged: 'possibly', failure } as const;
      return record(attempt, { ...change, isAnswered: false });
    },

    /** Keeps progress and phase; writes only what changed. */
    async recordLook({ jobId, progress }: { jobId: string; progress?: number }): Promise<void> {
      await run(recordLookStatement, [jobId, progress === undefined ? null : Math.round(progress)]);
    },

    /** Keeps the provider's word on a task; addresses of files are renewed by a later look. */
    async recordVerdict({ verdict, task, ...attempt }: AttemptRef & { verdict: Verdict; task: ProviderTask }) {
      if (verdict.status === 'succeeded') {
        const { files, costMicros } = verdict;
        const from = ['intended', 'unknown', 'accepted', 'succeeded', 'abandoned'] as const;
        return record(attempt, {
          state: 'succeeded',
          from,
          phase: 'downloading',
          charged: 'yes',
          task,
          files,
          costMicros,
        });
      }
      const charged = verdict.charged === 'unknown' ? 'possibly' : verdict.charged ? 'yes' : 'no';
      const from = ['intended', 'unknown', 'accepted', 'abandoned'] as const;
      return record(attempt, { state: 'failed', from, phase: 'routing', charged, task, failure: verdict.error });
    },

    /** Nobody waits for this task any more; what it may cost stays open until the provider's word. */
    async abandon({ task, ...attempt }: AttemptRef & { task: ProviderTask }): Promise<void> {
      const from = ['intended', 'unknown', 'accepted'] as const;
      return record(attempt, { state: 'abandoned', from, phase: 'routing', charged: 'possibly', task });
    },

    /** What a download needs to know: the addresses, what was asked for, and what is stored already. */
    async resultOf({ jobId, attempt }: AttemptRef): Promise<AttemptResult> {
      const [row] = await run<AttemptResult>(resultStatement, [jobId, attempt]);
      if (!row) throw new Error(`there is no job ${jobId}`);
      return row;
    },

    /** How many jobs wait for a provider's verdict now. */
    async countLooking(): Promise<number> {
      const [row] = await run<{ jobs: number }>(lookingStatement, []);
      return row?.jobs ?? 0;
    },
  };

  async function find({ jobId, attempt }: AttemptRef): Promise<AttemptRow | undefined> {
    const [row] = await run<AttemptRow>(findStatement, [jobId, attempt]);
    return row;
  }
}

type Verdict = Exclude<Look, { status: 'pending' }>;
