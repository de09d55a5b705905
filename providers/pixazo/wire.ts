import { z } from 'zod';
import type { Generation } from '../../contract/generation.js';
import { dataUrl, isUsableUrl, taskIdSchema } from '../adapter.js';
import { usualErrorFields } from '../usual-words.js';
import { defaultShape } from './models.js';

export const createdTask = z.object({ request_id: taskIdSchema });

/** The task that a callback names, in the shape of the status call: the only one that the page shows. */
export function readCalledBackTask(body: unknown): string | null {
  return createdTask.safeParse(body).data?.request_id ?? null;
}

const output = z.object({
  // The page shows a list; a single address was seen at other models of this gateway.
  media_url: z.union([z.string().transform((url) => [url]), z.array(z.unknown())]).nullish(),
});

export const lookedAtTask = z.object({
  status: z.string(),
  ...usualErrorFields,
  output: output.nullish().catch(null),
});
export type LookedAtTask = z.infer<typeof lookedAtTask>;

export function resultUrls(task: LookedAtTask): string[] {
  return (task.output?.media_url ?? []).filter((url) => typeof url === 'string').filter(isUsableUrl);
}

/** The body of a submit. */
export function generateRequest({ upstreamModel, prompt, durationSeconds, size, inputs }: Generation) {
  const { firstFrame } = inputs;
  // The page gives no default size to text, and an image its own pixels.
  const pixels = size ?? (firstFrame ? undefined : defaultShape);
  return {
    model: upstreamModel,
    prompt,
    seconds: durationSeconds,
    size: pixels && `${pixels.width}x${pixels.height}`,
    image: firstFrame && dataUrl(firstFrame),
  };
}
