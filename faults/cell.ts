import type { Random } from '../runtime/random.js';
import type { World } from './world.js';

/** One planned fault on one job or pipeline, or on a load of jobs. */
export type Episode = {
  /** Tells its jobs and pipelines apart from all others: a part of their prompts and of their idempotency keys. */
  mark: string;
  random: Random;
};

/** The stack did not come back, so no further episode would tell anything. */
export class WorldLost extends Error {}

/** A job that was answered 202, as its caller knows it. */
export type AcceptedJob = { id: string; idempotencyKey: string; prompt: string };

/** A pipeline that was answered 202, as its caller knows it. */
export type AcceptedPipeline = { id: string; idempotencyKey: string };

export type EpisodeResult = {
  /** Whether what was planned really happened. */
  fired: boolean;
  /** From the fault to the end of the last job or pipeline that it met; null where there is nothing to recover from. */
  recoveredMs: number | null;
  jobs: AcceptedJob[];
  pipelines?: AcceptedPipeline[];
  /** What the cell itself finds wrong, beside the invariants. */
  violations: string[];
};

/** One kind of fault, at a place where it can be played. */
export type Cell<Place = World> = {
  name: string;
  /** It touches more than its own jobs, so nothing else may run beside it. */
  isAlone: boolean;
  /** It waits for something to be given up. */
  isSlow?: boolean;
  /** Episodes in one run, where each takes long. */
  most?: number;
  /** Why it cannot run here; undefined when it can. */
  whyNot?(place: Place): string | undefined;
  run(place: Place, episode: Episode): Promise<EpisodeResult>;
};
