import { buffer } from 'node:stream/consumers';
import { ServiceError } from '../contract/errors.js';
import type { Generation, GenerationRequest, MediaInput, SourceVideo } from '../contract/generation.js';
import type { AttemptRef, Route } from '../contract/plan.js';
import type { Submission, VideoProvider } from '../contract/provider.js';
import type { ProviderFailure } from '../contract/provider-errors.js';
import { crashPoint } from '../runtime/crash-points.js';
import type { ArtifactRow } from '../store/artifacts.js';
import type { AttemptRow, Intent } from '../store/attempts.js';
import { keepStill } from './bridge.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';
import { newCallback } from './new-callback.js';
import { admitTry, reportSubmission } from './provider-health.js';
import { recordForAWhile } from './record.js';
import { isOver } from './recorded-verdict.js';

export type SubmitInput = AttemptRef & {
  route: Route;
  timeoutMs: number;
  /** The job has another route for this try. Absent in jobs that began before there were breakers. */
  maySkip?: boolean;
  /** The workflow knows what to do when it is told of a callback. One of an earlier build does not, and its history would have a deaf spot. */
  hearsCallbacks?: boolean;
};

/** The answer to a submit as the workflow needs it: words and ids, no texts. */
export type SubmitOutcome =
  | { kind: 'accepted'; task: AcceptedTask; lookAgainInMs?: number; isFinished?: boolean }
  | { kind: 'refused' | 'not_sent'; errorClass: FailureClass; retryAfterMs?: number }
  | { kind: 'unknown' }
  | { kind: 'stopped' }
  | { kind: 'skipped' };
type AcceptedTask = Extract<Submission, { outcome: 'accepted' }>['task'];
type FailureClass = Exclude<Submission, { outcome: 'accepted' }>['error']['class'];

/**
 * Starts the paid generation of one attempt, at most once.
 *
 * @returns `unknown` when an earlier run of this activity left no answer: only reconciliation may decide whether that run was charged.
 * `skipped` when the account is left alone just now and the job can go elsewhere: nothing was written and nothing sent.
 */
export function submitGeneration(deps: ActivityDeps, input: SubmitInput): Promise<SubmitOutcome> {
  return withHeartbeat(async () => {
    const { jobId, attempt, route } = input;
    await crashPoint('S3', { jobId });
    if (route.isBridged) await keepStill(deps, { jobId });
    const admission = await admitTry(deps, input);
    if (admission === 'skip') return { kind: 'skipped' };
    // From here on, so that nothing is sent later than the intention and this time say: who asks the provider for the task counts on that.
    const signal = AbortSignal.timeout(input.timeoutMs);
    // Written before the call: a crash in between must leave a trace of a possible charge. Only the run that inserts the row may send.
    const callback = input.hearsCallbacks ? newCallback(deps, route.account) : undefined;
    const intent = await deps.attempts.intend({ jobId, attempt, route, callbackTokenSha256: callback?.tokenSha256 });
    if (intent.kind === 'stopped') return { kind: 'stopped' };
    if (intent.kind === 'recorded') {
      // An earlier life of this job, whose history was lost, made this try on another route: that one is found by going on.
      const isElsewhere =
        intent.attempt.account !== route.account || intent.attempt.upstream_model !== route.upstreamModel;
      return input.maySkip && isElsewhere ? { kind: 'skipped' } : answerOfEarlierRun(deps, intent.attempt);
    }

    await crashPoint('S3b', { jobId });
    const submission = await send(deps, input, { ...intent, callbackUrl: callback?.url, signal });
    await crashPoint('S4', { jobId });
    // Tried for a while, never thrown: an id in hand must not be lost because the database is away.
    await recordForAWhile(deps, { jobId, attempt, submission });
    await reportSubmission(deps, { ...input, submission, isTrial: admission === 'trial' });
    deps.logger.info({ jobId, attempt, provider: route.account, outcome: submission.outcome }, 'generation submitted');
    return outcomeOf(submission);
  });
}

type Inserted = Extract<Intent, { kind: 'inserted' }>;

/** What goes wrong before the provider is called is known not to have been sent. */
async function send(
  deps: ActivityDeps,
  input: SubmitInput,
  { callbackUrl, signal, ...intent }: Inserted & { callbackUrl: string | undefined; signal: AbortSignal },
): Promise<Submission> {
  const { jobId, attempt, route } = input;
  let provider: VideoProvider;
  let generation: Generation;
  try {
    provider = deps.providers.get(route.account);
    generation = await generationFor(deps, { jobId, request: intent.request, route });
  } catch (error) {
    deps.logger.error({ jobId, attempt, provider: route.account, err: error }, 'the submit could not be prepared');
    return { outcome: 'not_sent', error: whyNotPrepared(error) };
  }
  if (signal.aborted) {
    return { outcome: 'not_sent', error: { class: 'NETWORK', message: 'its time was over before it could be sent' } };
  }
  const { attemptKey } = intent;
  return provider.submit(generation, { attemptKey, signal, ...(callbackUrl && { callbackUrl }) });
}

/** What is away may be back in a moment; a key or a file that is missing will be missing again. */
function whyNotPrepared(error: unknown): ProviderFailure {
  const isAway = error instanceof ServiceError && error.code === 'service_unavailable';
  if (isAway) return { class: 'OVERLOADED', message: 'an input could not be read just now' };
  return { class: 'AUTH', message: 'the account or an input is not usable here' };
}

async function answerOfEarlierRun(deps: ActivityDeps, row: AttemptRow): Promise<SubmitOutcome> {
  const recorded = recordedOutcome(row);
  if (recorded) return recorded;
  await deps.attempts.recordLost({ jobId: row.job_id, attempt: row.number });
  return { kind: 'unknown' };
}

/** What an attempt's row says of its submit; undefined while no answer is written there. */
export function recordedOutcome(row: AttemptRow): SubmitOutcome | undefined {
  if (row.task) return { kind: 'accepted', task: row.task, ...(isOver(row) && { isFinished: true }) };
  if (row.state === 'refused' || row.state === 'not_sent') {
    const errorClass = row.failure?.class ?? 'PROVIDER_INTERNAL';
    return { kind: row.state, errorClass, retryAfterMs: row.failure?.retryAfterMs };
  }
  return undefined;
}

function outcomeOf(submission: Submission): SubmitOutcome {
  switch (submission.outcome) {
    case 'accepted': {
      const { task, lookAgainInMs, finished } = submission;
      return { kind: 'accepted', task, lookAgainInMs, isFinished: finished !== undefined };
    }
    case 'refused':
    case 'not_sent': {
      const { class: errorClass, retryAfterMs } = submission.error;
      return { kind: submission.outcome, errorClass, retryAfterMs };
    }
    case 'unknown':
      return { kind: 'unknown' };
  }
}

type GenerationParts = { jobId: string; request: GenerationRequest; route: Route };

/** The request in the words of one route, with the bytes of its inputs and the addresses at which they can be fetched. */
async function generationFor(deps: ActivityDeps, { jobId, request, route }: GenerationParts): Promise<Generation> {
  const { model: _, inputs, waitSeconds: _w, pollIntervalSeconds: _p, deadlineSeconds: _d, ...asked } = request;
  if (route.isBridged) return animation(deps, { jobId, asked, route });
  const needsInputs = inputs.firstFrame || inputs.lastFrame || inputs.references.length > 0;
  const rows = needsInputs ? await deps.artifacts.inputsOf(jobId) : [];
  const read = async ({ artifactId }: { artifactId: string }): Promise<MediaInput> => {
    const row = rows.find(({ id }) => id === artifactId);
    if (!row) throw new Error(`input ${artifactId} of ${jobId} has no row`);
    return readInput(deps, row);
  };
  return {
    ...asked,
    upstreamModel: route.upstreamModel,
    inputs: {
      ...(inputs.firstFrame && { firstFrame: await read(inputs.firstFrame) }),
      ...(inputs.lastFrame && { lastFrame: await read(inputs.lastFrame) }),
      references: await Promise.all(inputs.references.map(read)),
      ...(inputs.sourceVideo && { sourceVideo: withoutOurIds(inputs.sourceVideo) }),
    },
  };
}

type AnimationParts = { jobId: string; asked: Omit<Generation, 'upstreamModel' | 'inputs'>; route: Route };

/** A follow-up in the words of a route that cannot go on from its source: a still of the source is animated. */
async function animation(deps: ActivityDeps, { jobId, asked, route }: AnimationParts): Promise<Generation> {
  const still = await deps.artifacts.stillOf(jobId);
  if (!still) throw new Error(`the source of ${jobId} is gone, and there is no still of it`);
  const firstFrame = await readInput(deps, still);
  const { upstreamModel } = route;
  return { ...asked, operation: 'image_to_video', upstreamModel, inputs: { firstFrame, references: [] } };
}

async function readInput({ store, inputAddress }: ActivityDeps, row: ArtifactRow): Promise<MediaInput> {
  const bytes = await store.read(row.location);
  if (!bytes) throw new Error(`the file of ${row.id} is gone`);
  const url = inputAddress?.(row.id);
  return { contentType: row.content_type, bytes: await buffer(bytes), ...(url && { url }) };
}

/** Our own ids of the source are nothing to the provider. */
function withoutOurIds({ task, durationSeconds }: SourceVideo): Generation['inputs']['sourceVideo'] {
  if (!task) throw new Error('no provider made the source');
  return { task, durationSeconds };
}
