import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { readImage, sizeOf } from '../images.js';
import type { Loss, Standing, Task } from '../tasks.js';
import type { ReadSubmit, Refusal, SubmitCall, Vendor } from '../vendor.js';

// The page states neither default; these are those of the upstream that it resells.
const DEFAULT_SECONDS = 4;
const DEFAULT_SIZE = '720x1280';

const sizes = {
  '1280x720': [1280, 720],
  '720x1280': [720, 1280],
  '1792x1024': [1792, 1024],
  '1024x1792': [1024, 1792],
} as const;
const sizeSchema = z.enum(['1280x720', '720x1280', '1792x1024', '1024x1792']);
// The page wants https; what is tried on one machine has no certificate.
const addressSchema = z.url({ protocol: /^https?$/ });

const common = {
  prompt: z.string().min(1),
  model: z.literal('sora-2-pro').default('sora-2-pro'),
  size: sizeSchema.optional(),
  seconds: z.literal([4, 8, 12]).default(DEFAULT_SECONDS),
  callback_url: addressSchema.optional(),
};
const textSchema = z.strictObject(common);
const imageSchema = z.strictObject({
  ...common,
  image: z.union([addressSchema, z.string().startsWith('data:image/')]),
});

const losses: Record<Loss, string> = {
  internal: 'Internal error while generating the video',
  moderation: 'The request was blocked by our content moderation system',
  image: 'The image could not be used',
};

/** The two errors that the page titles itself. */
const titles: Record<string, string> = {
  model_not_found: 'Model not found',
  insufficient_balance: 'Insufficient Balance',
};

/** Pixazo, by its page: a queue before the model, upper-case words, results without a type that says what they are. */
export const pixazo: Vendor = {
  keyHeader: 'Ocp-Apim-Subscription-Key',
  submits: [
    { path: '/sora-video/v1/video/generate', read: readText },
    { path: '/sora-video/v1/video/i2v/generate', read: readImageToVideo },
  ],
  looks: [
    { method: 'get', path: '/v2/requests/status/:id', taskOf: ({ path }) => ({ id: path.id ?? '' }) },
    // It takes the ids of the model behind the queue, which nothing that is answered here tells.
    { method: 'post', path: '/sora-video/v1/video/result', taskOf: () => undefined },
  ],
  newTaskId: () => `sora-video_${randomUUID()}`,
  pricePerSecondMicros: 300_000,
  freeLosses: ['internal'],
  promptOf: (body) => z.object({ prompt: z.string() }).safeParse(body).data?.prompt ?? '',
  refusals: {
    invalid: invalid('Invalid request parameters'),
    moderation: invalid('The prompt was rejected by content moderation'),
    auth: { status: 401, code: 'unauthorized', message: 'Access denied due to invalid subscription key' },
    balance: { status: 402, code: 'insufficient_balance', message: 'Your balance is too low for this request' },
    model_gone: { status: 400, code: 'model_not_found', message: "Model 'sora-video' not found or is disabled" },
  },
  // Also what has ended by now is told by the status call alone.
  sendAccepted: (response, { id, accountUrl }) =>
    void response
      .status(202)
      .json({ request_id: id, status: 'QUEUED', polling_url: `${accountUrl}/v2/requests/status/${id}` }),
  sendAcceptedWithoutId: (response) => void response.status(202).json({ status: 'QUEUED' }),
  sendStanding: (response, task, standing) => void response.json(bodyOf(task, standing)),
  sendUnknownStatus: (response, task) =>
    void response.json({ ...bodyOf(task, { state: 'queued', progress: 0 }), status: 'WARMING_UP' }),
  sendError: (response, { status, code, message }) =>
    void response.status(status).json({ error: titles[code] ?? STATUS_CODES[status] ?? code, message }),
  // The page shows a callback for an error only, and there it is what the status call answers.
  callbackBody: bodyOf,
};

function invalid(message: string): Refusal {
  return { status: 400, code: 'invalid_request', message };
}

function readText(call: SubmitCall): ReadSubmit {
  const parsed = textSchema.safeParse(call.body);
  if (!parsed.success) return refuseFields(parsed.error);
  return wishOf({ ...parsed.data, operation: 'text_to_video', call });
}

async function readImageToVideo(call: SubmitCall): Promise<ReadSubmit> {
  const parsed = imageSchema.safeParse(call.body);
  if (!parsed.success) return refuseFields(parsed.error);
  const { image, ...asked } = parsed.data;
  const bytes = await readImage(image);
  const size = bytes && sizeOf(bytes);
  if (!size) return { refusal: invalid('image: could not be read as an image') };
  const { data: pixels } = sizeSchema.safeParse(size);
  if (!pixels) return { refusal: invalid(`image: is ${size}, must be one of ${sizeSchema.options.join(', ')}`) };
  if (asked.size && asked.size !== pixels) return { refusal: invalid(`size: must match the image, which is ${size}`) };
  return wishOf({ ...asked, size: pixels, operation: 'image_to_video', call });
}

function refuseFields({ issues: [issue] }: z.ZodError): ReadSubmit {
  return { refusal: invalid(`${issue?.path.join('.') || 'body'}: ${issue?.message}`) };
}

type Asked = z.infer<typeof textSchema> & { operation: string; call: SubmitCall };

function wishOf({ operation, prompt, model, size = DEFAULT_SIZE, seconds, callback_url, call }: Asked): ReadSubmit {
  // Whether both channels would be called is not stated; the header's is the queue's own.
  const callback = addressSchema.optional().safeParse(call.header('X-Webhook-URL') ?? callback_url);
  if (!callback.success) return { refusal: invalid('X-Webhook-URL: must be an address') };
  const [width, height] = sizes[size];
  const wish = { operation, prompt, width, height, seconds, upstreamModel: model };
  return { wish: { ...wish, ...(callback.data && { callbackUrl: callback.data }) } };
}

function bodyOf(task: Task, standing: Standing) {
  const { createdAtMs, doneAtMs } = task;
  const isoOf = (ms: number) => new Date(ms).toISOString();
  const times = {
    created_at: isoOf(createdAtMs),
    updated_at: isoOf(doneAtMs ?? createdAtMs),
    completed_at: doneAtMs === undefined ? null : isoOf(doneAtMs),
  };
  const common = { request_id: task.id, model_id: 'sora-video', error: null, output: null, ...times };
  switch (standing.state) {
    case 'queued':
      return { ...common, status: 'QUEUED' };
    case 'processing':
      return { ...common, status: 'PROCESSING' };
    case 'done': {
      // The page's sample calls the file `output.ext` and its type this, whatever it is.
      const output = standing.fileUrl && { media_url: [standing.fileUrl], media_type: 'application/octet-stream' };
      return { ...common, status: 'COMPLETED', output: output ?? null };
    }
    case 'failed':
      return { ...common, status: standing.loss === 'internal' ? 'ERROR' : 'FAILED', error: losses[standing.loss] };
  }
}
