import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Loss, Standing, Task } from '../tasks.js';
import type { ContentCall, ListCall, Refusal, Vendor } from '../vendor.js';
import { invalid, readCreate, readEdit, readExtension, readRemix } from './openai-requests.js';

const DEFAULT_PAGE = 20;
const MAX_PAGE = 100;
const DOWNLOAD_WINDOW_SECONDS = 3_600;

const listSchema = z.object({
  after: z.string().optional(),
  limit: z.coerce.number().int().min(0).max(MAX_PAGE).default(DEFAULT_PAGE),
  order: z.enum(['asc', 'desc']).default('desc'),
});

const losses: Record<Loss, { code: string; message: string }> = {
  internal: { code: 'internal_error', message: 'The video could not be generated.' },
  moderation: { code: 'moderation_blocked', message: 'Your request was blocked by our moderation system.' },
  image: { code: 'invalid_image', message: 'The image could not be used.' },
};

/** OpenAI's Videos API, by its pages of before it ended: files by id and key, lists, videos made of videos. */
export const openai: Vendor = {
  takesForms: true,
  submits: [
    { path: '/v1/videos', read: readCreate },
    { path: '/v1/videos/extensions', read: readExtension },
    { path: '/v1/videos/edits', read: readEdit },
    { path: '/v1/videos/:id/remix', read: readRemix },
  ],
  looks: [{ method: 'get', path: '/v1/videos/:id', taskOf: ({ path: { id = '' } }) => ({ id }) }],
  list: { path: '/v1/videos', read: readList },
  remove: {
    path: '/v1/videos/:id',
    read: ({ task: { id }, standing: { state } }) =>
      state === 'done' || state === 'failed'
        ? { removed: { id, object: 'video.deleted', deleted: true } }
        : { refusal: invalid({ message: 'Only completed or failed videos can be deleted.', param: 'id' }) },
  },
  content: { path: '/v1/videos/:id/content', refusalOf: contentRefusalOf },
  newTaskId: () => `video_${randomUUID().replaceAll('-', '')}`,
  pricePerSecondMicros: 100_000,
  promptOf: (body) => z.object({ prompt: z.string() }).safeParse(body).data?.prompt ?? '',
  refusals: {
    invalid: invalid({ message: 'Invalid value.' }),
    moderation: { status: 400, code: 'moderation_blocked', message: losses.moderation.message },
    auth: { status: 401, code: 'invalid_api_key', message: 'Incorrect API key provided.' },
    balance: { status: 429, code: 'insufficient_quota', message: 'You exceeded your current quota.' },
    model_gone: {
      status: 404,
      code: 'model_not_found',
      message: 'The model does not exist or is no longer available.',
      param: 'model',
    },
  },
  sendAccepted: (response, task, standing) => void response.json(videoOf(task, standing)),
  sendAcceptedWithoutId: (response, task) => {
    const { id: _, ...rest } = videoOf(task, { state: 'queued', progress: 0 });
    response.json(rest);
  },
  sendStanding: (response, task, standing) => void response.json(videoOf(task, standing)),
  sendUnknownStatus: (response, task) =>
    void response.json({ ...videoOf(task, { state: 'queued', progress: 0 }), status: 'warming_up' }),
  signsCallbacks: true,
  // Nothing but the id: whoever is told asks for the rest.
  callbackBody: (task, standing) => ({
    id: task.id.replace(/^video/, 'evt'),
    object: 'event',
    created_at: Math.floor((task.doneAtMs ?? Date.now()) / 1_000),
    type: `video.${statusOf(standing)}`,
    data: { id: task.id },
  }),
  sendError: (response, { status, code, message, param }) =>
    void response
      .status(status)
      .json({ error: { message, type: errorTypeOf(status, code), param: param ?? null, code } }),
};

function errorTypeOf(status: number, code: string): string {
  if (status >= 500) return 'server_error';
  if (status !== 429) return 'invalid_request_error';
  return code === 'insufficient_quota' ? code : 'rate_limit_error';
}

function readList({ known, query }: ListCall) {
  const parsed = listSchema.safeParse(query);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return { refusal: invalid({ message: issue?.message ?? 'Invalid value.', param: String(issue?.path[0]) }) };
  }
  const { after, limit, order } = parsed.data;
  const ordered = order === 'asc' ? known : known.toReversed();
  const at = ordered.findIndex(({ task }) => task.id === after);
  if (after !== undefined && at < 0) {
    return { refusal: invalid({ message: `Video with id '${after}' not found.`, param: 'after' }) };
  }
  const rest = ordered.slice(at + 1);
  const data = rest.slice(0, limit).map(({ task, standing }) => videoOf(task, standing));
  const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return { page: { object: 'list', data, ...ends, has_more: rest.length > data.length } };
}

function contentRefusalOf({ standing, query }: ContentCall): Refusal | undefined {
  // Thumbnails and spritesheets are documented; nobody asks this stand-in for them.
  if (!['video', undefined].includes(query.variant?.toString())) {
    return invalid({ message: 'Only the variant video is made here.', param: 'variant' });
  }
  if (standing.state === 'done' && standing.fileUrl) return undefined;
  return { status: 404, code: 'not_found', message: 'The video is not ready yet.', param: 'id' };
}

function videoOf(task: Task, standing: Standing) {
  const doneAt = task.doneAtMs === undefined ? null : Math.floor(task.doneAtMs / 1_000);
  const isCompleted = standing.state === 'done';
  return {
    id: task.id,
    object: 'video',
    model: task.upstreamModel,
    status: statusOf(standing),
    progress: 'progress' in standing ? standing.progress : 100,
    prompt: task.prompt,
    created_at: Math.floor(task.createdAtMs / 1_000),
    completed_at: isCompleted ? doneAt : null,
    expires_at: isCompleted && doneAt !== null ? doneAt + DOWNLOAD_WINDOW_SECONDS : null,
    seconds: String(task.seconds),
    size: `${task.width}x${task.height}`,
    remixed_from_video_id: task.operation === 'remix' ? task.sourceId : null,
    error: standing.state === 'failed' ? losses[standing.loss] : null,
  };
}

function statusOf({ state }: Standing): string {
  switch (state) {
    case 'queued':
      return 'queued';
    case 'processing':
      return 'in_progress';
    case 'done':
      return 'completed';
    case 'failed':
      return 'failed';
  }
}
