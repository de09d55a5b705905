import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Loss, Standing, Task } from '../tasks.js';
import type { ReadSubmit, Refusal, SubmitCall, Vendor } from '../vendor.js';

const DEFAULT_SECONDS = 10;

const shapes = { landscape: [1280, 720], portrait: [720, 1280] } as const;
const operations = { 'text-to-video': 'text_to_video', 'image-to-video': 'image_to_video' } as const;
const addressSchema = z.url({ protocol: /^https?$/ });

const submitSchema = z.strictObject({
  request_type: z.enum(['async', 'callback']).default('async'),
  // The page's own example shows it beside `async` too.
  callback_url: addressSchema.optional(),
  provider: z.enum(['auto', 'value', 'official']).default('auto'),
  input: z.strictObject({
    mode: z.enum(['text-to-video', 'image-to-video']),
    prompt: z.string().min(1).max(10_000),
    duration: z.literal([10, 15]).default(DEFAULT_SECONDS),
    aspect_ratio: z.enum(['landscape', 'portrait']).default('landscape'),
    image_urls: z.array(addressSchema).min(1).optional(),
    remove_watermark: z.boolean().default(true),
  }),
});

const failCodes: Record<Loss, string> = {
  internal: 'GENERATION_FAILED',
  moderation: 'CONTENT_VIOLATION',
  image: 'INVALID_IMAGE_URL',
};

/** APIXO, by its page: an envelope whose `code` is the truth, failures inside `code: 200`, results as a JSON text. */
export const apixo: Vendor = {
  submits: [{ path: '/api/v1/generateTask/:model', read: readSubmit }],
  looks: [
    {
      method: 'get',
      path: '/api/v1/statusTask/:model',
      taskOf: ({ query, path }) =>
        typeof query.taskId === 'string' ? { id: query.taskId, upstreamModel: path.model } : undefined,
    },
  ],
  newTaskId: () => `task_${randomUUID().replaceAll('-', '')}`,
  pricePerSecondMicros: 80_000,
  promptOf: (body) => z.object({ input: z.object({ prompt: z.string() }) }).safeParse(body).data?.input.prompt ?? '',
  refusals: {
    invalid: invalid('Invalid parameters'),
    moderation: invalid('CONTENT_VIOLATION'),
    auth: { status: 401, code: 'unauthorized', message: 'Unauthorized' },
    balance: invalid('Insufficient credits'),
    model_gone: { status: 404, code: 'model_not_found', message: 'Model not found' },
  },
  sendAccepted: (response, task) => void response.json(envelope({ taskId: task.id })),
  sendAcceptedWithoutId: (response) => void response.json(envelope({})),
  sendStanding: (response, task, standing) => void response.json(envelope(dataOf(task, standing))),
  sendUnknownStatus: (response, task) =>
    void response.json(envelope({ taskId: task.id, state: 'warming_up', createTime: task.createdAtMs })),
  // The page does not say whether HTTP repeats the envelope's code; here it does.
  sendError: (response, { status, message }) =>
    void response.status(status).json({ code: status, message, data: null }),
  // The page does not show a callback's body; this is what its status call answers.
  callbackBody: (task, standing) => envelope(dataOf(task, standing)),
};

function invalid(message: string): Refusal {
  return { status: 400, code: 'invalid_request', message };
}

function readSubmit({ body, path }: SubmitCall): ReadSubmit {
  if (path.model !== 'sora-2') return { refusal: apixo.refusals.model_gone };
  const parsed = submitSchema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { refusal: invalid(`Invalid parameters: ${issue?.path.join('.') || 'body'}: ${issue?.message}`) };
  }
  const { request_type: requestType, callback_url: callbackUrl, input } = parsed.data;
  const { mode, prompt, duration: seconds, image_urls: imageUrls } = input;
  const refuse = (message: string): ReadSubmit => ({ refusal: invalid(`Invalid parameters: ${message}`) });
  if (requestType === 'callback' && !callbackUrl) return refuse('callback_url is required');
  if (mode === 'image-to-video' && !imageUrls) return refuse('input.image_urls is required');
  if (mode === 'text-to-video' && imageUrls) return refuse('input.image_urls is for image-to-video');

  const [width, height] = shapes[input.aspect_ratio];
  const wish = { operation: operations[mode], prompt, width, height, seconds, upstreamModel: path.model };
  return {
    wish: { ...wish, ...(imageUrls && { imageUrls }), ...(requestType === 'callback' && { callbackUrl }) },
  };
}

function dataOf(task: Task, standing: Standing) {
  const { id: taskId, createdAtMs: createTime, doneAtMs = Date.now() } = task;
  const ended = { createTime, completeTime: doneAtMs, costTime: doneAtMs - createTime };
  switch (standing.state) {
    case 'queued':
      return { taskId, state: 'pending', createTime };
    case 'processing':
      return { taskId, state: 'processing', createTime };
    case 'done': {
      const resultUrls = standing.fileUrl ? [standing.fileUrl] : [];
      return { taskId, state: 'success', ...ended, resultJson: JSON.stringify({ resultUrls }) };
    }
    case 'failed':
      return { taskId, state: 'failed', ...ended, failCode: failCodes[standing.loss], failMsg: 'the task failed' };
  }
}

function envelope(data: object) {
  return { code: 200, message: 'success', data };
}
