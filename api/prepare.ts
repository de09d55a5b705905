import { faultOfOutsideAddress } from '../artifacts/outside-address.js';
import { fieldError } from '../contract/errors.js';
import { aspectRatioOf } from '../contract/generation.js';
import type { Artifacts } from '../store/artifacts.js';
import type { Attempts } from '../store/attempts.js';
import type { Jobs } from '../store/jobs.js';
import type { Uploads } from '../store/uploads.js';
import type { Caller } from '../store/workspaces.js';
import type { FetchImage } from './fetch-image.js';
import { isSame, type RoutableRequest } from './fitness.js';
import { type ReadInput, type ReadInputs, readInputs } from './inputs.js';
import type { JobRequest, Size, WordFor } from './job-request.js';
import type { PublicModel, PublicModels, PublicRoute } from './models.js';
import { planJob, type RoutedJob, type ServiceTiming } from './routing.js';
import { type FoundSource, findSource } from './source-video.js';

export type PrepareDeps = {
  jobs: Jobs;
  attempts: Attempts;
  artifacts: Artifacts;
  uploads: Uploads;
  models: PublicModels;
  timing: ServiceTiming;
  fetchImage: FetchImage;
  /** Whether an account, and a model there, may be sent jobs as usual. */
  isHealthy: (route: Pick<PublicRoute, 'account' | 'upstreamModel'>) => Promise<boolean>;
  /** Whether providers can fetch inputs from us. */
  hasPublicAddress: boolean;
  /** Ports of this machine that callers may name; for development. */
  allowLoopbackPorts: readonly number[];
};

export type Asking = { caller: Pick<Caller, 'workspaceId' | 'unknownPolicy'>; wordFor: WordFor };

/** What is known of inputs that are yet to be made: those of a pipeline's step, whose sources are other steps. */
export type PlannedInputs = { sourceVideo?: FoundSource; firstFrame?: ReadInput };

/** A request that can be done: its inputs are read, its routes are known and it has its price. Nothing is stored or held yet. */
export type PreparedJob = RoutedJob & {
  model: PublicModel;
  request: Omit<RoutableRequest, 'inputs'>;
  inputs: ReadInputs;
  sourceVideo: FoundSource | undefined;
};

/** Everything that a request can be refused for, but the balance and the number of open jobs. */
export async function prepareJob(
  deps: PrepareDeps,
  request: JobRequest,
  { caller, wordFor }: Asking,
  planned: PlannedInputs = {},
): Promise<PreparedJob> {
  const { models, timing, fetchImage, uploads, hasPublicAddress, allowLoopbackPorts } = deps;
  const refuse = refusals(wordFor);
  const model = models.get(request.model);
  if (!model) throw refuse('model', `must be one of ${[...models.keys()].join(', ')}`);
  if (request.callbackUrl !== undefined) {
    const fault = faultOfOutsideAddress(request.callbackUrl, { allowLoopbackPorts });
    if (fault) throw refuse('callbackUrl', fault);
  }
  const operation = operationOf(request, refuse);
  const { workspaceId } = caller;
  const field = wordFor('sourceVideo');
  const sourceVideo =
    planned.sourceVideo ??
    (request.sourceVideo === undefined
      ? undefined
      : await findSource(deps, { text: request.sourceVideo, workspaceId, field }));
  if (sourceVideo) refuseOtherThanSource(request, { operation, sourceVideo, refuse });
  const { firstFrame } = planned;
  const asked = firstFrame ? { ...request, firstFrame: undefined } : request;
  const read = await readInputs(asked, { fetchImage, uploads, workspaceId, wordFor });
  const inputs = { ...read, ...(firstFrame && { firstFrame }), ...(sourceVideo?.copy && { source: sourceVideo.copy }) };
  const size = sizeOf(request, { inputs, refuse });

  const routable = {
    ...request,
    operation,
    size,
    aspectRatio: request.aspectRatio ?? (size && aspectRatioOf(size)),
    durationSeconds:
      (operation === 'remix' ? sourceVideo?.durationSeconds : request.durationSeconds) ?? model.defaultSeconds,
    variants: request.variants ?? 1,
  };
  const routed = planJob(
    model,
    { ...routable, inputs: { ...inputs, sourceVideo } },
    {
      timing,
      wordFor,
      policy: request.routing ?? 'auto',
      hasPublicAddress,
      isHealthy: await healthOf(deps, model),
      nowMs: Date.now(),
      random: Math.random,
    },
  );
  const plan = { ...routed.plan, unknownPolicy: caller.unknownPolicy };
  return { ...routed, plan, model, request: routable, inputs, sourceVideo };
}

type Refuse = ReturnType<typeof refusals>;
const refusals = (wordFor: WordFor) => (field: Parameters<WordFor>[0], message: string) =>
  fieldError('request_invalid', wordFor(field), message);

/** What is to be made, where it is not said: a follow-up is never guessed. */
function operationOf(request: JobRequest, refuse: Refuse): RoutableRequest['operation'] {
  const { firstFrame, lastFrame, sourceVideo } = request;
  const operation = request.operation ?? (firstFrame === undefined ? 'text_to_video' : 'image_to_video');
  const isFollowUp = operation === 'extend' || operation === 'remix';
  if (isFollowUp && sourceVideo === undefined) throw refuse('sourceVideo', `is required to ${operation}`);
  if (!isFollowUp && sourceVideo !== undefined) throw refuse('sourceVideo', 'is for extend and remix only');
  if (operation === 'image_to_video' && firstFrame === undefined)
    throw refuse('firstFrame', 'is required to animate an image');
  if (operation !== 'image_to_video' && firstFrame !== undefined) throw refuse('firstFrame', `is not for ${operation}`);
  if (lastFrame !== undefined && firstFrame === undefined) throw refuse('lastFrame', 'needs a start frame beside it');
  return operation;
}

type Following = { operation: RoutableRequest['operation']; sourceVideo: FoundSource; refuse: Refuse };

/** A follow-up looks like its source, and a remix is as long. */
function refuseOtherThanSource(request: JobRequest, { operation, sourceVideo, refuse }: Following): void {
  const { size, aspectRatio, durationSeconds } = request;
  const { width, height } = sourceVideo.size;
  if (size && !isSame(size, sourceVideo.size)) throw refuse('size', `must be that of the source, ${width}x${height}`);
  if (aspectRatio && aspectRatio !== aspectRatioOf(sourceVideo.size))
    throw refuse('aspectRatio', 'must be that of the source');
  if (operation === 'remix' && durationSeconds !== undefined && durationSeconds !== sourceVideo.durationSeconds) {
    throw refuse('durationSeconds', `a remix is as long as its source: ${sourceVideo.durationSeconds} seconds`);
  }
}

/** Where the dialect has exact frames, the first frame's pixels are the video's. */
function sizeOf(
  { size, firstFrameSizes }: JobRequest,
  { inputs: { firstFrame }, refuse }: { inputs: ReadInputs; refuse: Refuse },
): Size | undefined {
  if (!firstFrameSizes || !firstFrame) return size;
  const { width, height } = firstFrame;
  if (size && !isSame(size, firstFrame)) {
    throw refuse('size', `is ${size.width}x${size.height}, but the image is ${width}x${height}: they must be equal`);
  }
  if (!firstFrameSizes.some((allowed) => isSame(allowed, firstFrame))) {
    const allowed = firstFrameSizes.map((one) => `${one.width}x${one.height}`).join(', ');
    throw refuse('firstFrame', `is ${width}x${height} pixels; it must be one of ${allowed}`);
  }
  return { width, height };
}

async function healthOf({ isHealthy }: PrepareDeps, { routes }: PublicModel): Promise<(route: PublicRoute) => boolean> {
  const healthy = await Promise.all(routes.map(async (route) => ((await isHealthy(route)) ? [route] : [])));
  const known = new Set(healthy.flat().map(({ account, upstreamModel }) => `${account}/${upstreamModel}`));
  return ({ account, upstreamModel }) => known.has(`${account}/${upstreamModel}`);
}
