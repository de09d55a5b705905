import { ServiceError } from '../../../contract/errors.js';
import type { Job, JobRequest, RequestField, Size, WordFor } from '../../jobs.js';
import { type CreateBody, sizes } from './schemas.js';

/** A model by the day on which it came out. */
const datedNames: ReadonlyMap<string, string> = new Map([
  ['sora-2-2025-10-06', 'sora-2'],
  ['sora-2-2025-12-08', 'sora-2'],
  ['sora-2-pro-2025-10-06', 'sora-2-pro'],
]);

const words: Partial<Record<RequestField, string>> = {
  model: 'model',
  prompt: 'prompt',
  durationSeconds: 'seconds',
  size: 'size',
  aspectRatio: 'size',
  firstFrame: 'input_reference',
};

const imageMismatch = 'Inpaint image must match the requested width and height';

export type Asked = { request: JobRequest; wordFor: WordFor };

/** A create in the words of the core. What the body cannot name is missing from the model. */
export function translateCreate({ prompt, model, seconds, size, input_reference: reference }: CreateBody): Asked {
  const firstFrame = reference instanceof Uint8Array ? reference : (reference?.image_url ?? reference?.file_id);
  const request: JobRequest = {
    model: datedNames.get(model) ?? model,
    prompt,
    durationSeconds: Number(seconds),
    size: pixelsOf(size),
    ...(firstFrame !== undefined && { firstFrame, firstFrameSizes: sizes.map(pixelsOf) }),
  };
  return { request, wordFor: (field) => words[field] ?? 'model' };
}

type FollowUp = {
  source: Job;
  prompt: string;
  /** Where the source is named. */
  sourceWord: string;
  /** What an extension adds; without it, this is a remix. */
  seconds?: string;
};

/** A video that goes on from another, by the model that made it. What the body cannot name is missing from the source. */
export function translateFollowUp({ source, prompt, sourceWord, seconds }: FollowUp): Asked {
  const sourceVideo = source.id;
  const kind =
    seconds === undefined
      ? ({ operation: 'remix' } as const)
      : ({ operation: 'extend', durationSeconds: Number(seconds) } as const);
  const wordFor = (field: RequestField) => {
    if (field === 'prompt') return 'prompt';
    return field === 'durationSeconds' && seconds !== undefined ? 'seconds' : sourceWord;
  };
  return { request: { model: source.model, prompt, sourceVideo, ...kind }, wordFor };
}

/** The core blames the size when the image has other pixels; here it is the image, in words that clients look for. */
export function inOwnWords(error: unknown, { firstFrame }: JobRequest): unknown {
  const isMismatch =
    firstFrame !== undefined &&
    error instanceof ServiceError &&
    error.code === 'request_invalid' &&
    error.errors[0]?.field === 'size';
  if (!isMismatch) return error;
  const errors = [{ field: 'input_reference', message: imageMismatch }];
  return new ServiceError('request_invalid', { detail: imageMismatch, errors, cause: error });
}

function pixelsOf(size: (typeof sizes)[number]): Size {
  const [width = 0, height = 0] = size.split('x').map(Number);
  return { width, height };
}
