import { fieldError, ServiceError } from '../contract/errors.js';
import type { Micros } from '../contract/money.js';
import { isOutsideSource, type StepKind } from '../contract/pipeline.js';
import { fewAtOnce } from '../runtime/few-at-once.js';
import type { ArtifactRow } from '../store/artifacts.js';
import type { Caller } from '../store/workspaces.js';
import { isFileId } from './file-id.js';
import type { ReadInput, ReadInputs } from './inputs.js';
import type { JobRequest } from './job-request.js';
import { inStep, type WantedStep } from './pipeline-request.js';
import { type Asking, type PlannedInputs, type PrepareDeps, type PreparedJob, prepareJob } from './prepare.js';
import { copyOf, type FoundSource, findSource } from './source-video.js';

/** What a step will leave behind, as far as that is known: a video, once for each place that may make it, or an image. */
export type Product = { videos: FoundSource[] } | { image: ReadInput } | undefined;

/** A step that can be done, and what it will cost at most. */
export type PlannedStep = {
  step: WantedStep;
  prepared: PreparedJob | undefined;
  holdMicros: Micros;
  /** What its sources outside the pipeline are, which are there now. */
  outside: ReadInput[];
};

/** Stands for ids that are not there yet. */
const PLANNED = 'planned';
const BYTES_PER_PIXEL = 4;

type Planning = {
  steps: readonly WantedStep[];
  caller: Pick<Caller, 'workspaceId' | 'unknownPolicy'>;
  /** What steps have left behind that are not to be done again, and what an earlier run keeps from outside. */
  kept?: ReadonlyMap<string, Product>;
};

/**
 * Prepares each step as the job that it will be, with what is known now of the steps before it. Whatever can be refused is refused here,
 * in the words of the step.
 */
export async function planSteps(deps: PrepareDeps, { steps, caller, kept }: Planning): Promise<PlannedStep[]> {
  const products = new Map<string, Product>(kept);
  const planned = new Map<string, PlannedStep>();

  for (let left = [...steps]; left.length > 0; left = left.filter(({ name }) => !planned.has(name))) {
    const ready = left.filter((step) => sourcesOf(step).every((name) => products.has(name)));
    if (ready.length === 0) throw new Error('the steps go round');
    await fewAtOnce(ready, (step) => inStep(step, () => plan(step)));
  }
  return steps.flatMap(({ name }) => planned.get(name) ?? []);

  async function plan(step: WantedStep): Promise<void> {
    const { name, source, sources = [], request } = step;
    if (request) {
      const { prepared, product } = await planJobStep(step, request);
      const [first] = prepared;
      planned.set(name, {
        step,
        prepared: first,
        holdMicros: Math.max(...prepared.map(({ holdMicros }) => holdMicros)),
        outside: source !== undefined && isOutsideSource(source) && first ? sourceAmong(first.inputs) : [],
      });
      products.set(name, product);
      return;
    }
    const named =
      source === undefined
        ? sources.map((text, index) => [text, `sources[${index}]`] as const)
        : [[source, 'source'] as const];
    const used = await Promise.all(named.map(([text, field]) => productOf(text, { field, kind: step.kind })));
    const outside = used.flatMap((product, index) => (isOutsideSource(named[index]?.[0] ?? '') ? copyIn(product) : []));
    planned.set(name, { step, prepared: undefined, holdMicros: 0, outside });
    products.set(name, leftBy(step, used));
  }

  async function planJobStep(step: WantedStep, request: JobRequest) {
    const { kind, source } = step;
    const asking: Asking = { caller, wordFor: (field) => (isSource(step, field) ? 'source' : step.wordFor(field)) };
    const isFollowUp = kind === 'extend' || kind === 'remix';
    const named = isFollowUp ? { sourceVideo: source } : source === undefined ? {} : { firstFrame: source };
    const wanted = { ...request, ...named };
    const product = source === undefined ? undefined : products.get(source);
    if (product && 'image' in product === isFollowUp) {
      throw fieldError('request_invalid', 'source', isFollowUp ? 'must be a video' : 'must be an image');
    }
    // Each place that may make the source is tried: who made it is known when it is made.
    const inputs: PlannedInputs[] = !product
      ? [{}]
      : 'image' in product
        ? [{ firstFrame: product.image }]
        : product.videos.map((sourceVideo) => ({ sourceVideo }));
    const prepared: PreparedJob[] = [];
    let refusal: unknown;
    for (const known of inputs) {
      try {
        prepared.push(await prepareJob(deps, wanted, asking, known));
      } catch (error) {
        if (!(error instanceof ServiceError)) throw error;
        refusal ??= error;
      }
    }
    if (prepared.length === 0) throw refusal;
    return { prepared, product: { videos: eachOnce(prepared.flatMap((one) => videosOf(one))) } };
  }

  async function productOf(text: string, { field, kind }: { field: string; kind: StepKind }): Promise<Product> {
    const known = products.get(text);
    if (!isOutsideSource(text)) return known;
    const product = known ?? (await findOutside(text, field));
    if (kind !== 'approval' && !('videos' in product)) throw fieldError('request_invalid', field, 'must be a video');
    return product;
  }

  async function findOutside(text: string, field: string): Promise<NonNullable<Product>> {
    const { workspaceId } = caller;
    if (isFileId(text)) {
      const file = await deps.uploads.find({ id: text, workspaceId });
      if (!file) throw fieldError('request_invalid', field, 'names a file that is not known, or no longer kept');
      return productOfFile(file);
    }
    const video = await findSource(deps, { text, workspaceId, field });
    if (!video.copy) throw fieldError('request_invalid', field, 'the video of this job is no longer kept');
    return { videos: [video] };
  }
}

function sourcesOf({ source, sources = [] }: WantedStep): string[] {
  return [source, ...sources].filter((text) => text !== undefined && !isOutsideSource(text)).map(String);
}

function sourceAmong({ source, firstFrame }: ReadInputs): ReadInput[] {
  return [source ?? firstFrame].filter((input) => input !== undefined);
}

function copyIn(product: Product): ReadInput[] {
  if (!product) return [];
  return 'image' in product ? [product.image] : product.videos.flatMap(({ copy }) => copy ?? []);
}

function isSource({ source }: WantedStep, field: Parameters<Asking['wordFor']>[0]): boolean {
  return field === 'sourceVideo' || (field === 'firstFrame' && source !== undefined);
}

/** The videos that a job may come to, one for each of its routes. */
function videosOf({ plan, model, request, shape, sourceVideo }: PreparedJob): FoundSource[] {
  const before = request.operation === 'extend' ? (sourceVideo?.durationSeconds ?? 0) : 0;
  return plan.routes.flatMap(({ account, upstreamModel, isBridged }) => {
    const route = model.routes.find((one) => one.account === account && one.upstreamModel === upstreamModel);
    if (!route) return [];
    const { width, height } = shape.size ?? sourceVideo?.size ?? route.abilities.geometry.default;
    const maker = isBridged ? {} : { task: { account, upstreamModel, id: PLANNED } };
    const durationSeconds = before + request.durationSeconds;
    return [{ jobId: PLANNED, artifactId: PLANNED, ...maker, size: { width, height }, durationSeconds }];
  });
}

/** Many ways may lead to the same video; without this, their number would grow with every step of a chain. */
function eachOnce(videos: readonly FoundSource[]): FoundSource[] {
  return [...new Map(videos.map((video) => [JSON.stringify(video), video])).values()];
}

/** A file that is there: what a caller brought, or what a step has left behind. */
export function productOfFile(file: ArtifactRow): NonNullable<Product> {
  const { id, content_type: contentType, location, bytes, sha256, width, height, duration_seconds: seconds } = file;
  const size = { width: width ?? 0, height: height ?? 0 };
  if (contentType.startsWith('video/')) {
    return { videos: [{ artifactId: id, copy: copyOf(file, size), size, durationSeconds: seconds ?? 0 }] };
  }
  return { image: { id, contentType, source: { location }, bytes, sha256, ...size } };
}

function leftBy({ kind }: WantedStep, used: readonly Product[]): Product {
  const [first, ...rest] = used.map(videosIn);
  if (kind === 'approval' || !first) return used[0];
  if (kind === 'concat') return { videos: joined(first, rest) };
  const [video] = first;
  return video && { image: plannedImage(video.size) };
}

function videosIn(product: Product): readonly FoundSource[] | undefined {
  return product && 'videos' in product ? product.videos : undefined;
}

/** As large as the first and as long as all of them. No provider made it, so none can go on from a task of its own. */
function joined(first: readonly FoundSource[], rest: readonly (readonly FoundSource[] | undefined)[]): FoundSource[] {
  const longest = rest.map((videos = []) => Math.max(0, ...videos.map(({ durationSeconds }) => durationSeconds)));
  const restSeconds = longest.reduce((sum, seconds) => sum + seconds, 0);
  const joinedTo = ({ size, durationSeconds }: FoundSource) => ({
    artifactId: PLANNED,
    size,
    durationSeconds: durationSeconds + restSeconds,
  });
  return eachOnce(first.map(joinedTo));
}

/** A still that is yet to be taken, as large as one that does not compress at all. */
function plannedImage({ width, height }: { width: number; height: number }): ReadInput {
  const bytes = BYTES_PER_PIXEL * width * height;
  const source = { content: new Uint8Array(), extension: 'png' };
  return { id: PLANNED, contentType: 'image/png', source, bytes, sha256: '', width, height };
}
