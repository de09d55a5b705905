import { z } from 'zod';

/** What a job makes. First and last frames and reference images are inputs of these. */
export const operations = ['text_to_video', 'image_to_video', 'extend', 'remix'] as const;
export type Operation = (typeof operations)[number];

export const aspectRatios = ['16:9', '9:16', '1:1', '7:4', '4:7'] as const;
export type AspectRatio = (typeof aspectRatios)[number];

/** The ratio of these pixels, when it has a name. */
export function aspectRatioOf({ width, height }: { width: number; height: number }): AspectRatio | undefined {
  return aspectRatios.find((ratio) => {
    const [across, down] = sidesOf(ratio);
    return width > 0 && width * down === height * across;
  });
}

/** Its two numbers: 16 and 9 of `16:9`. */
export function sidesOf(ratio: AspectRatio): readonly [number, number] {
  const [across = 0, down = 0] = ratio.split(':').map(Number);
  return [across, down];
}

/** True for text that PostgreSQL and UTF-8 can hold: no U+0000, no lone surrogate. */
export function isStorableText(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}

/** Text from a caller. Anything else would be a server error when it is stored. */
export const callerTextSchema = z
  .string()
  .refine(isStorableText, { error: 'must not contain U+0000 or a lone surrogate' });

const artifactInputSchema = z.object({ artifactId: z.string() });

/** The video that an extend or a remix goes on from. */
const sourceVideoSchema = z.object({
  /** The job that made it; a file of the caller's has none. */
  jobId: z.string().optional(),
  /** Its task, where one provider made all of it. */
  task: z
    .object({
      account: z.string(),
      upstreamModel: z.string(),
      id: z.string(),
      more: z.record(z.string(), z.string()).optional(),
    })
    .optional(),
  /** Our copy of it. Jobs that began before there were bridges have none. */
  artifactId: z.string().optional(),
  /** Its measured length. */
  durationSeconds: z.number(),
});
export type SourceVideo = z.infer<typeof sourceVideoSchema>;

/**
 * What a caller asked for in normal form, whichever dialect the words arrived in. Kept in the job's row.
 * Without `size` the provider's default shape is meant; `aspectRatio` is that of `size`, where it has a name.
 */
export const generationRequestSchema = z.object({
  model: z.string(),
  operation: z.enum(operations),
  prompt: z.string(),
  negativePrompt: z.string().optional(),
  /** Seconds to be made, fractions where the model takes them: of an extension only what is added, of a remix the length of its source. */
  durationSeconds: z.number(),
  size: z.object({ width: z.int(), height: z.int() }).optional(),
  aspectRatio: z.enum(aspectRatios).optional(),
  variants: z.int().min(1).max(4),
  seed: z.int().optional(),
  generateAudio: z.boolean().optional(),
  enhancePrompt: z.boolean().optional(),
  personGeneration: z.string().optional(),
  inputs: z.object({
    firstFrame: artifactInputSchema.optional(),
    lastFrame: artifactInputSchema.optional(),
    references: z.array(artifactInputSchema).default([]),
    sourceVideo: sourceVideoSchema.optional(),
  }),
  /** Before the first look; ours only, never forwarded. */
  waitSeconds: z.number().optional(),
  /** Between looks; ours only, never forwarded. */
  pollIntervalSeconds: z.number().optional(),
  deadlineSeconds: z.number().optional(),
});
export type GenerationRequest = z.infer<typeof generationRequestSchema>;

/**
 * An input as an adapter sends it: the bytes, which the activity has read from the artifact store, and the signed address at which a
 * provider can fetch them. There is no address where we have no public one; routes that need it are then no candidates.
 */
export type MediaInput = { contentType: string; bytes: Uint8Array; url?: string };

/** One generation as an adapter receives it: the caller's request, with the model's name at the provider and the inputs' bytes. */
export type Generation = Omit<
  GenerationRequest,
  'model' | 'inputs' | 'waitSeconds' | 'pollIntervalSeconds' | 'deadlineSeconds'
> & {
  upstreamModel: string;
  inputs: {
    firstFrame?: MediaInput;
    lastFrame?: MediaInput;
    references: MediaInput[];
    sourceVideo?: Required<Pick<SourceVideo, 'task' | 'durationSeconds'>>;
  };
};
