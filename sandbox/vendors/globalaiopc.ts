import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Loss, Standing, Task } from '../tasks.js';
import type { ReadSubmit, Refusal, SubmitCall, Vendor } from '../vendor.js';

const DEFAULT_SECONDS = 10;
const MAX_IMAGES = 3;

/** The page's header and its sample disagree on the address. */
const createPaths = ['/sora/videos', '/v1/sora/videos'] as const;

const portrait = [720, 1280] as const;
const landscape = [1280, 720] as const;
const shapes = { '720x1280': portrait, '9:16': portrait, '1280x720': landscape, '16:9': landscape } as const;
const secondsByModel = { 'sora-2': [10, 15], 'sora-2-stable': [10, 15], 'sora-2-pro': [10, 15, 25] } as const;

const imagesSchema = z
  .array(z.url({ protocol: /^https?$/ }))
  .max(MAX_IMAGES)
  .optional();
const submitSchema = z.strictObject({
  model: z.enum(['sora-2', 'sora-2-stable', 'sora-2-pro']),
  prompt: z.string().min(1),
  size: z.enum(['720x1280', '1280x720']).optional(),
  aspect_ratio: z.enum(['16:9', '9:16']).optional(),
  duration: z.int().optional(),
  seconds: z.int().optional(),
  input_reference: imagesSchema,
  image_urls: imagesSchema,
});
const exclusivePairs = [
  ['size', 'aspect_ratio'],
  ['duration', 'seconds'],
  ['input_reference', 'image_urls'],
] as const;

const losses: Record<Loss, string> = {
  internal: 'generation failed',
  moderation: 'content violates the usage policy',
  image: 'a reference image could not be fetched',
};

/** GlobalAIOPC, whose page ends with the create call. The query and its errors are answered as such gateways do. */
export const globalaiopc: Vendor = {
  submits: createPaths.map((path) => ({ path, read: readSubmit })),
  looks: createPaths.map((path) => ({
    method: 'get',
    path: `${path}/:id`,
    taskOf: ({ path: { id = '' } }) => ({ id }),
  })),
  newTaskId: () => `sora_${randomUUID().replaceAll('-', '')}`,
  pricePerSecondMicros: 90_000,
  promptOf: (body) => z.object({ prompt: z.string() }).safeParse(body).data?.prompt ?? '',
  refusals: {
    invalid: invalid('invalid parameters'),
    moderation: { status: 400, code: 'content_policy_violation', message: 'the prompt violates the content policy' },
    auth: { status: 401, code: 'invalid_api_key', message: 'invalid api key' },
    balance: { status: 402, code: 'insufficient_balance', message: 'insufficient balance' },
    model_gone: { status: 404, code: 'model_not_found', message: 'model not found' },
  },
  sendAccepted: (response, task, standing) => void response.json(bodyOf(task, standing)),
  sendAcceptedWithoutId: (response, task) => void response.json({ ...factsOf(task), status: 'queued' }),
  sendStanding: (response, task, standing) => void response.json(bodyOf(task, standing)),
  sendUnknownStatus: (response, task) => void response.json({ id: task.id, ...factsOf(task), status: 'warming_up' }),
  sendError: (response, { status, code, message }) => void response.status(status).json({ error: { code, message } }),
};

function invalid(message: string): Refusal {
  return { status: 400, code: 'invalid_request', message };
}

function readSubmit({ body }: SubmitCall): ReadSubmit {
  const parsed = submitSchema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { refusal: invalid(`${issue?.path.join('.') || 'body'}: ${issue?.message}`) };
  }
  const asked = parsed.data;
  const both = exclusivePairs.find(([one, other]) => asked[one] !== undefined && asked[other] !== undefined);
  if (both) return { refusal: invalid(`only one of ${both.join(' and ')} may be sent`) };

  const { model, prompt, size, aspect_ratio: ratio } = asked;
  const seconds = asked.seconds ?? asked.duration ?? DEFAULT_SECONDS;
  const lengths: readonly number[] = secondsByModel[model];
  if (!lengths.includes(seconds)) {
    return { refusal: invalid(`seconds: ${model} makes ${lengths.join(', ')} and not ${seconds}`) };
  }
  const imageUrls = asked.input_reference ?? asked.image_urls ?? [];
  const operation = imageUrls.length > 0 ? 'image_to_video' : 'text_to_video';
  const [width, height] = shapes[size ?? ratio ?? '720x1280'];
  return { wish: { operation, prompt, width, height, seconds, upstreamModel: model, imageUrls } };
}

function factsOf({ createdAtMs, upstreamModel: model }: Task) {
  return { object: 'video.generation', created: Math.floor(createdAtMs / 1_000), model };
}

function bodyOf(task: Task, standing: Standing) {
  const facts = { id: task.id, ...factsOf(task) };
  switch (standing.state) {
    case 'queued':
    case 'processing':
      return { ...facts, status: standing.state };
    case 'done':
      return { ...facts, status: 'completed', ...(standing.fileUrl && { video_url: standing.fileUrl }) };
    case 'failed':
      return { ...facts, status: 'failed', error: losses[standing.loss] };
  }
}
