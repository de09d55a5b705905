import { Context } from '@temporalio/activity';
import type { AttemptRef, Route, UnknownPolicy } from '../contract/plan.js';
import type { VideoProvider } from '../contract/provider.js';
import type { AttemptRow } from '../store/attempts.js';
import type { ActivityDeps } from './deps.js';
import { notReady } from './failure.js';
import { findCalledBackTask } from './find-called-back-task.js';
import { findListedTask } from './find-listed-task.js';
import { recordedOutcome, type SubmitOutcome } from './submit-generation.js';

export type ReconcileInput = AttemptRef & {
  route: Route;
  /** How long a lost answer is looked for, from the moment the attempt was intended. */
  graceMs: number;
  /** How long a first run may still be sending. */
  submitTimeoutMs: number;
  timeoutMs: number;
  /** For a list of many pages. Jobs that began before lists were read have none. */
  listTimeoutMs?: number;
  /** What the job does when the grace time is over; written down then. */
  unknownPolicy?: UnknownPolicy;
  /** The grace time is over and an operator has the word: looked at until it is spoken, or something comes to light after all. */
  isHeld?: boolean;
};

export type ReconcileOutcome =
  | SubmitOutcome
  | { kind: 'never_existed' }
  | { kind: 'still_unknown' }
  | { kind: 'resolved'; as: 'fail' | 'failover' };

const LOOK_EVERY_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;
/** Our own row is looked at this often while an operator has the word, and the provider at every so many of these looks. */
const HELD_LOOK_EVERY_MS = 3_000;
const HELD_LOOKS_PER_QUESTION = 20;
/** A list is read from this long before the attempt on: the provider's clock may be behind ours. */
const CLOCKS_DIFFER_MS = 120_000;

/**
 * Finds out what became of an attempt whose answer was lost: from our own row first, then from the provider, until the grace time is over.
 * The attempt's own account is asked, also where an earlier life of the job made it on another route.
 */
export async function reconcileSubmission(deps: ActivityDeps, input: ReconcileInput): Promise<ReconcileOutcome> {
  const { jobId, attempt, route } = input;
  // Without a row nothing was sent; writing it now keeps a late first run from sending.
  const intent = await deps.attempts.intend({ jobId, attempt, route });
  if (intent.kind === 'stopped') return { kind: 'stopped' };
  if (intent.kind === 'inserted') {
    const error = { class: 'NETWORK', message: 'no run of this attempt had begun' } as const;
    await deps.attempts.recordSubmission({ jobId, attempt, submission: { outcome: 'not_sent', error } });
    return { kind: 'never_existed' };
  }
  const row = intent.attempt;
  const decided = decidedOutcome(row);
  if (decided) return decided;

  const ageMs = row.age_ms;
  if (ageMs < input.submitTimeoutMs && row.answered_at === null)
    throw notReady('the first run may still record', LOOK_EVERY_MS);
  const { attempt: runs } = Context.current().info;
  if (input.isHeld) {
    const found = runs % HELD_LOOKS_PER_QUESTION === 1 ? await askProvider(deps, input, row) : undefined;
    if (found) return found;
    throw notReady('an operator decides', HELD_LOOK_EVERY_MS);
  }

  const found = await askProvider(deps, input, row);
  if (found) return found;
  if (ageMs < input.graceMs)
    throw notReady('the provider does not know yet', Math.min(LOOK_EVERY_MS * runs, LONGEST_PAUSE_MS));
  const policy = input.unknownPolicy ?? 'fail';
  await deps.attempts.recordStillUnknown({ jobId, attempt, policy });
  deps.logger.warn(
    { jobId, attempt, provider: row.account, policy },
    'it stays unknown whether the provider took the attempt',
  );
  return { kind: 'still_unknown' };
}

/** What the attempt's row says by now, written by a slow first run, an earlier run of this one or an operator. */
function decidedOutcome(row: AttemptRow): ReconcileOutcome | undefined {
  if (row.resolution === 'fail' || row.resolution === 'failover') return { kind: 'resolved', as: row.resolution };
  // Nothing reached the provider: the same to the job as a task that never existed.
  if (row.state === 'not_sent' && row.failure?.class === 'NETWORK') return { kind: 'never_existed' };
  return recordedOutcome(row);
}

/** What the provider says; undefined when that is nothing yet. While there is time, trouble with asking is thrown, to be tried again. */
async function askProvider(
  deps: ActivityDeps,
  input: ReconcileInput,
  row: AttemptRow,
): Promise<ReconcileOutcome | undefined> {
  try {
    const provider = deps.providers.get(row.account);
    const calledBack = await findCalledBackTask(deps, { row, provider, timeoutMs: input.timeoutMs });
    if (calledBack) return { kind: 'accepted', task: calledBack };
    if (provider.reconcile) return await askByKey(deps, input, { row, reconcile: provider.reconcile });
    if (provider.list) return await askByList(deps, input, { row, list: provider.list });
  } catch (error) {
    if (row.age_ms < input.graceMs && !input.isHeld) throw error;
    const { jobId, attempt } = input;
    deps.logger.warn({ jobId, attempt, provider: row.account, err: error }, 'the provider could not be asked');
  }
  return undefined;
}

type ByKey = { row: AttemptRow; reconcile: NonNullable<VideoProvider['reconcile']> };

async function askByKey(
  deps: ActivityDeps,
  { jobId, attempt, timeoutMs }: ReconcileInput,
  { row, reconcile }: ByKey,
): Promise<ReconcileOutcome | undefined> {
  const lost = { attemptKey: row.attempt_key, intendedAt: row.intended_at, upstreamModel: row.upstream_model };
  const answer = await reconcile(lost, { signal: AbortSignal.timeout(timeoutMs) });
  switch (answer.outcome) {
    case 'accepted':
      await deps.attempts.recordSubmission({ jobId, attempt, submission: answer });
      return { kind: 'accepted', task: answer.task };
    case 'never_existed': {
      const error = { class: 'NETWORK', message: 'the provider says that it never took this attempt' } as const;
      await deps.attempts.recordSubmission({ jobId, attempt, submission: { outcome: 'not_sent', error } });
      return { kind: 'never_existed' };
    }
    case 'still_unknown':
      return undefined;
  }
}

type ByList = { row: AttemptRow; list: NonNullable<VideoProvider['list']> };

async function askByList(
  deps: ActivityDeps,
  { jobId, attempt, timeoutMs, submitTimeoutMs, listTimeoutMs = timeoutMs }: ReconcileInput,
  { row, list }: ByList,
): Promise<ReconcileOutcome | undefined> {
  const { listedAfterMs } = deps.limits;
  const askedAtMs = performance.now();
  const since = new Date(row.intended_at.getTime() - CLOCKS_DIFFER_MS);
  const listed = await list(since, { signal: AbortSignal.timeout(listTimeoutMs) });

  const listAgeMs = performance.now() - askedAtMs;
  const finding = await deps.attempts.settleByList(
    { jobId, attempt },
    {
      account: row.account,
      listedIds: listed.map(({ task }) => task.id),
      othersWithinMs: submitTimeoutMs + 2 * CLOCKS_DIFFER_MS,
      listedAfterMs: listAgeMs + listedAfterMs,
    },
    (facts) => findListedTask({ ...facts, listed, submitTimeoutMs, listedAfterMs, listAgeMs }),
  );
  if (!finding) {
    // It was written down while the list was read.
    const answered = await deps.attempts.find({ jobId, attempt });
    return answered && decidedOutcome(answered);
  }
  if (finding.kind !== 'open') return finding;
  deps.logger.debug({ jobId, attempt, provider: row.account, reason: finding.why }, 'the list does not tell');
  return undefined;
}
