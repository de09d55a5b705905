import { fieldError } from '../../../contract/errors.js';
import type { JobRequest, RequestField, WordFor } from '../../jobs.js';
import { type NewVideoBody, secondsOfModels } from './schemas.js';

/** The page gives the create call no default length; this is the first of its table. */
const DEFAULT_SECONDS = 10;

const portrait = { width: 720, height: 1280 };
const landscape = { width: 1280, height: 720 };
const shapes = { '720x1280': portrait, '9:16': portrait, '1280x720': landscape, '16:9': landscape };

/** Two names of one thing: at most one of them may be sent, and the first is ours. */
const pairs = {
  size: ['size', 'aspect_ratio'],
  seconds: ['seconds', 'duration'],
  images: ['input_reference', 'image_urls'],
} as const satisfies Record<string, readonly (keyof NewVideoBody)[]>;

/** The body of a create call in the words of the core. */
export function translateRequest(body: NewVideoBody): { request: JobRequest; wordFor: WordFor } {
  const sizeWord = wordOf(body, pairs.size);
  const secondsWord = wordOf(body, pairs.seconds);
  const imagesWord = wordOf(body, pairs.images);

  const { model, prompt } = body;
  const durationSeconds = body.seconds ?? body.duration ?? DEFAULT_SECONDS;
  const allowed: readonly number[] = secondsOfModels[model];
  if (!allowed.includes(durationSeconds)) {
    throw fieldError('request_invalid', secondsWord, `must be one of ${allowed.join(', ')} with ${model}`);
  }
  const asked = { model, prompt, durationSeconds, size: shapes[body.size ?? body.aspect_ratio ?? '720x1280'] };
  const words: Partial<Record<RequestField, string>> = {
    prompt: 'prompt',
    durationSeconds: secondsWord,
    size: sizeWord,
    aspectRatio: sizeWord,
    firstFrame: `${imagesWord}.0`,
    references: imagesWord,
  };
  return {
    request: { ...asked, ...imagesOf(body.input_reference ?? body.image_urls ?? []) },
    // A field that this API does not have can be missing from the model only.
    wordFor: (field) => words[field] ?? 'model',
  };
}

/** One image is where the video begins. Several cannot be: they are what it is to look like. */
function imagesOf([first, ...others]: string[]): Pick<JobRequest, 'operation' | 'firstFrame' | 'references'> {
  if (first === undefined) return { operation: 'text_to_video' };
  if (others.length === 0) return { operation: 'image_to_video', firstFrame: first };
  return { operation: 'text_to_video', references: [first, ...others] };
}

/** The name that the caller uses. @throws `request_invalid` when both are sent */
function wordOf(body: NewVideoBody, [first, second]: readonly [keyof NewVideoBody, keyof NewVideoBody]): string {
  if (body[second] === undefined) return first;
  if (body[first] !== undefined) throw fieldError('request_invalid', second, `excludes ${first}: send one of them`);
  return second;
}
