import { randomUUID } from 'node:crypto';
import type { Response } from 'express';
import type { Standing, Task } from '../tasks.js';
import type { ReadSubmit, Vendor } from '../vendor.js';

const shapes: Record<string, [number, number]> = { landscape: [1280, 720], portrait: [720, 1280] };
const modes: Record<string, string> = { 'text-to-video': 'text_to_video', 'image-to-video': 'image_to_video' };
const MAX_PROMPT_CHARACTERS = 10_000;

/** APIXO, by its page: an envelope whose `code` is the truth, failures inside `code: 200`, results as a JSON text. */
export const apixo: Vendor = {
  paths: { submit: '/api/v1/generateTask/:model', look: '/api/v1/statusTask/:model' },
  newTaskId: () => `task_${randomUUID().replaceAll('-', '')}`,
  pricePerSecondMicros: 80_000,
  readSubmit,
  promptOf: (body) => {
    const { input } = body;
    return isRecord(input) && typeof input.prompt === 'string' ? input.prompt : '';
  },
  taskIdOf: (query) => (typeof query.taskId === 'string' ? query.taskId : undefined),
  refusals: {
    invalid: { status: 400, message: 'Invalid parameters' },
    moderation: { status: 400, message: 'CONTENT_VIOLATION' },
    auth: { status: 401, message: 'Unauthorized' },
    balance: { status: 400, message: 'Insufficient credits' },
    model_gone: { status: 404, message: 'Model not found' },
  },
  sendAccepted: (response, task) => void response.json({ code: 200, message: 'success', data: { taskId: task.id } }),
  sendAcceptedWithoutId: (response) => void response.json({ code: 200, message: 'success', data: {} }),
  sendStanding: (response, task, standing) => sendData(response, dataOf(task, standing)),
  sendUnknownStatus: (response, task) =>
    sendData(response, { taskId: task.id, state: 'warming_up', createTime: task.createdAtMs }),
  sendError: (response, { status, message }) =>
    void response.status(status).json({ code: status, message, data: null }),
};

function readSubmit(body: Record<string, unknown>, path: Record<string, string>): ReadSubmit {
  const refuse = (message: string): ReadSubmit => ({ refusal: { status: 400, message } });
  const { request_type: requestType = 'async', callback_url: callbackUrl, provider = 'auto', input } = body;
  if (path.model !== 'sora-2') return { refusal: { status: 404, message: 'Model not found' } };
  if (requestType !== 'async' && requestType !== 'callback') return refuse('request_type must be async or callback');
  if (requestType === 'callback' && typeof callbackUrl !== 'string') return refuse('callback_url is required');
  if (!['auto', 'value', 'official'].includes(String(provider)))
    return refuse('provider must be auto, value or official');
  if (!isRecord(input)) return refuse('input is required');
  const { mode, prompt, duration = 10, aspect_ratio: aspectRatio = 'landscape', image_urls: imageUrls } = input;
  const operation = modes[String(mode)];
  if (!operation) return refuse('input.mode must be text-to-video or image-to-video');
  if (typeof prompt !== 'string' || prompt === '' || prompt.length > MAX_PROMPT_CHARACTERS)
    return refuse('input.prompt must have 1 to 10000 characters');
  if (duration !== 10 && duration !== 15) return refuse('input.duration must be 10 or 15');
  const shape = shapes[String(aspectRatio)];
  if (!shape) return refuse('input.aspect_ratio must be landscape or portrait');
  if (operation === 'image_to_video' && !(Array.isArray(imageUrls) && imageUrls.length > 0))
    return refuse('input.image_urls is required');
  const [width, height] = shape;
  return { wish: { operation, prompt, width, height, seconds: duration, upstreamModel: 'sora-2' } };
}

function dataOf(task: Task, standing: Standing) {
  const common = { taskId: task.id, createTime: task.createdAtMs };
  const ended = { completeTime: task.doneAtMs, costTime: (task.doneAtMs ?? task.createdAtMs) - task.createdAtMs };
  switch (standing.state) {
    case 'queued':
      return { ...common, state: 'pending' };
    case 'processing':
      return { ...common, state: 'processing' };
    case 'done':
      return {
        ...common,
        ...ended,
        state: 'success',
        resultJson: JSON.stringify({ resultUrls: standing.fileUrl ? [standing.fileUrl] : [] }),
      };
    case 'failed': {
      const failCode = standing.reason === 'moderation' ? 'CONTENT_VIOLATION' : 'GENERATION_FAILED';
      return { taskId: task.id, state: 'failed', failCode, failMsg: 'the task could not be finished' };
    }
  }
}

function sendData(response: Response, data: object): void {
  response.json({ code: 200, message: 'success', data });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
