import type { JobPlan, Route, UnknownPolicy } from '../../contract/plan.js';

export function aRoute(changes: Partial<Route> = {}): Route {
  return {
    account: 'first',
    upstreamModel: 'model-1',
    costMicros: 800_000,
    failoverOnModeration: false,
    canReconcile: false,
    firstLookMs: 10,
    lookIntervalMs: 10,
    ...changes,
  };
}

type PlanChanges = {
  routes?: Route[];
  timing?: Partial<JobPlan['timing']>;
  limits?: Partial<JobPlan['limits']>;
  unknownPolicy?: UnknownPolicy;
};

/** Two routes, every duration in milliseconds. */
export function aPlan({ routes, timing, limits, unknownPolicy }: PlanChanges = {}): JobPlan {
  return {
    routes: routes ?? [aRoute(), aRoute({ account: 'second', upstreamModel: 'model-2' })],
    timing: {
      firstLookMs: null,
      lookIntervalMs: null,
      submitTimeoutMs: 5_000,
      lookTimeoutMs: 2_000,
      downloadTimeoutMs: 10_000,
      stallMs: 60_000,
      deadlineMs: 120_000,
      reconcileGraceMs: 1_000,
      reconcileBlindGraceMs: 100,
      retryPauseMs: 50,
      longestRetryAfterMs: 10_000,
      ...timing,
    },
    limits: { triesPerProvider: 2, triesPerJob: 4, spendMicros: 2_400_000, ...limits },
    ...(unknownPolicy && { unknownPolicy }),
  };
}
