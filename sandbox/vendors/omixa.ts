import { randomUUID } from 'node:crypto';
import type { Response } from 'express';
import type { Standing, Task } from '../tasks.js';
import type { ReadSubmit, Vendor } from '../vendor.js';

const aliases = [
  ['video_operation', 'task'],
  ['duration_seconds', 'seconds'],
  ['resolution', 'size'],
  ['sample_count', 'n_variants'],
  ['start_frame', 'first_frame', 'image', 'input_reference'],
  ['last_frame', 'end_frame'],
  ['source_video', 'source_video_id', 'video_id'],
] as const;
const plainFields = [
  'model',
  'prompt',
  'aspect_ratio',
  'negative_prompt',
  'person_generation',
  'generate_audio',
  'enhance_prompt',
  'seed',
  'reference_images',
  'wait_seconds',
  'poll_interval_seconds',
];
const knownFields = new Set<string>([...aliases.flat(), ...plainFields]);
const operations = ['text_to_video', 'image_to_video', 'extend', 'remix'];
const sizes: Record<string, [number, number]> = {
  '720p': [1280, 720],
  '1080p': [1920, 1080],
  '1280x720': [1280, 720],
  '720x1280': [720, 1280],
  '1920x1080': [1920, 1080],
};

/** Omixa's gateway, by its page. What the page leaves open (the status call, errors) is answered as such gateways do. */
export const omixa: Vendor = {
  paths: { submit: '/api/v1/videos/jobs', look: '/api/v1/videos/jobs/status' },
  newTaskId: () => `operations/${randomUUID()}`,
  pricePerSecondMicros: 100_000,
  readSubmit,
  promptOf: (body) => (typeof body.prompt === 'string' ? body.prompt : ''),
  taskIdOf: (query, body) => {
    const id = query.operation ?? body.operation;
    return typeof id === 'string' ? id : undefined;
  },
  refusals: {
    invalid: { status: 400, message: 'duration_seconds is outside the provider-safe range' },
    moderation: { status: 400, message: 'content_policy_violation: the prompt was rejected by moderation' },
    auth: { status: 401, message: 'invalid api key' },
    balance: { status: 402, message: 'insufficient balance' },
    model_gone: { status: 404, message: 'model not found or is disabled' },
  },
  sendAccepted: sendJob,
  sendAcceptedWithoutId: (response) =>
    void response.json({ provider: 'azure-foundry', model: 'sora', status: 'running', data: [] }),
  sendStanding: sendJob,
  sendUnknownStatus: (response, task) =>
    void response.json({ ...bodyOf(task, { state: 'queued' }), status: 'warming_up' }),
  sendError: (response, { status, message }) =>
    void response.status(status).json({ error: { code: String(status), message } }),
};

function readSubmit(body: Record<string, unknown>): ReadSubmit {
  const refuse = (message: string): ReadSubmit => ({ refusal: { status: 400, message } });
  const unknown = Object.keys(body).find((field) => !knownFields.has(field));
  if (unknown) return refuse(`unknown field ${unknown}`);
  const twice = aliases.find((names) => names.filter((name) => name in body).length > 1);
  if (twice) return refuse(`only one of ${twice.join(', ')} may be sent`);
  const pick = (names: readonly string[]) => names.map((name) => body[name]).find((value) => value !== undefined);

  const { prompt, model } = body;
  if (model !== 'sora') return { refusal: { status: 404, message: `model ${String(model)} not found` } };
  if (typeof prompt !== 'string' || prompt.trim() === '') return refuse('prompt is required');
  const operation = pick(aliases[0]) ?? 'text_to_video';
  if (typeof operation !== 'string' || !operations.includes(operation)) return refuse('video_operation is not known');
  const seconds = pick(aliases[1]) ?? 8;
  if (typeof seconds !== 'number' || seconds < 1 || seconds > 30)
    return refuse('duration_seconds must be a number in 1-30');
  const sizeWord = pick(aliases[2]) ?? '1280x720';
  const size = typeof sizeWord === 'string' ? sizes[sizeWord] : undefined;
  if (!size) return refuse('size is not supported');
  const image = pick(aliases[4]);
  if (operation === 'image_to_video' && image === undefined)
    return refuse('start_frame is required for image_to_video');
  if (typeof image === 'string' && !/^data:image\/(png|jpeg|webp);base64,/.test(image))
    return refuse('start_frame must be a data URL');
  if (['extend', 'remix'].includes(operation) && pick(aliases[6]) === undefined)
    return refuse('source_video is required');
  const [width, height] = size;
  return { wish: { operation, prompt, width, height, seconds, upstreamModel: 'sora' } };
}

function sendJob(response: Response, task: Task, standing: Standing): void {
  response.json(bodyOf(task, standing));
}

function bodyOf(task: Task, standing: Standing) {
  const common = { provider: 'azure-foundry', model: 'sora', operation: task.id, poll_after_seconds: 5 };
  switch (standing.state) {
    case 'queued':
    case 'processing':
      return { ...common, status: 'running', data: [] };
    case 'done':
      return {
        ...common,
        status: 'succeeded',
        data: standing.fileUrl ? [{ url: standing.fileUrl, content_type: 'video/mp4' }] : [],
      };
    case 'failed': {
      const message =
        standing.reason === 'moderation' ? 'content_policy_violation' : 'the upstream could not finish this job';
      return { ...common, status: 'failed', data: [], error: { code: standing.reason, message } };
    }
  }
}
