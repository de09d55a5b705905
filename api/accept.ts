import { createHash } from 'node:crypto';
import type { ArtifactStore } from '../artifacts/store.js';
import { fieldError, ServiceError } from '../contract/errors.js';
import type { GenerationRequest } from '../contract/generation.js';
import { newId } from '../runtime/ids.js';
import type { Acceptance, Jobs, NewJob } from '../store/jobs.js';
import type { Caller } from '../store/workspaces.js';
import { type ReadInput, type ReadInputs, readInputs, removeInputs, storeInputs } from './inputs.js';
import type { JobRequest, WordFor } from './job-request.js';
import type { PublicModel, PublicModels } from './models.js';
import { planJob, type RoutableRequest, type ServiceTiming } from './routing.js';

export type AcceptDeps = {
  jobs: Jobs;
  store: ArtifactStore;
  models: PublicModels;
  timing: ServiceTiming;
  retentionDays: number;
  /** Tells the dispatcher that there is a job to start. */
  wakeDispatcher: () => void;
};

export type AcceptOptions = {
  caller: Caller;
  dialect: string;
  /** Method and path pattern: the same key on another route is another request. */
  route: string;
  idempotencyKey?: string;
  wordFor: WordFor;
};

/**
 * Takes a job: everything that can be refused is refused before a byte is stored or money is held.
 * Files are stored before the job, so that no job lacks its inputs, and removed when it is not taken.
 */
export async function acceptJob(deps: AcceptDeps, request: JobRequest, options: AcceptOptions): Promise<Acceptance> {
  const { jobs, store, models, timing, retentionDays, wakeDispatcher } = deps;
  const { caller, dialect, wordFor } = options;
  const inputs = await readInputs(request, wordFor);
  const idempotency = idempotencyOf(request, inputs, options);
  const { workspaceId } = caller;
  const replay = await jobs.replay({ workspaceId, idempotency });
  if (replay) return replay;

  const model = models.get(request.model);
  if (!model) throw fieldError('request_invalid', wordFor('model'), `must be one of ${[...models.keys()].join(', ')}`);
  const routable = withDefaults({ model, request, inputs, wordFor });
  const { plan, shape, holdMicros } = planJob(model, routable, { timing, wordFor });

  const storedInputs = await storeInputs(store, inputs, { retentionDays });
  const job: NewJob = {
    id: newId('job'),
    workspaceId,
    apiKeyId: caller.keyId,
    openJobLimit: caller.openJobLimit,
    dialect,
    request: normalForm(routable, shape, inputs),
    plan,
    priceMicrosPerSecond: model.priceMicrosPerSecond,
    holdMicros,
    inputs: storedInputs,
    idempotency,
  };
  const accepted = await jobs.accept(job).catch(async (error: unknown) => {
    // A commit whose answer was lost may have been made: its inputs stay.
    if (error instanceof ServiceError && error.code !== 'service_unavailable') await removeInputs(store, storedInputs);
    throw error;
  });
  if (accepted.isReplay) await removeInputs(store, storedInputs);
  else wakeDispatcher();
  return accepted;
}

type Undefaulted = { model: PublicModel; request: JobRequest; inputs: ReadInputs; wordFor: WordFor };

function withDefaults({ model, request, inputs, wordFor }: Undefaulted): RoutableRequest {
  const operation = request.operation ?? (inputs.firstFrame ? 'image_to_video' : 'text_to_video');
  const refuse = (field: 'firstFrame' | 'lastFrame', message: string) =>
    fieldError('request_invalid', wordFor(field), message);
  if (operation === 'image_to_video' && !inputs.firstFrame)
    throw refuse('firstFrame', 'is required to animate an image');
  if (operation === 'text_to_video' && inputs.firstFrame) throw refuse('firstFrame', 'is not for text_to_video');
  if (inputs.lastFrame && !inputs.firstFrame) throw refuse('lastFrame', 'needs a start frame beside it');
  return {
    ...request,
    operation,
    durationSeconds: request.durationSeconds ?? model.defaultSeconds,
    variants: request.variants ?? 1,
    inputs,
  };
}

/** What the job's row keeps: the inputs by their ids, everything else as asked. */
function normalForm(
  request: RoutableRequest,
  shape: Pick<GenerationRequest, 'size' | 'aspectRatio'>,
  { firstFrame, lastFrame, references }: ReadInputs,
): GenerationRequest {
  const byId = ({ id }: ReadInput) => ({ artifactId: id });
  const inputs = {
    ...(firstFrame && { firstFrame: byId(firstFrame) }),
    ...(lastFrame && { lastFrame: byId(lastFrame) }),
    references: references.map(byId),
  };
  const { model, operation, prompt, negativePrompt, durationSeconds, variants, seed } = request;
  const { generateAudio, enhancePrompt, personGeneration, waitSeconds, pollIntervalSeconds, deadlineSeconds } = request;
  const options = { negativePrompt, seed, generateAudio, enhancePrompt, personGeneration };
  const times = { waitSeconds, pollIntervalSeconds, deadlineSeconds };
  return { model, operation, prompt, durationSeconds, ...shape, variants, ...options, ...times, inputs };
}

/** The hash is of the request as asked: a default that changes meanwhile does not make a repeated request another one. */
function idempotencyOf(request: JobRequest, inputs: ReadInputs, { idempotencyKey, route }: AcceptOptions) {
  if (idempotencyKey === undefined) return undefined;
  const { firstFrame, lastFrame, references } = inputs;
  const hashes = [firstFrame?.sha256, lastFrame?.sha256, references.map(({ sha256 }) => sha256)];
  const { firstFrame: _first, lastFrame: _last, references: _references, ...words } = request;
  const sortedWords = Object.entries(words)
    .filter(([, value]) => value !== undefined)
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
  const requestSha256 = createHash('sha256')
    .update(JSON.stringify([route, sortedWords, hashes]))
    .digest();
  return { key: idempotencyKey, requestSha256 };
}
