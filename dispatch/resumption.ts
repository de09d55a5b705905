import type { JobPlan, Resumption, Route } from '../contract/plan.js';
import type { EarlierAttempt, EarlierLife, JobToSweep } from '../store/sweep.js';

/** A revived job keeps what is left of its time, and at least so much: it must hear of what it has bought already. */
const LEAST_DEADLINE_MS = 60_000;

/** How a job is started again: where its lost workflow stood, with the time that is left. */
export function secondLifeOf(
  job: JobToSweep,
  earlier: EarlierLife,
): { plan: JobPlan; resumption: Resumption | undefined } {
  const { routes, timing } = job.plan;
  const plan = { ...job.plan, timing: { ...timing, deadlineMs: remainingMs(job, earlier.attempts) } };
  return { plan, resumption: resumptionOf(routes, earlier) };
}

/** What is left of the job's time. While nobody knows what became of an attempt, the clock may have stood still: then all of it. */
function remainingMs({ plan, started_ago_ms: startedAgoMs }: JobToSweep, attempts: EarlierAttempt[]): number {
  const { deadlineMs } = plan.timing;
  const last = attempts.at(-1);
  if (last && isLost(last.state)) return deadlineMs;
  return Math.round(Math.min(Math.max(deadlineMs - startedAgoMs, LEAST_DEADLINE_MS), deadlineMs));
}

/**
 * Where a job goes on whose workflow was lost: at its last attempt, with what the others left. Undefined when nothing had been tried, so
 * that it begins like any other. By it a resumed job waits for none of its earlier attempts again.
 */
export function resumptionOf(
  routes: readonly Route[],
  { attempts, isCancelRequested }: EarlierLife,
): Resumption | undefined {
  const last = attempts.at(-1);
  if (!last) return undefined;
  const before = attempts.slice(0, -1);
  const isSamePlace = (attempt: EarlierAttempt) =>
    attempt.account === last.account && attempt.upstreamModel === last.upstreamModel;
  const routeIndex = routes.findIndex(
    ({ account, upstreamModel }) => account === last.account && upstreamModel === last.upstreamModel,
  );
  return {
    attempt: last.number,
    routeIndex: Math.max(routeIndex, 0),
    triesOnRoute: attempts.length - 1 - attempts.findLastIndex((attempt) => !isSamePlace(attempt)),
    spentMicros: before.reduce((sum, { charged, costMicros }) => sum + (charged === 'no' ? 0 : costMicros), 0),
    hasLeftUnknown: before.some(({ state }) => isLost(state)),
    abandoned: before.flatMap(({ number: attempt, state, task }) =>
      task && (state === 'accepted' || state === 'abandoned') ? [{ attempt, task }] : [],
    ),
    isCancelRequested,
  };
}

/** Nobody knows what became of it. */
function isLost(state: EarlierAttempt['state']): boolean {
  return state === 'unknown' || state === 'intended';
}
