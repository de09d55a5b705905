import type { ModelAbilities } from '../contract/abilities.js';
import { fieldError } from '../contract/errors.js';
import type { AspectRatio, GenerationRequest } from '../contract/generation.js';
import { holdFor, type Micros } from '../contract/money.js';
import type { JobLimits, JobPlan, JobTiming } from '../contract/plan.js';
import type { RequestField, WordFor } from './job-request.js';
import type { PublicModel, PublicRoute } from './models.js';

/** What routing needs to know of an input. */
export type InputFacts = { contentType: string; bytes: number };

/** A request whose defaults are filled in; its shape is still as the caller gave it. */
export type RoutableRequest = Omit<GenerationRequest, 'inputs' | 'aspectRatio' | 'size'> & {
  size?: { width: number; height: number };
  aspectRatio?: AspectRatio;
  sourceVideo?: string;
  inputs: { firstFrame?: InputFacts; lastFrame?: InputFacts; references: InputFacts[] };
};

export type ServiceTiming = Omit<JobTiming, 'firstLookMs' | 'lookIntervalMs'>;

export type RoutedJob = {
  plan: JobPlan;
  /** Both or neither: without either, the provider's default shape. */
  shape: Pick<GenerationRequest, 'size' | 'aspectRatio'>;
  holdMicros: Micros;
};

const TRIES_PER_PROVIDER = 2;
const TRIES_PER_JOB = 4;
const MAX_SPEND_PER_PRICE = 3;

/** The routes that can do all that is asked, in the catalogue's order. @throws `no_route`, naming the field that none can do. */
export function planJob(
  model: PublicModel,
  request: RoutableRequest,
  { timing, wordFor }: { timing: ServiceTiming; wordFor: WordFor },
): RoutedJob {
  const shape = shapeOf(model, request);
  const asked = { ...request, ...shape };
  const candidates = model.routes.filter(({ abilities }) => checks.every(({ fits }) => fits(abilities, asked)));
  if (candidates.length === 0) {
    const field = unfitField(model.routes, asked);
    throw fieldError('no_route', wordFor(field), `no provider of the model ${model.name} can do this`);
  }

  const { durationSeconds, variants, waitSeconds, pollIntervalSeconds, deadlineSeconds } = request;
  const holdMicros = holdFor(model, durationSeconds, variants);
  const limits: JobLimits = {
    triesPerProvider: TRIES_PER_PROVIDER,
    triesPerJob: TRIES_PER_JOB,
    spendMicros: MAX_SPEND_PER_PRICE * holdMicros,
  };
  const routes = candidates.map(({ account, upstreamModel, costMicrosPerSecond, failoverOnModeration, abilities }) => ({
    account,
    upstreamModel,
    costMicros: Math.ceil(costMicrosPerSecond * durationSeconds * variants),
    failoverOnModeration,
    canReconcile: abilities.canReconcile,
    firstLookMs: abilities.polling.firstLookMs,
    lookIntervalMs: abilities.polling.intervalMs,
  }));
  const callersTiming = {
    firstLookMs: inMilliseconds(waitSeconds),
    lookIntervalMs: inMilliseconds(pollIntervalSeconds),
    deadlineMs: inMilliseconds(deadlineSeconds) ?? timing.deadlineMs,
  };
  return { plan: { routes, timing: { ...timing, ...callersTiming }, limits }, shape, holdMicros };
}

/** Pixels and aspect ratio together. A ratio alone takes the first such shape of any route, so that all routes make the same. */
function shapeOf({ routes }: PublicModel, { size, aspectRatio }: RoutableRequest): RoutedJob['shape'] {
  if (size || !aspectRatio) return { size, aspectRatio };
  const shapes = routes.flatMap(({ abilities }) => abilities.geometry.shapes);
  const shape = shapes.find((candidate) => candidate.aspectRatio === aspectRatio);
  return { size: shape && { width: shape.width, height: shape.height }, aspectRatio };
}

type Check = { field: RequestField; fits: (abilities: ModelAbilities, request: RoutableRequest) => boolean };

/** In the order in which fields are named when a request fails for several. */
const checks: Check[] = [
  { field: 'operation', fits: ({ operations }, { operation }) => operations.includes(operation) },
  { field: 'sourceVideo', fits: (_, { sourceVideo }) => sourceVideo === undefined },
  { field: 'durationSeconds', fits: ({ duration }, { durationSeconds }) => lengthFits(duration, durationSeconds) },
  {
    field: 'aspectRatio',
    fits: ({ geometry }, { aspectRatio }) =>
      aspectRatio === undefined || geometry.shapes.some((shape) => shape.aspectRatio === aspectRatio),
  },
  {
    field: 'size',
    fits: ({ geometry }, { size }) =>
      size === undefined || geometry.shapes.some((shape) => shape.width === size.width && shape.height === size.height),
  },
  { field: 'variants', fits: ({ maxVariants }, { variants }) => variants <= maxVariants },
  { field: 'prompt', fits: ({ promptMaxCharacters }, { prompt }) => prompt.length <= promptMaxCharacters },
  {
    field: 'negativePrompt',
    fits: ({ options }, { negativePrompt }) => negativePrompt === undefined || options.negativePrompt,
  },
  { field: 'seed', fits: ({ options }, { seed }) => seed === undefined || options.seed },
  {
    field: 'generateAudio',
    fits: ({ options }, { generateAudio }) => generateAudio === undefined || options.generateAudio,
  },
  {
    field: 'enhancePrompt',
    fits: ({ options }, { enhancePrompt }) => enhancePrompt === undefined || options.enhancePrompt,
  },
  {
    field: 'personGeneration',
    fits: ({ options }, { personGeneration }) => personGeneration === undefined || options.personGeneration,
  },
  {
    field: 'firstFrame',
    fits: ({ inputs }, { inputs: { firstFrame } }) =>
      !firstFrame || (inputs.firstFrame && fileFits(inputs, firstFrame)),
  },
  {
    field: 'lastFrame',
    fits: ({ inputs }, { inputs: { lastFrame } }) => !lastFrame || (inputs.lastFrame && fileFits(inputs, lastFrame)),
  },
  {
    field: 'references',
    fits: ({ inputs }, { inputs: { references } }) =>
      references.length <= inputs.maxReferences && references.every((file) => fileFits(inputs, file)),
  },
];

function lengthFits(duration: ModelAbilities['duration'], seconds: number): boolean {
  switch (duration.kind) {
    case 'range':
      return duration.min <= seconds && seconds <= duration.max;
    case 'set':
      return duration.values.includes(seconds);
  }
}

function fileFits({ maxBytes, contentTypes }: ModelAbilities['inputs'], { bytes, contentType }: InputFacts): boolean {
  return bytes <= maxBytes && contentTypes.includes(contentType);
}

/** The first field that no route can do; where each can be done somewhere, the one at which no route is left for all before it. */
function unfitField(routes: PublicRoute[], request: RoutableRequest): RequestField {
  const hopeless = checks.find(({ fits }) => !routes.some(({ abilities }) => fits(abilities, request)));
  if (hopeless) return hopeless.field;
  let left = routes;
  for (const { field, fits } of checks) {
    left = left.filter(({ abilities }) => fits(abilities, request));
    if (left.length === 0) return field;
  }
  return 'model';
}

function inMilliseconds(seconds: number | undefined): number | null {
  return seconds === undefined ? null : Math.round(seconds * 1_000);
}
