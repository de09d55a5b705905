import type { Resumption, Route } from '../contract/plan.js';
import type { EarlierAttempt, EarlierLife } from '../store/sweep.js';

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
export function isLost(state: EarlierAttempt['state']): boolean {
  return state === 'unknown' || state === 'intended';
}
