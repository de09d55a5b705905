import type { ProviderTask } from './provider.js';

/** Who is asked first: the healthiest, the cheapest, or only those that offer the model of its maker. */
export const routingPolicies = ['auto', 'value', 'official'] as const;
export type RoutingPolicy = (typeof routingPolicies)[number];

/**
 * What becomes of a job when the grace time is over and nobody can say whether a provider took it: it fails, it goes on with the next route at
 * the risk of one duplicate, or it waits for an operator.
 */
export const unknownPolicies = ['fail', 'failover', 'hold'] as const;
export type UnknownPolicy = (typeof unknownPolicies)[number];

/** One candidate of a job, fixed when the job was accepted. Money is in micro-USD, times are in milliseconds. */
export type Route = {
  account: string;
  upstreamModel: string;
  /** What the provider would bill for the whole job on this route. */
  costMicros: number;
  failoverOnModeration: boolean;
  canReconcile: boolean;
  firstLookMs: number;
  lookIntervalMs: number;
  /** This account cannot go on from the source of a follow-up: it is asked to animate a still of it. */
  isBridged?: true;
};

/** Every duration of a job in milliseconds, so that tests run in milliseconds and running jobs keep the values they started with. */
export type JobTiming = {
  /** One HTTP exchange of a submit. */
  submitTimeoutMs: number;
  /** One HTTP exchange of a look or a cancel. */
  lookTimeoutMs: number;
  downloadTimeoutMs: number;
  /** A task that is silent for this long is given up. */
  stallMs: number;
  /** The whole job. */
  deadlineMs: number;
  /** How long a lost answer is looked for: where the provider can be asked, and where it cannot. */
  reconcileGraceMs: number;
  reconcileBlindGraceMs: number;
  /** How long an operator has to decide, under the policy `hold`; a week where a plan does not say. */
  holdMs?: number;
  /** What the caller asked for; these win over the provider's hints, which win over the route's own. */
  firstLookMs: number | null;
  lookIntervalMs: number | null;
  /** Between two tries at the same provider when it names no time, and the longest `Retry-After` that is waited for. */
  retryPauseMs: number;
  longestRetryAfterMs: number;
};

export type JobLimits = { triesPerProvider: number; triesPerJob: number; spendMicros: number };

/** How a job is to go: ids, numbers and names only, no prompt and no address. */
export type JobPlan = {
  routes: Route[];
  timing: JobTiming;
  limits: JobLimits;
  /** Plans of earlier versions have none: then the job fails. */
  unknownPolicy?: UnknownPolicy;
};

/** One try at one provider. The number counts from 1 within the job. */
export type AttemptRef = { jobId: string; attempt: number };

/** Where a job stands that is started again because its workflow was lost, as its attempts tell. */
export type Resumption = {
  /** The last attempt that was written down. Whatever became of it, it is not sent again. */
  attempt: number;
  routeIndex: number;
  triesOnRoute: number;
  /** What the attempts before it may have cost. */
  spentMicros: number;
  hasLeftUnknown: boolean;
  /** Tasks before it that were left without the provider's word. */
  abandoned: { attempt: number; task: ProviderTask }[];
  /** The lost workflow may have been told so and have begun to stop. */
  isCancelRequested: boolean;
};

/** What the workflow of a job is started with. */
export type VideoJobInput = JobPlan & { jobId: string; workspaceId: string; resumption?: Resumption };

/** An accepted try. */
export type LiveAttempt = AttemptRef & { task: ProviderTask };

/** A job in a few words, as operators find it in Temporal's Web UI. `durationSeconds` is shown to the hundredth. */
export function jobTitle({ model, operation, durationSeconds }: JobTitle): string {
  return `${model} · ${operation} · ${Number(durationSeconds.toFixed(2))} s`;
}
type JobTitle = { model: string; operation: string; durationSeconds: number };
