import { fieldError } from '../../../contract/errors.js';
import { type AspectRatio, aspectRatioOf, aspectRatios, sidesOf } from '../../../contract/generation.js';
import type { JobRequest, RequestField } from '../../jobs.js';
import type { NewJobBody } from './schemas.js';

type FieldName = keyof NewJobBody;

/** All names of each field; the first is the one we use ourselves. */
const names = {
  model: ['model'],
  operation: ['video_operation', 'task'],
  prompt: ['prompt'],
  negativePrompt: ['negative_prompt'],
  durationSeconds: ['duration_seconds', 'seconds'],
  size: ['resolution', 'size'],
  aspectRatio: ['aspect_ratio'],
  variants: ['sample_count', 'n_variants'],
  seed: ['seed'],
  generateAudio: ['generate_audio'],
  enhancePrompt: ['enhance_prompt'],
  personGeneration: ['person_generation'],
  firstFrame: ['start_frame', 'first_frame', 'image', 'input_reference'],
  lastFrame: ['last_frame', 'end_frame'],
  references: ['reference_images'],
  sourceVideo: ['source_video', 'source_video_id', 'video_id'],
  routing: ['routing'],
  deadlineSeconds: ['deadline_seconds'],
  callbackUrl: ['callback_url'],
} as const satisfies Record<RequestField, readonly FieldName[]>;

/** The caller's request in the words of the core, with a way back to the caller's own words for errors. */
export function translateRequest(body: NewJobBody): { request: JobRequest; wordFor: (field: RequestField) => string } {
  const wordFor = (field: RequestField) => names[field].find((name) => body[name] !== undefined) ?? names[field][0];
  for (const group of Object.values(names)) refuseBothNames(body, group);

  const operation = body.video_operation ?? body.task;
  const { size, aspectRatio } = shapeOf(body, wordFor);
  const request: JobRequest = {
    model: body.model,
    prompt: body.prompt,
    operation,
    negativePrompt: body.negative_prompt,
    durationSeconds: body.duration_seconds ?? body.seconds,
    size,
    aspectRatio,
    variants: body.sample_count ?? body.n_variants,
    seed: body.seed,
    generateAudio: body.generate_audio,
    enhancePrompt: body.enhance_prompt,
    personGeneration: body.person_generation,
    firstFrame: body.start_frame ?? body.first_frame ?? body.image ?? body.input_reference,
    lastFrame: body.last_frame ?? body.end_frame,
    references: body.reference_images,
    sourceVideo: body.source_video ?? body.source_video_id ?? body.video_id,
    routing: body.routing,
    callbackUrl: body.callback_url,
    waitSeconds: body.wait_seconds,
    pollIntervalSeconds: body.poll_interval_seconds,
    deadlineSeconds: body.deadline_seconds,
  };
  return { request, wordFor };
}

function refuseBothNames(body: NewJobBody, group: readonly FieldName[]): void {
  const [first, second] = group.filter((name) => body[name] !== undefined);
  if (first && second) throw fieldError('request_invalid', second, `is another name of ${first}: send one of them`);
}

type Pixels = { width: number; height: number };

const shortSides = { '720p': 720, '1080p': 1080 } as const;

/** Pixels from `720p` and the ratio, or the ratio from pixels. */
function shapeOf(
  body: NewJobBody,
  wordFor: (field: RequestField) => string,
): { size?: Pixels; aspectRatio?: AspectRatio } {
  const size = body.resolution ?? body.size;
  if (size === undefined) return { aspectRatio: body.aspect_ratio };
  if (size === '720p' || size === '1080p') {
    const aspectRatio = body.aspect_ratio ?? '16:9';
    return { size: pixelsOf(shortSides[size], aspectRatio), aspectRatio };
  }
  const [width = 0, height = 0] = size.split('x').map(Number);
  const aspectRatio = aspectRatioOf({ width, height });
  if (!aspectRatio) {
    const message = `must be one of the ratios ${aspectRatios.join(', ')}`;
    throw fieldError('request_invalid', wordFor('size'), message);
  }
  if (body.aspect_ratio && body.aspect_ratio !== aspectRatio) {
    const message = `is not the ratio of ${size}, which is ${aspectRatio}`;
    throw fieldError('request_invalid', 'aspect_ratio', message);
  }
  return { size: { width, height }, aspectRatio };
}

function pixelsOf(shortSide: number, aspectRatio: AspectRatio): Pixels {
  const [across, down] = sidesOf(aspectRatio);
  const unit = shortSide / Math.min(across, down);
  return { width: across * unit, height: down * unit };
}
