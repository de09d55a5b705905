import { ServiceError } from '../contract/errors.js';
import type { FailurePolicy, FramePlace, StepKind } from '../contract/pipeline.js';
import type { JobRequest, RequestField } from './job-request.js';

/** A step as a dialect hands it over: its own words translated and checked by themselves. */
export type WantedStep = {
  name: string;
  kind: StepKind;
  source?: string;
  sources?: string[];
  after?: string[];
  at?: FramePlace;
  deadlineSeconds?: number;
  message?: string;
  /** Of a step that is a job; what its source is, is said above. */
  request?: JobRequest;
  /** The caller's way to this step, as `steps[3]`. */
  path: string;
  /** The caller's own word for a field of the job, without that way. */
  wordFor: (field: RequestField) => string;
};

export type PipelineRequest = {
  steps: WantedStep[];
  maxParallel: number;
  onFailure: FailurePolicy;
  callbackUrl?: string;
  metadata: Record<string, string>;
};

type Place = Pick<WantedStep, 'path' | 'name'>;

/** Does something with one step; what it is refused for is told with the step's place and name. */
export async function inStep<Result>(step: Place, work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof ServiceError ? refusalOf(step, error) : error;
  }
}

/** An error of this service that is about one step. */
export function refusalOf({ path, name }: Place, { code, message, errors, retryAfterSeconds, cause }: ServiceError) {
  const inWords = (words: string) => `step ${JSON.stringify(name)}: ${words}`;
  const placed = errors.map((error) => ({
    field: error.field === '' ? path : `${path}.${error.field}`,
    message: inWords(error.message),
  }));
  const [first] = placed;
  const detail = first ? `${first.field}: ${first.message}` : `${path}: ${inWords(message)}`;
  return new ServiceError(code, { detail, errors: placed, retryAfterSeconds, cause });
}
