import { fieldError } from '../../../contract/errors.js';
import type { JobRequest, RequestField, Size, WordFor } from '../../jobs.js';
import { unknownModel } from './errors.js';
import { type ImageBody, sizes, type TextBody } from './schemas.js';

/** The one model that this API has. */
const MODEL = 'sora-2-pro';

const WEBHOOK_HEADER = 'X-Webhook-URL';

/** A field that this API does not have can be missing from the model only. */
const words: Partial<Record<RequestField, string>> = {
  prompt: 'prompt',
  durationSeconds: 'seconds',
  size: 'size',
  aspectRatio: 'size',
  firstFrame: 'image',
};

export type Asked = { request: JobRequest; wordFor: WordFor };

type Surroundings = { webhookUrl: string | undefined; hasModel: (name: string) => boolean };

/** A body of either route in the words of the core. */
export function translateRequest(body: TextBody | ImageBody, { webhookUrl, hasModel }: Surroundings): Asked {
  const { model = MODEL, prompt, size, seconds, callback_url: callbackUrl } = body;
  if (model !== MODEL || !hasModel(model)) throw unknownModel(model);
  if (webhookUrl !== undefined && callbackUrl !== undefined && webhookUrl !== callbackUrl) {
    throw fieldError('request_invalid', 'callback_url', `is not the address in ${WEBHOOK_HEADER}: send one of them`);
  }
  const callbackWord = callbackUrl === undefined ? WEBHOOK_HEADER : 'callback_url';

  const asked = {
    model,
    prompt,
    durationSeconds: seconds,
    size: size && pixelsOf(size),
    callbackUrl: callbackUrl ?? webhookUrl,
  };
  return {
    request:
      'image' in body
        ? { ...asked, operation: 'image_to_video', firstFrame: body.image, firstFrameSizes: sizes.map(pixelsOf) }
        : { ...asked, operation: 'text_to_video' },
    wordFor: (field) => (field === 'callbackUrl' ? callbackWord : (words[field] ?? 'model')),
  };
}

function pixelsOf(size: (typeof sizes)[number]): Size {
  const [width = 0, height = 0] = size.split('x').map(Number);
  return { width, height };
}
