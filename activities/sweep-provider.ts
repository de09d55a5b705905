import type { ListedTask, VideoProvider } from '../contract/provider.js';
import type { LostAttempt } from '../store/orphans.js';
import type { ActivityDeps } from './deps.js';
import { findListedTask } from './find-listed-task.js';

export type SweepInput = {
  account: string;
  /** Tasks are listed from this long ago on. */
  lookBackMs: number;
  /** How long a submit may be on its way. */
  submitTimeoutMs: number;
  listTimeoutMs: number;
  cancelTimeoutMs: number;
};

export type SweepOutcome = { adopted: number; canceled: number; writtenOff: number };

/** Beyond the time of a submit: for its record to be written, and for clocks that differ. */
const MARGIN_MS = 2 * 60_000;

/**
 * Finds the tasks of an account that no attempt owns. Each is adopted by the attempt whose answer was lost, cancelled where that can be
 * done, or written off with its cost, and each only once. What an open job may still find is left to it.
 */
export async function sweepProvider(deps: ActivityDeps, input: SweepInput): Promise<SweepOutcome> {
  const { account, lookBackMs, listTimeoutMs } = input;
  const outcome: SweepOutcome = { adopted: 0, canceled: 0, writtenOff: 0 };
  const provider = deps.providers.get(account);
  if (!provider.list) return outcome;
  const askedAtMs = performance.now();
  const since = new Date(Date.now() - lookBackMs);
  const listed = await provider.list(since, { signal: AbortSignal.timeout(listTimeoutMs) });
  const list = { listed, listAgeMs: performance.now() - askedAtMs };

  const lost = await deps.orphans.lostAttempts({ account, since: new Date(since.getTime() - lateBy(input)) });
  for (const attempt of lost) {
    // A list that does not reach back to before an attempt says nothing of it.
    const isCovered = attempt.intendedAt.getTime() - MARGIN_MS >= since.getTime();
    if (attempt.hasJobEnded && isCovered && (await adopt(deps, input, { attempt, ...list }))) outcome.adopted += 1;
  }
  const searching = lost.filter(({ hasJobEnded }) => !hasJobEnded);
  const ripe = listed.filter(
    (task) => isRipe(task, input) && !searching.some((attempt) => mayBeOf(attempt, task, input)),
  );
  const unowned = await deps.orphans.unowned({ account, taskIds: ripe.map(({ task }) => task.id) });
  for (const orphan of ripe.filter(({ task }) => unowned.has(task.id))) {
    const resolution = await resolve(deps, { provider, orphan, cancelTimeoutMs: input.cancelTimeoutMs });
    if (resolution === 'canceled') outcome.canceled += 1;
    if (resolution === 'written_off') outcome.writtenOff += 1;
  }
  return outcome;
}

/** A task may be created so long after its attempt was intended, and is then owned by it. */
function lateBy({ submitTimeoutMs }: SweepInput): number {
  return submitTimeoutMs + MARGIN_MS;
}

/** The answer about a younger task may be on its way to us. */
function isRipe({ createdAt }: ListedTask, input: SweepInput): boolean {
  return createdAt !== null && Date.now() - createdAt.getTime() > lateBy(input);
}

/** Not by its words, which a list may shorten: an open job must never lose its task. */
function mayBeOf({ intendedAt }: LostAttempt, { createdAt }: ListedTask, input: SweepInput): boolean {
  const sinceIntentMs = (createdAt?.getTime() ?? 0) - intendedAt.getTime();
  return sinceIntentMs >= -MARGIN_MS && sinceIntentMs <= lateBy(input);
}

type Adoption = { attempt: LostAttempt; listed: ListedTask[]; listAgeMs: number };

/** By the same rules as the job would have. The attempt's task is looked at from then on, until what it cost is known. */
async function adopt(
  deps: ActivityDeps,
  { account, submitTimeoutMs }: SweepInput,
  { attempt: { jobId, attempt }, listed, listAgeMs }: Adoption,
): Promise<boolean> {
  const { listedAfterMs } = deps.limits;
  const search = {
    account,
    listedIds: listed.map(({ task }) => task.id),
    othersWithinMs: submitTimeoutMs + 2 * MARGIN_MS,
    listedAfterMs: listAgeMs + listedAfterMs,
  };
  const finding = await deps.attempts.settleByList({ jobId, attempt }, search, (facts) =>
    findListedTask({ ...facts, listed, submitTimeoutMs, listedAfterMs, listAgeMs }),
  );
  if (finding?.kind !== 'accepted') return false;
  const adopted = listed.find(({ task }) => task.id === finding.task.id);
  if (adopted) await deps.orphans.recordAdoption({ listed: adopted, jobId, attempt });
  deps.logger.warn(
    { jobId, attempt, provider: account, task: finding.task.id },
    'a lost task was found after its job had ended',
  );
  return true;
}

type Resolving = { provider: VideoProvider; orphan: ListedTask; cancelTimeoutMs: number };

async function resolve(
  deps: ActivityDeps,
  { provider, orphan, cancelTimeoutMs }: Resolving,
): Promise<'canceled' | 'written_off' | undefined> {
  const { task, status, durationSeconds = 0 } = orphan;
  const facts = { provider: task.account, task: task.id, upstreamModel: task.upstreamModel, status };
  try {
    const isCanceled =
      status === 'open' &&
      (await provider.cancel?.(task, { signal: AbortSignal.timeout(cancelTimeoutMs) })) === 'confirmed';
    const resolution = isCanceled ? 'canceled' : 'written_off';
    const isFree = isCanceled || status === 'failed';
    const costMicros = isFree ? 0 : Math.ceil(deps.costMicrosPerSecond(task) * durationSeconds);
    if (!(await deps.orphans.record({ listed: orphan, resolution, costMicros }))) return undefined;
    deps.logger.warn({ ...facts, resolution, costMicros }, 'a provider has a task that no job owns');
    return resolution;
  } catch (error) {
    deps.logger.warn({ ...facts, err: error }, 'a task that no job owns could not be resolved; it is tried again');
    return undefined;
  }
}
