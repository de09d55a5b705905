import { z } from 'zod';
import type { Generation } from '../../contract/generation.js';
import { dataUrl, taskIdSchema } from '../adapter.js';
import type { VendorWords } from '../failure.js';
import { parseJson } from '../http.js';

const words = z.object({
  code: z.coerce.string().nullish(),
  message: z.string().nullish(),
  type: z.string().nullish(),
});

/** Not documented; these are the shapes that gateways of this kind use. */
const errorFields = {
  error: z.union([z.string(), words]).nullish().catch(null),
  message: z.string().nullish().catch(null),
};

const job = z.object({
  status: z.string().nullish(),
  poll_after_seconds: z.number().nullish().catch(null),
  data: z
    .array(z.object({ url: z.string().nullish() }))
    .nullish()
    .catch(null),
  ...errorFields,
});
export type Job = z.infer<typeof job>;

export const createdJob = job.extend({ operation: taskIdSchema });

/** A look must at least be an answer about a job: an object without a status is a failed look. */
export const lookedAtJob = job.extend({ status: z.string() });

const errorBody = z.object(errorFields);

export function readOmixaError(text: string): VendorWords {
  const body = errorBody.safeParse(parseJson(text));
  return body.success ? wordsOf(body.data) : {};
}

export function wordsOf({ error, message }: z.infer<typeof errorBody>): VendorWords {
  if (typeof error === 'string') return { message: error };
  const code = error?.code ?? error?.type ?? undefined;
  const said = error?.message ?? message ?? undefined;
  return { ...(said ? { message: said } : {}), ...(code ? { code } : {}) };
}

/** The body of a submit: each thing under one of its names, and only what was asked for. A remix is as long and as large as its source. */
export function jobRequest(generation: Generation): Record<string, unknown> {
  const { operation, size, inputs } = generation;
  const isRemix = operation === 'remix';
  return {
    model: generation.upstreamModel,
    prompt: generation.prompt,
    video_operation: operation,
    duration_seconds: isRemix ? undefined : generation.durationSeconds,
    size: size && !isRemix ? `${size.width}x${size.height}` : undefined,
    seed: generation.seed,
    generate_audio: generation.generateAudio,
    enhance_prompt: generation.enhancePrompt,
    start_frame: inputs.firstFrame && dataUrl(inputs.firstFrame),
    last_frame: inputs.lastFrame && dataUrl(inputs.lastFrame),
    reference_images: inputs.references.length > 0 ? inputs.references.map(dataUrl) : undefined,
    source_video: inputs.sourceVideo?.task.id,
  };
}
