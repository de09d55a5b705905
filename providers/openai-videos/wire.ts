import { z } from 'zod';
import type { Generation, MediaInput } from '../../contract/generation.js';
import { dataUrl, taskIdSchema } from '../adapter.js';
import type { VendorWords } from '../failure.js';
import { parseJson } from '../http.js';
import { type OpenaiVideosSettings, sizeWord } from './models.js';

const code = z.coerce.string().nullish().catch(null);
const text = z.string().nullish().catch(null);

const errorFields = { code, message: text, type: text };
/** Azure tells the reason in `inner_error`. */
const error = z.object({ ...errorFields, inner_error: z.object({ code }).nullish().catch(null) });
const errorOrText = z.union([z.string(), error]).nullish().catch(null);

/** `expired` is a task that was never begun in time; the last two are words of those who copy the shape. */
export const lostWords = new Set(['failed', 'expired', 'cancelled', 'canceled']);

const video = z.object({
  status: z.string().nullish(),
  progress: z.number().nullish().catch(null),
  error: errorOrText,
});
export type Video = z.infer<typeof video>;

export const createdVideo = video.extend({ id: taskIdSchema });

/** A look must at least be an answer about a video: an object without a status is a failed look. */
export const lookedAtVideo = video.extend({ status: z.string() });

const seconds = z.coerce.number().positive().nullish().catch(null);

/** One page of the list. A video without an id that can be kept makes the list unreadable: it may be the one that is looked for. */
export const listedVideos = z.object({
  data: z.array(
    z.object({
      id: taskIdSchema,
      status: z.string().nullish().catch(null),
      model: text,
      prompt: text,
      seconds,
      size: text,
      created_at: z.number().nullish().catch(null),
    }),
  ),
  has_more: z.boolean().nullish().catch(null),
});
export type ListedVideo = z.infer<typeof listedVideos>['data'][number];

/** Some who copy the shape leave the wrapper out. */
const errorBody = error.extend({ error: errorOrText });

export function readOpenaiError(answer: string): VendorWords {
  const body = errorBody.safeParse(parseJson(answer)).data;
  return wordsOf(body?.error ?? body);
}

export function wordsOf(said: Video['error'] | undefined): VendorWords {
  if (typeof said === 'string') return { message: said };
  const named = said?.inner_error?.code ?? said?.code ?? said?.type;
  return { ...(said?.message ? { message: said.message } : {}), ...(named ? { code: named } : {}) };
}

export type SubmitRequest = { path: string; body: Record<string, unknown> };

type Writing = Pick<OpenaiVideosSettings, 'videosPath' | 'secondsType' | 'imageForm'> & {
  /** What is drawn when no size is asked for. Always sent: whoever copies the shape may have a default of its own, and a frame must match. */
  defaultSize: { width: number; height: number };
};

/** Where a submit goes and what it says. `undefined` when an input cannot be put into this shape. */
export function submitRequest(generation: Generation, writing: Writing): SubmitRequest | undefined {
  const { operation, prompt, durationSeconds, inputs } = generation;
  const { videosPath, secondsType } = writing;
  const seconds = secondsType === 'string' ? String(durationSeconds) : durationSeconds;
  const source = inputs.sourceVideo?.task.id;

  switch (operation) {
    case 'text_to_video':
    case 'image_to_video': {
      const image = inputs.firstFrame && imageAddress(inputs.firstFrame, writing);
      if (inputs.firstFrame && !image) return undefined;
      const size = sizeWord(generation.size ?? writing.defaultSize);
      const body = { model: generation.upstreamModel, prompt, seconds, size };
      return { path: videosPath, body: image ? { ...body, input_reference: { image_url: image } } : body };
    }
    case 'extend':
      return source
        ? { path: `${videosPath}/extensions`, body: { prompt, seconds, video: { id: source } } }
        : undefined;
    case 'remix':
      return source ? { path: `${videoPath(videosPath, source)}/remix`, body: { prompt } } : undefined;
  }
}

export function videoPath(videosPath: string, id: string): string {
  return `${videosPath}/${encodeURIComponent(id)}`;
}

function imageAddress(image: MediaInput, { imageForm }: Writing): string | undefined {
  return imageForm === 'url' ? image.url : dataUrl(image);
}
