import type { JobRequest, RequestField, WordFor } from '../../jobs.js';
import type { TaskBody } from './schemas.js';

const MAX_IMAGE_BYTES = 10 * 1024 * 1024;

/** A field that this API does not have can be missing from the model only. */
const words: Partial<Record<RequestField, string>> = {
  operation: 'input.mode',
  prompt: 'input.prompt',
  durationSeconds: 'input.duration',
  size: 'input.aspect_ratio',
  aspectRatio: 'input.aspect_ratio',
  firstFrame: 'input.image_urls.0',
  routing: 'provider',
  callbackUrl: 'callback_url',
};

export const wordFor: WordFor = (field) => words[field] ?? 'model';

/** A body in the words of the core. */
export function translateTask(model: string, { provider, callback_url: callbackUrl, input }: TaskBody): JobRequest {
  return {
    model,
    operation: input.mode === 'image-to-video' ? 'image_to_video' : 'text_to_video',
    prompt: input.prompt,
    durationSeconds: input.duration,
    aspectRatio: input.aspect_ratio === 'portrait' ? '9:16' : '16:9',
    firstFrame: input.image_urls?.[0],
    maxImageBytes: MAX_IMAGE_BYTES,
    routing: provider,
    callbackUrl,
  };
}
