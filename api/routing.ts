import { fieldError, ServiceError } from '../contract/errors.js';
import { aspectRatioOf, type GenerationRequest } from '../contract/generation.js';
import { holdFor, type Micros } from '../contract/money.js';
import type { JobLimits, JobPlan, JobTiming, Route, RoutingPolicy } from '../contract/plan.js';
import { bridgedRequest, bridgesAmong } from './bridge.js';
import { type Circumstances, canDo, isSame, type RoutableRequest, unfitField } from './fitness.js';
import type { RequestField, WordFor } from './job-request.js';
import { isRetired, type PublicModel, type PublicRoute } from './models.js';
import { orderRoutes } from './route-order.js';

export type ServiceTiming = Omit<JobTiming, 'firstLookMs' | 'lookIntervalMs'>;

export type RoutedJob = {
  plan: JobPlan;
  /** Without a size, the provider's default shape. */
  shape: Pick<GenerationRequest, 'size' | 'aspectRatio'>;
  priceMicrosPerSecond: Micros;
  holdMicros: Micros;
};

export type RoutingOptions = {
  timing: ServiceTiming;
  wordFor: WordFor;
  policy: RoutingPolicy;
  hasPublicAddress: boolean;
  isHealthy: (route: PublicRoute) => boolean;
  nowMs: number;
  random: () => number;
};

const TRIES_PER_PROVIDER = 2;
const TRIES_PER_JOB = 4;
const MAX_SPEND_PER_PRICE = 3;

/**
 * The routes that can do all that is asked, in the order of the policy; a follow-up goes to its source's provider first, and to the others
 * as bridges. @throws `model_retired`; `no_route`, naming the field that none can do
 */
export function planJob(model: PublicModel, request: RoutableRequest, options: RoutingOptions): RoutedJob {
  const { timing, wordFor, policy, hasPublicAddress, isHealthy, nowMs, random } = options;
  const { durationSeconds, variants, waitSeconds, pollIntervalSeconds, deadlineSeconds } = request;
  const alive = model.routes.filter((route) => !isRetired(route, nowMs));
  if (alive.length === 0) throw retired(model);
  const eligible = policy === 'official' ? alive.filter(({ official }) => official) : alive;
  if (eligible.length === 0) throw fieldError('no_route', wordFor('routing'), `${model.name} has no official provider`);

  const deadlineMs = inMilliseconds(deadlineSeconds) ?? timing.deadlineMs;
  const circumstances: Circumstances = { hasPublicAddress, deadlineAtMs: nowMs + deadlineMs };
  const shape = shapeOf(eligible, request);
  const asked = { ...request, ...shape };
  const natives = eligible.filter((route) => canDo(route, asked, circumstances));
  const bridges = bridgesAmong(eligible, { request: asked, natives, circumstances });
  if (natives.length === 0 && bridges.length === 0) {
    const field = hopelessField(eligible, asked, circumstances);
    throw fieldError('no_route', wordFor(field), `no provider of the model ${model.name} can do this`);
  }

  const priceMicrosPerSecond = priceOf(model, shape);
  const holdMicros = holdFor({ ...model, priceMicrosPerSecond }, durationSeconds, variants);
  const limits: JobLimits = {
    triesPerProvider: TRIES_PER_PROVIDER,
    triesPerJob: TRIES_PER_JOB,
    spendMicros: MAX_SPEND_PER_PRICE * holdMicros,
  };
  const routeOf = ({ account, upstreamModel, costMicrosPerSecond, failoverOnModeration, abilities }: PublicRoute) => ({
    account,
    upstreamModel,
    costMicros: Math.ceil(costMicrosPerSecond * durationSeconds * variants),
    failoverOnModeration,
    // A callback may still tell of a submit whose answer was lost.
    canReconcile: abilities.canReconcile || (abilities.callsBack && hasPublicAddress),
    firstLookMs: abilities.polling.firstLookMs,
    lookIntervalMs: abilities.polling.intervalMs,
  });
  const ordered = (candidates: PublicRoute[]) => orderRoutes(candidates, { policy, isHealthy, random }).map(routeOf);
  const routes: Route[] = [
    ...ordered(natives),
    ...ordered(bridges).map((route) => ({ ...route, isBridged: true as const })),
  ];
  const callersTiming = {
    firstLookMs: inMilliseconds(waitSeconds),
    lookIntervalMs: inMilliseconds(pollIntervalSeconds),
    deadlineMs,
  };
  return { plan: { routes, timing: { ...timing, ...callersTiming }, limits }, shape, priceMicrosPerSecond, holdMicros };
}

/** What a bridge has from its source. */
const ofSource: ReadonlySet<RequestField> = new Set(['firstFrame', 'size', 'aspectRatio']);

/** What stands in the way of a follow-up is said of its bridge, where anybody animates images: more can be done with it. */
function hopelessField(
  routes: readonly PublicRoute[],
  asked: RoutableRequest,
  circumstances: Circumstances,
): RequestField {
  const bridged = bridgedRequest(asked);
  const field = bridged ? unfitField(routes, bridged, circumstances) : 'operation';
  if (field === 'operation') return unfitField(routes, asked, circumstances);
  return ofSource.has(field) ? 'sourceVideo' : field;
}

/**
 * A follow-up has its source's size. A ratio alone takes the first such shape of any route, so that all routes make the same; a video
 * without either has the pixels of its first frame, where some route can make those.
 */
function shapeOf(routes: readonly PublicRoute[], { size, aspectRatio, inputs }: RoutableRequest): RoutedJob['shape'] {
  const { sourceVideo, firstFrame } = inputs;
  if (sourceVideo) return withRatio(sourceVideo.size);
  if (size) return { size, aspectRatio };
  const shapes = routes.flatMap(({ abilities }) => abilities.geometry.shapes);
  if (aspectRatio) {
    const shape = shapes.find((candidate) => candidate.aspectRatio === aspectRatio);
    return { size: shape && { width: shape.width, height: shape.height }, aspectRatio };
  }
  if (!firstFrame || !shapes.some((shape) => isSame(shape, firstFrame))) return {};
  return withRatio(firstFrame);
}

function withRatio({ width, height }: { width: number; height: number }): RoutedJob['shape'] {
  const size = { width, height };
  return { size, aspectRatio: aspectRatioOf(size) };
}

function priceOf({ priceMicrosPerSecond, sizePrices }: PublicModel, { size }: RoutedJob['shape']): Micros {
  return (size && sizePrices[`${size.width}x${size.height}`]) ?? priceMicrosPerSecond;
}

function retired({ name, replacement }: PublicModel): ServiceError {
  const detail = replacement ? `The model ${name} is retired; use ${replacement}.` : `The model ${name} is retired.`;
  return new ServiceError('model_retired', { detail });
}

function inMilliseconds(seconds: number | undefined): number | null {
  return seconds === undefined ? null : Math.round(seconds * 1_000);
}
