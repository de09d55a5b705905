import { fieldError } from '../../../contract/errors.js';
import { DEFAULT_PARALLEL, type FramePlace } from '../../../contract/pipeline.js';
import type { RequestField } from '../../jobs.js';
import { parseRequest } from '../../middleware/parse.js';
import { inStep, type PipelineRequest, type WantedStep } from '../../pipelines.js';
import {
  pipelineBodySchema,
  retryBodySchema,
  type StepBody,
  stepKindSchema,
  stepSchemaOf,
} from './pipeline-schemas.js';
import { translateRequest } from './translate.js';

type JobBody = Extract<StepBody, { model: string }>;

/** What the caller sent, in the words of the core; whatever is wrong with a step is said of that step. */
export async function readPipeline(body: unknown): Promise<PipelineRequest> {
  const {
    steps,
    max_parallel,
    on_failure,
    callback_url: callbackUrl,
    metadata = {},
  } = parseRequest(pipelineBodySchema, body);
  return {
    steps: await readSteps(steps),
    maxParallel: max_parallel ?? DEFAULT_PARALLEL,
    onFailure: on_failure ?? 'stop',
    callbackUrl,
    metadata,
  };
}

export async function readRetry(body: unknown): Promise<WantedStep[]> {
  return readSteps(parseRequest(retryBodySchema, body ?? {}).steps ?? []);
}

async function readSteps(steps: readonly unknown[]): Promise<WantedStep[]> {
  const read: WantedStep[] = [];
  for (const [index, step] of steps.entries()) {
    const path = `steps[${index}]`;
    read.push(await inStep({ path, name: nameOf(step) }, () => readStep(step, path)));
  }
  return read;
}

function nameOf(step: unknown): string {
  const named = step !== null && typeof step === 'object' && 'name' in step ? step.name : undefined;
  return typeof named === 'string' ? named.slice(0, 64) : '';
}

function readStep(body: unknown, path: string): WantedStep {
  const { kind } = parseRequest(stepKindSchema, body);
  const step: StepBody = parseRequest(stepSchemaOf(kind), body);
  const { name, after } = step;
  const common = { name, after, path, wordFor: (field: string) => field };
  switch (step.kind) {
    case 'concat':
      return { ...common, kind: step.kind, sources: step.sources };
    case 'frame':
      return { ...common, kind: step.kind, source: step.source, at: placeOf(step.at) };
    case 'approval': {
      const { source, message, deadline_seconds: deadlineSeconds } = step;
      return { ...common, kind: step.kind, source, message, deadlineSeconds };
    }
    case 'text_to_video':
      return { ...common, kind: step.kind, ...jobOf(step) };
    case 'image_to_video': {
      const { source, ...job } = step;
      const wanted = jobOf(job);
      if (source !== undefined && wanted.request.firstFrame !== undefined) {
        throw fieldError(
          'request_invalid',
          wanted.wordFor('firstFrame'),
          'is another way to say source: send one of them',
        );
      }
      if (source === undefined && wanted.request.firstFrame === undefined) {
        throw fieldError('request_invalid', 'source', 'is required: name an image, or send a start_frame');
      }
      return { ...common, kind: step.kind, source, ...wanted };
    }
    case 'extend':
    case 'remix': {
      const { source, ...job } = step;
      return { ...common, kind: step.kind, source, ...jobOf(job) };
    }
  }
}

function jobOf(step: Omit<JobBody, 'source'>) {
  const { name: _name, after: _after, kind, ...job } = step;
  const { request, wordFor } = translateRequest(job);
  const inSteps = (field: RequestField) => (field === 'operation' ? 'kind' : wordFor(field));
  return { request: { ...request, operation: kind }, wordFor: inSteps };
}

function placeOf(at: 'first' | 'last' | number | undefined): FramePlace | undefined {
  return typeof at === 'number' ? { seconds: at } : at;
}
