import { z } from 'zod';
import { contentKinds } from '../../../contract/artifact.js';
import { aspectRatios, callerTextSchema, operations } from '../../../contract/generation.js';
import { routingPolicies } from '../../../contract/plan.js';
import { jobStates } from '../../../contract/states.js';
import { isJobId } from '../../jobs.js';

const MAX_TEXT_CHARACTERS = 32_000;
const MAX_WORD_CHARACTERS = 200;
const MAX_REFERENCES = 16;
const DAY_SECONDS = 24 * 60 * 60;

/** Some callers write numbers as texts. Only what is plainly a decimal is read as one: no exponent, sign of plus or blank. */
const plainDecimal = /^-?\d{1,15}(\.\d{1,9})?$/;
const numberFromText = (value: unknown) =>
  typeof value === 'string' && plainDecimal.test(value) ? Number(value) : value;
const numeric = <Schema extends z.ZodType>(schema: Schema) => z.preprocess(numberFromText, schema).optional();

const textSchema = callerTextSchema.max(MAX_TEXT_CHARACTERS);
const wordSchema = callerTextSchema.min(1).max(MAX_WORD_CHARACTERS);
const mediaTypeSchema = z.string().regex(/^[a-z]+\/[a-z0-9.+-]+$/i, 'must be a media type such as image/png');

/** A data URL, or its parts by name; comes out as a data URL. What it says is checked when it is read. */
const inlineMediaSchema = z
  .union(
    [
      z.string(),
      z.strictObject({ url: z.string() }).transform(({ url }) => url),
      z
        .strictObject({ data: z.string(), mime_type: mediaTypeSchema })
        .transform(({ data, mime_type }) => `data:${mime_type};base64,${data}`),
      z
        .strictObject({ data: z.string(), content_type: mediaTypeSchema })
        .transform(({ data, content_type }) => `data:${content_type};base64,${data}`),
    ],
    { error: 'must be a data URL, {"url": data URL} or {"data": base64, "mime_type": "image/png"}' },
  )
  .optional();

/** Where the job is to be told of; checked further when the job is taken. */
const callbackUrlSchema = callerTextSchema.min(1).max(2_048);

const operationSchema = z.enum(operations).optional();
const secondsSchema = numeric(z.number().min(1).max(30));
const variantsSchema = numeric(z.int().min(1).max(4));
/** The ratio of other pixels cannot be told in the words of `aspect_ratio`. */
const sizeSchema = z
  .string()
  .regex(/^(720p|1080p|\d{2,4}x\d{2,4})$/, 'must be 720p, 1080p or pixels such as 1280x720')
  .optional();

/** Every field of `POST /jobs`, under all its names. */
export const newJobSchema = z.strictObject({
  model: wordSchema,
  prompt: textSchema.refine((text) => text.trim() !== '', 'must not be blank'),
  video_operation: operationSchema,
  task: operationSchema,
  duration_seconds: secondsSchema,
  seconds: secondsSchema,
  aspect_ratio: z.enum(aspectRatios).optional(),
  resolution: sizeSchema,
  size: sizeSchema,
  sample_count: variantsSchema,
  n_variants: variantsSchema,
  negative_prompt: textSchema.optional(),
  person_generation: wordSchema.optional(),
  generate_audio: z.boolean().optional(),
  enhance_prompt: z.boolean().optional(),
  seed: numeric(z.int()),
  start_frame: inlineMediaSchema,
  first_frame: inlineMediaSchema,
  image: inlineMediaSchema,
  input_reference: inlineMediaSchema,
  last_frame: inlineMediaSchema,
  end_frame: inlineMediaSchema,
  reference_images: z.array(inlineMediaSchema.nonoptional()).max(MAX_REFERENCES).optional(),
  source_video: inlineMediaSchema,
  source_video_id: inlineMediaSchema,
  video_id: inlineMediaSchema,
  wait_seconds: numeric(z.number().min(0).max(600)),
  poll_interval_seconds: numeric(z.number().min(1).max(60)),
  deadline_seconds: numeric(z.number().min(60).max(DAY_SECONDS)),
  routing: z.enum(routingPolicies).optional(),
  callback_url: callbackUrlSchema.optional(),
});
export type NewJobBody = z.infer<typeof newJobSchema>;

/** Which job `status` is about, by one of three names, in the query or in the body. */
const jobNameSchema = wordSchema.optional();
export const statusSchema = z.strictObject({ operation: jobNameSchema, id: jobNameSchema, job_id: jobNameSchema });

const instantSchema = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], {
    error: 'must be a date or a time in ISO 8601, such as 2026-11-21 or 2026-11-21T08:00:00Z',
  })
  .transform((text) => new Date(text));

const wholeNumberText = z
  .string()
  .regex(/^\d{1,6}$/, 'must be a whole number')
  .transform(Number);

export const listSchema = z.strictObject({
  limit: wholeNumberText.pipe(z.int().min(1).max(100)).default(20),
  after: z.string().refine(isJobId, 'must be the next_cursor of an earlier page').optional(),
  status: z.enum(jobStates).optional(),
  model: wordSchema.optional(),
  provider: wordSchema.optional(),
  video_operation: operationSchema,
  created_from: instantSchema.optional(),
  created_before: instantSchema.optional(),
});

export const usageSchema = z.strictObject({ from: instantSchema.optional(), to: instantSchema.optional() });

/** Seconds since 1970. */
const expiresSchema = z
  .string()
  .regex(/^\d{1,12}$/)
  .transform(Number);

export const contentSchema = z.object({
  index: wholeNumberText.default(0),
  variant: z.enum(contentKinds).default('video'),
  expires: expiresSchema.optional(),
  signature: z.string().optional(),
});

/** An image of a job, for the provider that was given its address. */
export const inputLinkSchema = z.strictObject({ expires: expiresSchema, signature: z.string() });
