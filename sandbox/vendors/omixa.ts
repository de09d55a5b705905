import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { isInlineImage } from '../images.js';
import { continuationOf, lookalikeOf } from '../sources.js';
import type { Standing, Task } from '../tasks.js';
import type { ReadSubmit, Refusal, SubmitCall, Vendor } from '../vendor.js';

const DEFAULT_SECONDS = 8;
const LONGEST_HINT_MS = 5_000;
const SHORTEST_HINT_MS = 100;

/** Fields with several names: the page does not say which wins, so both at once are refused. */
const aliases = {
  operation: ['video_operation', 'task'],
  seconds: ['duration_seconds', 'seconds'],
  size: ['resolution', 'size'],
  variants: ['sample_count', 'n_variants'],
  firstFrame: ['start_frame', 'first_frame', 'image', 'input_reference'],
  lastFrame: ['last_frame', 'end_frame'],
  source: ['source_video', 'source_video_id', 'video_id'],
} as const;

const operationSchema = z.enum(['text_to_video', 'image_to_video', 'extend', 'remix']).optional();
const secondsSchema = z.number().min(1).max(30).optional();
const sizeSchema = z.enum(['720p', '1080p', '1280x720', '720x1280', '1920x1080']).optional();
const variantsSchema = z.int().min(1).max(4).optional();
const imageSchema = z.string().refine(isInlineImage, { error: 'must be an image as a data URL' });
const videoSchema = z.string().min(1).optional();

const submitSchema = z.strictObject({
  model: z.string(),
  prompt: z.string().trim().min(1),
  video_operation: operationSchema,
  task: operationSchema,
  duration_seconds: secondsSchema,
  seconds: secondsSchema,
  aspect_ratio: z.enum(['16:9', '9:16', '1:1']).optional(),
  resolution: sizeSchema,
  size: sizeSchema,
  sample_count: variantsSchema,
  n_variants: variantsSchema,
  // The page calls these two Veo-style and asks that only what the model knows be sent.
  negative_prompt: z.undefined({ error: 'is not supported by this model' }).optional(),
  person_generation: z.undefined({ error: 'is not supported by this model' }).optional(),
  generate_audio: z.boolean().optional(),
  enhance_prompt: z.boolean().optional(),
  seed: z.int().optional(),
  start_frame: imageSchema.optional(),
  first_frame: imageSchema.optional(),
  image: imageSchema.optional(),
  input_reference: imageSchema.optional(),
  last_frame: imageSchema.optional(),
  end_frame: imageSchema.optional(),
  reference_images: z.array(imageSchema).optional(),
  source_video: videoSchema,
  source_video_id: videoSchema,
  video_id: videoSchema,
  wait_seconds: z.int().nonnegative().optional(),
  poll_interval_seconds: z.int().nonnegative().optional(),
});
type Submit = z.infer<typeof submitSchema>;

const pixels: Record<NonNullable<z.infer<typeof sizeSchema>>, readonly [number, number]> = {
  '720p': [1280, 720],
  '1080p': [1920, 1080],
  '1280x720': [1280, 720],
  '720x1280': [720, 1280],
  '1920x1080': [1920, 1080],
};

/** Omixa's gateway, by its page. What the page leaves open (the status call, errors) is answered as such gateways do. */
export const omixa: Vendor = {
  submits: [{ path: '/api/v1/videos/jobs', read: readSubmit }],
  looks: [
    { method: 'get', path: '/api/v1/videos/jobs/status', taskOf: ({ query }) => askedFor(query) },
    { method: 'post', path: '/api/v1/videos/jobs/status', taskOf: ({ body }) => askedFor(body) },
  ],
  newTaskId: () => `operations/${randomUUID()}`,
  pricePerSecondMicros: 100_000,
  promptOf: (body) => z.object({ prompt: z.string() }).safeParse(body).data?.prompt ?? '',
  refusals: {
    invalid: invalid('duration_seconds is outside the provider-safe range'),
    moderation: {
      status: 400,
      code: 'content_policy_violation',
      message: 'content_policy_violation: the prompt was rejected by moderation',
    },
    auth: { status: 401, code: 'invalid_api_key', message: 'invalid api key' },
    balance: { status: 402, code: 'insufficient_balance', message: 'insufficient balance' },
    model_gone: { status: 404, code: 'model_not_found', message: 'model not found or is disabled' },
  },
  sendAccepted: (response, task, standing) => void response.json(bodyOf(task, standing)),
  sendAcceptedWithoutId: (response) =>
    void response.json({ provider: 'azure-foundry', model: 'sora', status: 'running', data: [] }),
  sendStanding: (response, task, standing) => void response.json(bodyOf(task, standing)),
  sendUnknownStatus: (response, task) =>
    void response.json({ ...commonOf(task), status: 'warming_up', poll_after_seconds: 5, data: [] }),
  sendError: (response, { status, code, message }) =>
    void response.status(status).json({ error: { code, message, type: 'error' } }),
};

function invalid(message: string): Refusal {
  return { status: 400, code: 'invalid_request', message };
}

function askedFor(given: unknown) {
  const id = z.object({ operation: z.string() }).safeParse(given).data?.operation;
  return id === undefined ? undefined : { id };
}

function readSubmit({ body, find }: SubmitCall): ReadSubmit {
  const parsed = submitSchema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { refusal: invalid(`${issue?.path.join('.') || 'body'}: ${issue?.message}`) };
  }
  const asked = parsed.data;
  const sourceId = one(asked, aliases.source);
  const source = sourceId === undefined ? undefined : find(sourceId)?.task;
  const problem = problemOf(asked, source !== undefined);
  if (problem) return { refusal: problem };

  const operation = one(asked, aliases.operation) ?? 'text_to_video';
  const [width, height] = shapeOf(asked);
  const seconds = one(asked, aliases.seconds) ?? DEFAULT_SECONDS;
  const wish = { operation, prompt: asked.prompt, width, height, seconds, upstreamModel: 'sora' };
  if (source && operation === 'extend') return { wish: { ...wish, ...continuationOf(source, seconds) } };
  if (source && operation === 'remix') return { wish: { ...wish, ...lookalikeOf(source) } };
  return { wish };
}

function problemOf(asked: Submit, hasSource: boolean): Refusal | undefined {
  if (asked.model !== 'sora')
    return { status: 404, code: 'model_not_found', message: `model ${asked.model} not found` };
  const twice = Object.values(aliases).find((names) => names.filter((name) => asked[name] !== undefined).length > 1);
  if (twice) return invalid(`only one of ${twice.join(', ')} may be sent`);

  const operation = one(asked, aliases.operation) ?? 'text_to_video';
  if (operation === 'image_to_video' && !one(asked, aliases.firstFrame))
    return invalid('start_frame: is required for image_to_video');
  const source = one(asked, aliases.source);
  const needsSource = operation === 'extend' || operation === 'remix';
  if (needsSource && !source) return invalid(`source_video: is required for ${operation}`);
  if (source && !source.startsWith('data:video/') && !hasSource) return invalid('source_video: is not known');

  const size = one(asked, aliases.size);
  const { aspect_ratio: ratio } = asked;
  if (size?.includes('x') && ratio) {
    const [width, height] = pixels[size];
    const isLandscape = width > height;
    if (ratio !== (isLandscape ? '16:9' : '9:16')) return invalid('aspect_ratio: contradicts the size');
  }
  return undefined;
}

/** The value of a field under whichever of its names it was sent. */
function one<Name extends keyof Submit>(asked: Submit, names: readonly Name[]): Submit[Name] | undefined {
  return names.map((name) => asked[name]).find((value) => value !== undefined);
}

function shapeOf(asked: Submit): readonly [number, number] {
  const [width, height] = pixels[one(asked, aliases.size) ?? '1280x720'];
  if (asked.aspect_ratio === '1:1') return [height, height];
  return asked.aspect_ratio === '9:16' && width > height ? [height, width] : [width, height];
}

function commonOf(task: Task) {
  return { provider: 'azure-foundry', model: task.upstreamModel, operation: task.id };
}

function bodyOf(task: Task, standing: Standing) {
  switch (standing.state) {
    case 'queued':
    case 'processing': {
      // The page's sample says 5; a task that will be ready sooner says so.
      const { endsInMs = LONGEST_HINT_MS } = standing;
      const hintMs = Math.min(Math.max(endsInMs, SHORTEST_HINT_MS), LONGEST_HINT_MS);
      return { ...commonOf(task), status: 'running', poll_after_seconds: Math.ceil(hintMs / 100) / 10, data: [] };
    }
    case 'done':
      return {
        ...commonOf(task),
        status: 'succeeded',
        poll_after_seconds: 5,
        data: standing.fileUrl ? [{ url: standing.fileUrl, content_type: 'video/mp4' }] : [],
      };
    case 'failed': {
      const message =
        standing.loss === 'moderation' ? 'content_policy_violation' : 'the upstream could not finish this job';
      return { ...commonOf(task), status: 'failed', data: [], error: { code: standing.loss, message } };
    }
  }
}
