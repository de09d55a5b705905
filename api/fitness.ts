import type { Duration, ModelAbilities } from '../contract/abilities.js';
import type { AspectRatio, GenerationRequest } from '../contract/generation.js';
import type { RequestField, Size } from './job-request.js';
import { type PublicRoute, sunsetOf } from './models.js';
import type { FoundSource } from './source-video.js';

/** What routing needs to know of an input. */
export type InputFacts = { contentType: string; bytes: number; width: number; height: number };

/** A request whose defaults are filled in; its shape is still as the caller gave it. */
export type RoutableRequest = Omit<GenerationRequest, 'inputs' | 'aspectRatio' | 'size'> & {
  size?: Size;
  aspectRatio?: AspectRatio;
  inputs: { firstFrame?: InputFacts; lastFrame?: InputFacts; references: InputFacts[]; sourceVideo?: FoundSource };
};

export type Circumstances = {
  /** Whether providers can fetch inputs from us. */
  hasPublicAddress: boolean;
  /** When the job is over at the latest, in milliseconds since 1970. */
  deadlineAtMs: number;
};

type Check = {
  field: RequestField;
  fits: (route: PublicRoute, request: RoutableRequest, circumstances: Circumstances) => boolean;
};

type Option = keyof ModelAbilities['options'];
const takesOption = (option: Option): Check => ({
  field: option,
  fits: ({ abilities }, request) => request[option] === undefined || abilities.options[option],
});

/** What a route must be able to do, in the order in which fields are named when a request fails for several. */
const checks: Check[] = [
  { field: 'operation', fits: ({ abilities }, { operation }) => abilities.operations.includes(operation) },
  { field: 'sourceVideo', fits: (route, { inputs }) => !inputs.sourceVideo || isMakerOf(route, inputs.sourceVideo) },
  {
    field: 'durationSeconds',
    fits: ({ abilities: { duration, extendDuration = duration } }, { operation, durationSeconds }) => {
      // A remix is as long as its source.
      if (operation === 'remix') return true;
      return lengthFits(operation === 'extend' ? extendDuration : duration, durationSeconds);
    },
  },
  {
    field: 'aspectRatio',
    fits: ({ abilities: { geometry } }, { aspectRatio, inputs }) =>
      inputs.sourceVideo !== undefined ||
      aspectRatio === undefined ||
      geometry.shapes.some((shape) => shape.aspectRatio === aspectRatio),
  },
  {
    field: 'size',
    fits: ({ abilities: { geometry } }, { size, inputs }) =>
      inputs.sourceVideo !== undefined || size === undefined || geometry.shapes.some((shape) => isSame(shape, size)),
  },
  { field: 'variants', fits: ({ abilities }, { variants }) => variants <= abilities.maxVariants },
  { field: 'prompt', fits: ({ abilities }, { prompt }) => prompt.length <= abilities.promptMaxCharacters },
  takesOption('negativePrompt'),
  takesOption('seed'),
  takesOption('generateAudio'),
  takesOption('enhancePrompt'),
  takesOption('personGeneration'),
  {
    field: 'firstFrame',
    fits: ({ abilities }, { size, inputs: { firstFrame } }, circumstances) =>
      !firstFrame || (abilities.inputs.firstFrame && frameFits(abilities, { file: firstFrame, size }, circumstances)),
  },
  {
    field: 'lastFrame',
    fits: ({ abilities }, { size, inputs: { lastFrame } }, circumstances) =>
      !lastFrame || (abilities.inputs.lastFrame && frameFits(abilities, { file: lastFrame, size }, circumstances)),
  },
  {
    field: 'references',
    fits: ({ abilities }, { inputs }, circumstances) =>
      inputs.references.length <= abilities.inputs.maxReferences &&
      inputs.references.every((file) => fileFits(abilities, file, circumstances)) &&
      keepsExclusive(abilities, inputs),
  },
  {
    field: 'deadlineSeconds',
    fits: ({ lifecycle }, _request, { deadlineAtMs }) => deadlineAtMs <= sunsetOf(lifecycle),
  },
];

/** Whether a route can do all that is asked. */
export function canDo(route: PublicRoute, request: RoutableRequest, circumstances: Circumstances): boolean {
  return checks.every(({ fits }) => fits(route, request, circumstances));
}

/** The first field that no route can do; where each can be done somewhere, the one at which no route is left for all before it. */
export function unfitField(
  routes: readonly PublicRoute[],
  request: RoutableRequest,
  circumstances: Circumstances,
): RequestField {
  const hopeless = checks.find(({ fits }) => !routes.some((route) => fits(route, request, circumstances)));
  if (hopeless) return hopeless.field;
  let left = routes;
  for (const { field, fits } of checks) {
    left = left.filter((route) => fits(route, request, circumstances));
    if (left.length === 0) return field;
  }
  return 'model';
}

export function isSame(left: Size, right: Size): boolean {
  return left.width === right.width && left.height === right.height;
}

/** A task can be gone on from only where it was made. */
function isMakerOf({ account, upstreamModel }: PublicRoute, { task }: FoundSource): boolean {
  return task?.account === account && task.upstreamModel === upstreamModel;
}

function lengthFits(duration: Duration, seconds: number): boolean {
  switch (duration.kind) {
    case 'range':
      return duration.min <= seconds && seconds <= duration.max;
    case 'set':
      return duration.values.includes(seconds);
  }
}

type Frame = { file: InputFacts; size: Size | undefined };

function frameFits(abilities: ModelAbilities, { file, size }: Frame, circumstances: Circumstances): boolean {
  const isFitting = abilities.inputs.framePixels === 'any' || isSame(file, size ?? abilities.geometry.default);
  return isFitting && fileFits(abilities, file, circumstances);
}

function fileFits({ inputs }: ModelAbilities, file: InputFacts, { hasPublicAddress }: Circumstances): boolean {
  const canReach = inputs.form === 'bytes' || hasPublicAddress;
  return canReach && file.bytes <= inputs.maxBytes && inputs.contentTypes.includes(file.contentType);
}

function keepsExclusive(
  { inputs: { exclusive = [] } }: ModelAbilities,
  { firstFrame, lastFrame, references }: RoutableRequest['inputs'],
): boolean {
  const filled = {
    firstFrame: firstFrame !== undefined,
    lastFrame: lastFrame !== undefined,
    references: references.length > 0,
  };
  return exclusive.filter((slot) => filled[slot]).length <= 1;
}
