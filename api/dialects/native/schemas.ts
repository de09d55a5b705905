import { z } from 'zod';
import { contentKinds } from '../../../contract/artifact.js';
import { aspectRatios, callerTextSchema, operations } from '../../../contract/generation.js';
import { routingPolicies } from '../../../contract/plan.js';
import { jobStates } from '../../../contract/states.js';
import { isJobId } from '../../jobs.js';
import { isPipelineId } from '../../pipelines.js';

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
const mediaTypeSchema = z
  .string()
  .max(100)
  .regex(/^[a-z]+\/[a-z0-9.+-]+$/i, 'must be a media type such as image/png');

/** More than any body can hold: what is too large is refused before it is read. */
const MAX_INLINE_CHARACTERS = 64 * 1024 * 1024;
const inlineTextSchema = z.string().max(MAX_INLINE_CHARACTERS);

/** An address, a data URL, or the parts of one by name; comes out as a text. What it says is checked when it is read. */
const inlineMediaSchema = z
  .union(
    [
      inlineTextSchema,
      z.strictObject({ url: inlineTextSchema }).transform(({ url }) => url),
      z
        .strictObject({ data: inlineTextSchema, mime_type: mediaTypeSchema })
        .transform(({ data, mime_type }) => `data:${mime_type};base64,${data}`),
      z
        .strictObject({ data: inlineTextSchema, content_type: mediaTypeSchema })
        .transform(({ data, content_type }) => `data:${content_type};base64,${data}`),
    ],
    { error: 'must be a data URL, {"url": data URL} or {"data": base64, "mime_type": "image/png"}' },
  )
  .optional();

const operationSchema = z.enum(operations).optional();
const secondsSchema = numeric(z.number().min(1).max(30));
const variantsSchema = numeric(z.int().min(1).max(4));
/** The ratio of other pixels cannot be told in the words of `aspect_ratio`. */
const sizeSchema = z
  .string()
  .max(9)
  .regex(/^(720p|1080p|\d{2,4}x\d{2,4})$/, 'must be 720p, 1080p or pixels such as 1280x720')
  .optional();

const alsoNamed = (name: string) => ({ description: `Another name of \`${name}\`: send one of them` });

/** Every field of `POST /jobs`, under all its names. */
export const newJobSchema = z
  .strictObject({
    model: wordSchema.meta({ description: 'A model of the catalogue, see `GET /api/v1/models`', example: 'sora' }),
    prompt: textSchema
      .refine((text) => text.trim() !== '', 'must not be blank')
      .meta({ description: 'What is to be seen; not blank', example: 'A paper boat crosses a quiet lake at dawn.' }),
    video_operation: operationSchema.meta({
      description: 'Without it `image_to_video` where there is a start frame, else `text_to_video`',
      example: 'text_to_video',
    }),
    task: operationSchema.meta(alsoNamed('video_operation')),
    duration_seconds: secondsSchema.meta({
      description: "Fractions where the model takes them; the model's own length by default. May be a decimal text",
      example: 8,
    }),
    seconds: secondsSchema.meta(alsoNamed('duration_seconds')),
    aspect_ratio: z.enum(aspectRatios).optional().meta({
      description: 'Must agree with pixels; that of the size by default, and `16:9` with `720p` and `1080p`',
      example: '16:9',
    }),
    resolution: sizeSchema.meta({
      description: "Pixels, `720p` or `1080p`; the provider's choice by default",
      example: '1280x720',
    }),
    size: sizeSchema.meta(alsoNamed('resolution')),
    sample_count: variantsSchema.meta({
      description: 'How many videos; more than one needs a provider that makes them. May be a decimal text',
      override: { default: 1 },
    }),
    n_variants: variantsSchema.meta(alsoNamed('sample_count')),
    negative_prompt: textSchema.optional().meta({ description: 'What is not to be seen, where a provider takes it' }),
    person_generation: wordSchema.optional().meta({ description: 'Where a provider takes it', example: 'allow_adult' }),
    generate_audio: z.boolean().optional().meta({ description: 'Where a provider takes it' }),
    enhance_prompt: z.boolean().optional().meta({ description: 'Where a provider takes it' }),
    seed: numeric(z.int()).meta({ description: 'Where a provider takes it. May be a decimal text', example: 7 }),
    start_frame: inlineMediaSchema.meta({
      description: 'PNG, JPEG or WebP: an http(s) address, a data URL, `{"url"}`, or `{"data", "mime_type"}`',
      example: 'https://images.example/lake.png',
    }),
    first_frame: inlineMediaSchema.meta(alsoNamed('start_frame')),
    image: inlineMediaSchema.meta(alsoNamed('start_frame')),
    input_reference: inlineMediaSchema.meta(alsoNamed('start_frame')),
    last_frame: inlineMediaSchema.meta({ description: 'An image as `start_frame`, which it needs beside it' }),
    end_frame: inlineMediaSchema.meta(alsoNamed('last_frame')),
    reference_images: z
      .array(inlineMediaSchema.nonoptional())
      .max(MAX_REFERENCES)
      .optional()
      .meta({ description: 'Images as `start_frame`; as many as a provider takes' }),
    source_video: inlineMediaSchema.meta({
      description: 'The finished job that `extend` and `remix` go on from',
      example: 'job_01kaz0000000000000000000zz',
    }),
    source_video_id: inlineMediaSchema.meta(alsoNamed('source_video')),
    video_id: inlineMediaSchema.meta(alsoNamed('source_video')),
    wait_seconds: numeric(z.number().min(0).max(600)).meta({
      description: 'How long the provider is left alone before it is first asked; stays with us',
    }),
    poll_interval_seconds: numeric(z.number().min(1).max(60)).meta({
      description: 'Between two looks at the provider; also `poll_after_seconds` of the job; stays with us',
      example: 5,
    }),
    deadline_seconds: numeric(z.number().min(60).max(DAY_SECONDS)).meta({
      description: 'The job ends by then',
      override: { default: 3_600 },
    }),
    routing: z.enum(routingPolicies).optional().meta({
      description: 'Who is asked first: the healthiest, the cheapest, or only makers of their model',
      default: 'auto',
    }),
    callback_url: callerTextSchema
      .min(1)
      .max(2_048)
      .optional()
      .meta({ description: 'Where the job is to be told of when it ends', example: 'https://caller.example/hook' }),
  })
  .meta({ id: 'NewJob' });
export type NewJobBody = z.infer<typeof newJobSchema>;

/** What an extend or a remix takes beside the job that it goes on from. */
export const followUpSchema = newJobSchema
  .omit({
    video_operation: true,
    task: true,
    source_video: true,
    source_video_id: true,
    video_id: true,
    start_frame: true,
    first_frame: true,
    image: true,
    input_reference: true,
    last_frame: true,
    end_frame: true,
  })
  .meta({ id: 'FollowUp' });

/** Which job `status` is about, by one of three names, in the query or in the body. */
const jobNameSchema = wordSchema.optional();
export const statusSchema = z.strictObject({
  operation: jobNameSchema.meta({ description: "The job's id", example: 'job_01kaz0000000000000000000zz' }),
  id: jobNameSchema.meta(alsoNamed('operation')),
  job_id: jobNameSchema.meta(alsoNamed('operation')),
});

export const instantSchema = z
  .union([z.iso.datetime({ offset: true }).max(40), z.iso.date().max(10)], {
    error: 'must be a date or a time in ISO 8601, such as 2026-11-21 or 2026-11-21T08:00:00Z',
  })
  .transform((text) => new Date(text));

/** Of a query, where everything is text. */
const wholeNumber = (schema: z.ZodInt) =>
  z.preprocess((text) => (typeof text === 'string' && /^\d{1,6}$/.test(text) ? Number(text) : text), schema);
const mustBeWhole = { error: 'must be a whole number' };

export const pageLimitSchema = wholeNumber(z.int(mustBeWhole).min(1).max(100)).default(20);

export const listSchema = z.strictObject({
  limit: pageLimitSchema.meta({ description: 'How many jobs a page holds', override: { default: 20 } }),
  after: z
    .string()
    .max(MAX_WORD_CHARACTERS)
    .refine(isJobId, 'must be the next_cursor of an earlier page')
    .optional()
    .meta({ description: 'The `next_cursor` of the page before' }),
  status: z.enum(jobStates).optional().meta({ description: 'Only jobs in this state' }),
  model: wordSchema.optional().meta({ description: 'Only jobs of this model' }),
  provider: wordSchema.optional().meta({ description: 'Only jobs at this provider' }),
  video_operation: operationSchema.meta({ description: 'Only jobs that make this' }),
  pipeline: z
    .string()
    .max(MAX_WORD_CHARACTERS)
    .refine(isPipelineId, 'must be the id of a pipeline')
    .optional()
    .meta({ description: 'Only jobs of this pipeline' }),
  created_from: instantSchema.optional().meta({ description: 'From this moment on; a date means its midnight in UTC' }),
  created_before: instantSchema.optional().meta({ description: 'Before this moment' }),
});

export const usageSchema = z.strictObject({
  from: instantSchema.optional().meta({ description: '30 days before `to` by default' }),
  to: instantSchema.optional().meta({ description: 'Not included; now by default, at most 366 days after `from`' }),
});

/** Seconds since 1970. */
const expiresSchema = z
  .string()
  .max(12)
  .regex(/^\d{1,12}$/)
  .transform(Number);
const signatureSchema = z.string().max(MAX_WORD_CHARACTERS);

export const contentSchema = z.object({
  index: wholeNumber(z.int(mustBeWhole).min(0))
    .default(0)
    .meta({ description: 'Which variant', override: { default: 0 } }),
  variant: z
    .enum(contentKinds)
    .default('video')
    .meta({ description: 'The video itself, one still, or a sheet of many' }),
  expires: expiresSchema.optional().meta({ description: 'Of a signed link: seconds since 1970' }),
  signature: signatureSchema.optional().meta({ description: 'Of a signed link, which needs no key' }),
});

/** The file of a pipeline's step: with a key, or by a signed link. */
export const stepLinkSchema = z.strictObject({
  expires: expiresSchema.optional().meta({ description: 'Of a signed link: seconds since 1970' }),
  signature: signatureSchema.optional().meta({ description: 'Of a signed link, which needs no key' }),
});

/** An image of a job, for the provider that was given its address. */
export const inputLinkSchema = z.strictObject({
  expires: expiresSchema.meta({ description: 'Seconds since 1970' }),
  signature: signatureSchema.meta({ description: 'Made by us' }),
});
