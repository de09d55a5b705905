import { createHash } from 'node:crypto';
import type { ArtifactStore } from '../artifacts/store.js';
import { ServiceError } from '../contract/errors.js';
import type { GenerationRequest, SourceVideo } from '../contract/generation.js';
import { crashPoint } from '../runtime/crash-points.js';
import { newId } from '../runtime/ids.js';
import type { Acceptance, NewJob } from '../store/jobs.js';
import { againIfBytesAreGone, areBytesGone } from '../store/uploads.js';
import type { Caller } from '../store/workspaces.js';
import { listInputs, type ReadInput, removeInputs, storeInputs } from './inputs.js';
import type { JobRequest } from './job-request.js';
import { type Asking, type PrepareDeps, type PreparedJob, prepareJob } from './prepare.js';
import type { FoundSource } from './source-video.js';

export type AcceptDeps = PrepareDeps & {
  store: ArtifactStore;
  retentionDays: number;
  /** Tells the dispatcher that there is a job to start. */
  wakeDispatcher: () => void;
};

export type AcceptOptions = Asking & {
  caller: Caller;
  dialect: string;
  /** Method and path pattern: the same key on another route is another request. */
  route: string;
  idempotencyKey?: string;
};

/**
 * Takes a job: everything that can be refused is refused before a byte is stored or money is held.
 * Files are stored before the job, so that no job lacks its inputs, and removed when it is not taken.
 */
export async function acceptJob(deps: AcceptDeps, request: JobRequest, options: AcceptOptions): Promise<Acceptance> {
  const { workspaceId } = options.caller;
  const idempotency = idempotencyOf(request, options);
  const replay = await deps.jobs.replay({ workspaceId, idempotency });
  if (replay) return replay;

  return againIfBytesAreGone(() => accept(deps, { request, options, idempotency }));
}

type Accepting = { request: JobRequest; options: AcceptOptions; idempotency: NewJob['idempotency'] };

async function accept(deps: AcceptDeps, { request, options, idempotency }: Accepting): Promise<Acceptance> {
  const { jobs, store, retentionDays, uploads, wakeDispatcher } = deps;
  const { caller, dialect } = options;
  const { workspaceId } = caller;
  const prepared = await prepareJob(deps, request, options);
  const storedInputs = await storeInputs(store, listInputs(prepared.inputs), { workspaceId, retentionDays, uploads });
  const job: NewJob = {
    id: newId('job'),
    workspaceId,
    apiKeyId: caller.keyId,
    openJobLimit: caller.openJobLimit,
    dialect,
    request: normalForm(prepared),
    plan: prepared.plan,
    priceMicrosPerSecond: prepared.priceMicrosPerSecond,
    holdMicros: prepared.holdMicros,
    callbackUrl: request.callbackUrl,
    inputs: storedInputs,
    idempotency,
  };
  await crashPoint('S0', { jobId: job.id, idempotencyKey: idempotency?.key });
  const accepted = await jobs.accept(job).catch(async (error: unknown) => {
    // A commit whose answer was lost may have been made: its inputs stay.
    const isRefused = error instanceof ServiceError && error.code !== 'service_unavailable';
    if (isRefused || areBytesGone(error)) await removeInputs(store, storedInputs);
    throw error;
  });
  await crashPoint('S1', { jobId: accepted.job.id });
  if (accepted.isReplay) await removeInputs(store, storedInputs);
  else wakeDispatcher();
  return accepted;
}

/** What the job's row keeps: the inputs by their ids, everything else as asked. */
export function normalForm({ request, shape, inputs: read, sourceVideo: source }: PreparedJob): GenerationRequest {
  const { firstFrame, lastFrame, references } = read;
  const byId = ({ id }: ReadInput) => ({ artifactId: id });
  const inputs = {
    ...(firstFrame && { firstFrame: byId(firstFrame) }),
    ...(lastFrame && { lastFrame: byId(lastFrame) }),
    references: references.map(byId),
    ...(source && { sourceVideo: keptWords(source) }),
  };
  const { model, operation, prompt, negativePrompt, durationSeconds, variants, seed } = request;
  const { generateAudio, enhancePrompt, personGeneration, waitSeconds, pollIntervalSeconds, deadlineSeconds } = request;
  const options = { negativePrompt, seed, generateAudio, enhancePrompt, personGeneration };
  const times = { waitSeconds, pollIntervalSeconds, deadlineSeconds };
  return { model, operation, prompt, durationSeconds, ...shape, variants, ...options, ...times, inputs };
}

function keptWords({ jobId, task, artifactId, durationSeconds }: FoundSource): SourceVideo {
  return { jobId, task, artifactId, durationSeconds };
}

/** The hash is of the request as asked: a default that changes meanwhile does not make a repeated request another one. */
function idempotencyOf(request: JobRequest, { idempotencyKey, route }: AcceptOptions) {
  if (idempotencyKey === undefined) return undefined;
  const words = Object.entries(request)
    .filter(([, value]) => value !== undefined)
    .toSorted(([left], [right]) => (left < right ? -1 : 1));
  const requestSha256 = createHash('sha256')
    .update(JSON.stringify([route, words.map(([name, value]) => [name, filesByHash(value)])]))
    .digest();
  return { key: idempotencyKey, requestSha256 };
}

function filesByHash(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(filesByHash);
  return value instanceof Uint8Array ? createHash('sha256').update(value).digest('hex') : value;
}
