import { z } from 'zod';
import type { Generation } from '../../contract/generation.js';
import { type ImageAddresses, isUsableUrl, taskIdSchema } from '../adapter.js';
import { usualErrorFields } from '../usual-words.js';
import { defaultShape } from './models.js';

const address = z
  .union([z.string(), z.object({ url: z.string() }).transform(({ url }) => url)])
  .nullish()
  .catch(null);

/** One address or several, bare or within an object. */
const addresses = z.union([z.array(address), address.transform((one) => [one])]).optional();

/** The page names no field for the result. These are searched in this order. */
const resultFields = ['video_url', 'url', 'result_url', 'output', 'data', 'video'] as const;

const taskFields = {
  ...usualErrorFields,
  video_url: addresses,
  url: addresses,
  result_url: addresses,
  output: addresses,
  data: addresses,
  video: addresses,
};

export const createdTask = z.object({
  id: taskIdSchema,
  status: z.string().nullish().catch(null),
  ...taskFields,
});

/** A look must at least be an answer about a task: an object without a status is a failed look. */
export const lookedAtTask = z.object({ status: z.string(), ...taskFields });

export type Task = Omit<z.infer<typeof createdTask>, 'id'>;

export function resultUrls(task: Task): string[] {
  const found = resultFields.map((name) => (task[name] ?? []).filter(isUsableUrl));
  return found.find((urls) => urls.length > 0) ?? [];
}

/**
 * The body of a submit: of the fields that exclude each other always one, and the shape always written out, because what is left out
 * becomes portrait.
 */
export function videoRequest(
  { upstreamModel, prompt, durationSeconds, size }: Generation,
  { firstFrame, references }: ImageAddresses,
): Record<string, unknown> {
  const { width, height } = size ?? defaultShape;
  return {
    model: upstreamModel,
    prompt,
    size: `${width}x${height}`,
    duration: durationSeconds,
    image_urls: firstFrame && [firstFrame],
    input_reference: references.length > 0 ? references : undefined,
  };
}
