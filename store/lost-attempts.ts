import type { GenerationRequest } from '../contract/generation.js';
import type { AttemptRef, UnknownPolicy } from '../contract/plan.js';
import type { ProviderTask } from '../contract/provider.js';
import type { ProviderFailure } from '../contract/provider-errors.js';
import { changeBySubmission, recordChange } from './attempt-record.js';
import type { Database, Runner } from './database.js';

/** An attempt without a recorded answer: lost, or still on its way. */
export type UnansweredAttempt = {
  job_id: string;
  number: number;
  upstream_model: string;
  state: 'intended' | 'unknown';
  intended_at: Date;
  /** By the database's clock. */
  age_ms: number;
  /** The run that sent it wrote down that it has no answer, so no late one comes. */
  is_given_up: boolean;
  request: GenerationRequest;
};

/** What can be said of a lost attempt by a list. `open`: nothing yet. */
export type Finding =
  | { kind: 'accepted'; task: ProviderTask }
  | { kind: 'never_existed' }
  | { kind: 'open'; why: string };

export type ListFacts = {
  own: UnansweredAttempt;
  /** Every other attempt of this account with the same prompt that may have made a listed task. */
  others: UnansweredAttempt[];
  /** Of the listed tasks, those that belong to an attempt. */
  ownedIds: ReadonlySet<string>;
  /** Tasks that the account took meanwhile, as we know for sure, and the list does not show. */
  unlistedCount: number;
};

type Search = {
  account: string;
  listedIds: string[];
  /** Others are looked for from this long before the attempt on. */
  othersWithinMs: number;
  /** What was answered less than this long ago need not be listed yet. */
  listedAfterMs: number;
};

const ANSWERS_FROM = ['intended', 'unknown'] as const;

const lockStatement = {
  name: 'lock_lost_attempts',
  text: `select pg_advisory_xact_lock(hashtextextended('lost attempts of ' || $1, 0))`,
};

const unansweredColumns = `attempts.job_id, attempts.number, attempts.upstream_model, attempts.state, attempts.intended_at,
  attempts.answered_at is not null as is_given_up, jobs.request,
  extract(epoch from now() - attempts.intended_at)::double precision * 1000 as age_ms`;

const ownStatement = {
  name: 'lost_attempt',
  text: `select ${unansweredColumns} from attempts join jobs on jobs.id = attempts.job_id
    where job_id = $1 and number = $2 and attempts.state in ('intended', 'unknown') and task is null
    for update of attempts`,
};

const othersStatement = {
  name: 'other_unanswered_attempts',
  text: `select ${unansweredColumns} from attempts join jobs on jobs.id = attempts.job_id
    where account = $1 and intended_at >= $2::timestamptz - $3 * interval '1 millisecond'
      and attempts.state in ('intended', 'unknown') and task is null and (job_id, number) <> ($4, $5)
      and jobs.request->>'prompt' = $6`,
};

const ownedStatement = {
  name: 'owned_tasks',
  text: `select task->>'id' as id from attempts where account = $1 and task->>'id' = any($2)`,
};

const unlistedStatement = {
  name: 'unlisted_tasks',
  text: `select count(*) as tasks from attempts
    where account = $1 and intended_at >= $2 and answered_at < now() - $3 * interval '1 millisecond'
      and task is not null and task->>'id' <> all($4)`,
};

const stillUnknownStatement = {
  name: 'record_still_unknown',
  text: `with job as (
      update jobs set last_sequence = last_sequence + 1
      where id = $1 and state = 'running' and not exists (select from job_events
        where job_id = $1 and type = 'attempt.still_unknown' and (data->>'attempt')::integer = $2)
      returning id, last_sequence
    )
    insert into job_events (job_id, sequence, type, data)
    select id, last_sequence, 'attempt.still_unknown', jsonb_build_object('attempt', $2::integer, 'policy', $3::text)
    from job`,
};

/** What becomes of attempts whose answer was lost. A task is given to one of them only: whoever gives one holds the account's lock. */
export function createLostAttempts(database: Database) {
  return {
    /**
     * Lets `find` say what a list tells of a lost attempt, and writes that down, while no other attempt of the account can be given a task.
     * Undefined when the attempt has its answer by now.
     */
    settleByList(ref: AttemptRef, search: Search, find: (facts: ListFacts) => Finding): Promise<Finding | undefined> {
      return database.transaction(async (run) => {
        const facts = await readFacts(run, ref, search);
        if (!facts) return undefined;
        const finding = find(facts);
        await write(run, ref, finding);
        return finding;
      });
    },

    /** Keeps an answer that came late, unless its task was given to another attempt meanwhile. */
    async recordLateAcceptance({ task, ...ref }: AttemptRef & { task: ProviderTask }): Promise<boolean> {
      return database.transaction(async (run) => {
        await takeAccountLock(run, task.account);
        return !(await isOwned(run, task)) && write(run, ref, { kind: 'accepted', task });
      });
    },

    /** Says, once, that the grace time is over and what the job does about it. */
    async recordStillUnknown({ jobId, attempt, policy }: AttemptRef & { policy: UnknownPolicy }): Promise<void> {
      await database.run(stillUnknownStatement, [jobId, attempt, policy]);
    },
  };
}

/** Until the transaction ends, nobody else gives a task of this account to an attempt. */
export async function takeAccountLock(run: Runner, account: string): Promise<void> {
  await run(lockStatement, [account]);
}

/** Whether a task belongs to an attempt. */
export async function isOwned(run: Runner, { account, id }: Pick<ProviderTask, 'account' | 'id'>): Promise<boolean> {
  const owned = await run(ownedStatement, [account, [id]]);
  return owned.length > 0;
}

async function readFacts(run: Runner, { jobId, attempt }: AttemptRef, search: Search): Promise<ListFacts | undefined> {
  const { account, listedIds, othersWithinMs, listedAfterMs } = search;
  await takeAccountLock(run, account);
  const [own] = await run<UnansweredAttempt>(ownStatement, [jobId, attempt]);
  if (!own) return undefined;
  const { intended_at: intendedAt, request } = own;
  const values = [account, intendedAt, othersWithinMs, jobId, attempt, request.prompt];
  const others = await run<UnansweredAttempt>(othersStatement, values);
  const owned = await run<{ id: string }>(ownedStatement, [account, listedIds]);
  const [unlisted] = await run<{ tasks: number }>(unlistedStatement, [account, intendedAt, listedAfterMs, listedIds]);
  return { own, others, ownedIds: new Set(owned.map(({ id }) => id)), unlistedCount: unlisted?.tasks ?? 0 };
}

const notListed: ProviderFailure = { class: 'NETWORK', message: 'the provider does not list a task of this attempt' };

async function write(run: Runner, ref: AttemptRef, finding: Finding): Promise<boolean> {
  if (finding.kind === 'open') return false;
  const submission =
    finding.kind === 'accepted'
      ? ({ outcome: 'accepted', task: finding.task } as const)
      : ({ outcome: 'not_sent', error: notListed } as const);
  return recordChange(run, ref, { ...changeBySubmission(submission), from: ANSWERS_FROM });
}
