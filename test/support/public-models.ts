import type { RoutableRequest } from '../../api/fitness.js';
import type { PublicModel, PublicRoute } from '../../api/models.js';
import { planJob, type RoutedJob, type RoutingOptions } from '../../api/routing.js';
import type { ModelAbilities } from '../../contract/abilities.js';
import { ServiceError } from '../../contract/errors.js';
import { aPlan } from './plans.js';

export const landscape = { width: 1280, height: 720, aspectRatio: '16:9' } as const;
export const portrait = { width: 720, height: 1280, aspectRatio: '9:16' } as const;

/** Text to video of 1 to 30 s in two shapes, and nothing else. */
const someAbilities: ModelAbilities = {
  operations: ['text_to_video'],
  duration: { kind: 'range', min: 1, max: 30 },
  geometry: { promised: 'pixels', shapes: [landscape, portrait], default: landscape },
  promptMaxCharacters: 1_000,
  maxVariants: 1,
  options: { negativePrompt: false, seed: false, generateAudio: false, enhancePrompt: false, personGeneration: false },
  inputs: {
    firstFrame: false,
    lastFrame: false,
    maxReferences: 0,
    maxBytes: 1_000,
    contentTypes: ['image/png'],
    form: 'bytes',
    framePixels: 'any',
  },
  polling: { firstLookMs: 5_000, intervalMs: 2_000 },
  canCancel: false,
  canReconcile: true,
  callsBack: false,
};

type Changes = Partial<Omit<PublicRoute, 'abilities'>> & { abilities?: Partial<ModelAbilities> };

/** A route to the model `<account>-model`, as a catalogue and an adapter make it. */
export function aPublicRoute(account: string, { abilities = {}, ...changes }: Changes = {}): PublicRoute {
  return {
    account,
    upstreamModel: `${account}-model`,
    costMicrosPerSecond: 70_000,
    failoverOnModeration: false,
    lifecycle: { status: 'active' },
    official: false,
    abilities: { ...someAbilities, ...abilities },
    ...changes,
  };
}

/** What a route takes of images. */
export function takesImages(changes: Partial<ModelAbilities['inputs']> = {}): Partial<ModelAbilities> {
  const inputs = { ...someAbilities.inputs, firstFrame: true, lastFrame: true, maxReferences: 1, ...changes };
  return { operations: ['text_to_video', 'image_to_video'], inputs };
}

export function aPublicModel(...routes: PublicRoute[]): PublicModel {
  const prices = { priceMicrosPerSecond: 100_000, minimumHoldMicros: 10_000, sizePrices: {} };
  return { name: 'sora', description: '', defaultSeconds: 8, ...prices, routes };
}

/** 8 s of text to video. */
export function aRoutableRequest(changes: Partial<RoutableRequest> = {}): RoutableRequest {
  return {
    model: 'sora',
    operation: 'text_to_video',
    prompt: 'a boat',
    durationSeconds: 8,
    variants: 1,
    inputs: { references: [] },
    ...changes,
  };
}

/** Planned when all is well, in the early morning of 2026-11-21. */
export function planFor(
  model: PublicModel,
  request: RoutableRequest,
  options: Partial<RoutingOptions> = {},
): RoutedJob {
  return planJob(model, request, {
    timing: aPlan().timing,
    wordFor: (field) => `their ${field}`,
    policy: 'auto',
    hasPublicAddress: true,
    isHealthy: () => true,
    nowMs: Date.parse('2026-11-21T08:00:00Z'),
    random: () => 0,
    ...options,
  });
}

export function refusalOf(...planned: Parameters<typeof planFor>): ServiceError {
  try {
    planFor(...planned);
  } catch (error) {
    if (error instanceof ServiceError) return error;
  }
  throw new Error('the request was not refused');
}
