import { z } from 'zod';
import { contentKinds } from '../../../contract/artifact.js';
import { callerTextSchema } from '../../../contract/generation.js';
import { isFileId, jobIdFrom } from '../../jobs.js';

const MAX_PROMPT_CHARACTERS = 32_000;
const MAX_NAME_CHARACTERS = 200;
/** A data URL; how large a body may be is a setting, and less. */
const MAX_INLINE_CHARACTERS = 64 * 1024 * 1024;
const MAX_PAGE = 100;
const MAX_PAGE_DIGITS = 3;
const DEFAULT_PAGE = 20;

export const VIDEO_PREFIX = 'video';
const exampleId = 'video_01kaz0000000000000000000zz';
const exampleTime = Date.parse('2026-11-21T08:00:00Z') / 1_000;

const promptSchema = callerTextSchema
  .max(MAX_PROMPT_CHARACTERS)
  .refine((text) => text.trim() !== '', 'must not be blank')
  .meta({ description: 'What is to be seen', example: 'A paper boat crosses a quiet lake at dawn.' });

const sizeSchema = z.enum(['720x1280', '1280x720', '1024x1792', '1792x1024']);
export const sizes = sizeSchema.options;
export const DEFAULT_SIZE = '720x1280';

/** The reference lists three lengths, the guide two more. A number is a type error there, too. */
const secondsSchema = z.enum(['4', '8', '12', '16', '20']);

const urlReferenceSchema = z
  .strictObject({
    image_url: z
      .string()
      .min(1)
      .max(MAX_INLINE_CHARACTERS)
      .optional()
      .meta({ description: 'An http(s) address, or a data URL', example: 'https://example.com/image-1280x720.png' }),
    file_id: z
      .string()
      .max(MAX_NAME_CHARACTERS)
      .optional()
      .meta({ description: 'Of `POST /api/v1/files`', example: 'file_01kaz0000000000000000000zz' }),
  })
  .superRefine(({ image_url: imageUrl, file_id: fileId }, context) => {
    const refuse = (message: string) => context.addIssue({ code: 'custom', message });
    if ((imageUrl === undefined) === (fileId === undefined)) refuse('give exactly one of image_url and file_id');
    // An address or a data URL under this name is neither.
    else if (fileId !== undefined && !isFileId(fileId)) refuse('the file_id is not that of a file: file_…');
  })
  .meta({ description: 'The first frame: JPEG, PNG or WebP of exactly the pixels of `size`' });

const fileSchema = z
  .instanceof(Uint8Array)
  .meta({ description: 'The first frame as a file', override: { type: 'string', format: 'binary' } });

const createFields = {
  prompt: promptSchema,
  model: callerTextSchema.min(1).max(MAX_NAME_CHARACTERS).default('sora-2').meta({
    description: 'A model of the catalogue; the dated names of `sora-2` and `sora-2-pro` mean these',
    example: 'sora-2',
  }),
  seconds: secondsSchema
    .default('4')
    .meta({ description: 'A string. `16` and `20` where a provider makes them', example: '8' }),
  size: sizeSchema
    .default(DEFAULT_SIZE)
    .meta({ description: 'Pixels; the last two are for `sora-2-pro`', example: '1280x720' }),
};

/** The body of a create as JSON. */
export const createJsonSchema = z.strictObject({ ...createFields, input_reference: urlReferenceSchema.optional() });

/** The same as a form, which can hold a file as well. JSON has no bytes, so this reads both. */
export const createSchema = z.strictObject({
  ...createFields,
  input_reference: z
    .unknown()
    .refine((value) => typeof value === 'object', {
      error: 'must be a file, or an object: a form has the field input_reference[image_url]',
      abort: true,
    })
    .pipe(z.union([fileSchema, urlReferenceSchema]))
    .optional(),
});
export type CreateBody = z.infer<typeof createSchema>;

export const remixSchema = z.strictObject({ prompt: promptSchema });

/** A file is told that it cannot be taken, rather than that it is no object with an id. */
const sourceSchema = z
  .unknown()
  .refine((value) => !(value instanceof Uint8Array), {
    error: 'a file cannot be taken here yet: give the id of a video, {"id": "video_…"}',
    abort: true,
  })
  .pipe(
    z
      .strictObject({
        id: z
          .string()
          .max(MAX_NAME_CHARACTERS)
          .meta({ description: 'The `id` of a completed video', example: exampleId }),
      })
      .meta({ description: 'In a form: `video[id]`' }),
  );

export const editSchema = z.strictObject({ prompt: promptSchema, video: sourceSchema });

export const extensionSchema = z.strictObject({
  prompt: promptSchema,
  seconds: secondsSchema.meta({ description: 'What is added, as a string', example: '4' }),
  video: sourceSchema,
});

export const listSchema = z.strictObject({
  after: z
    .string()
    .max(MAX_NAME_CHARACTERS)
    .refine((text) => jobIdFrom(text, VIDEO_PREFIX) !== undefined, 'must be the last_id of an earlier page')
    .optional()
    .meta({ description: 'The `last_id` of the page before', example: exampleId }),
  limit: z
    .string()
    .max(MAX_PAGE_DIGITS)
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.int().max(MAX_PAGE))
    .default(DEFAULT_PAGE)
    .meta({ description: 'How many: 0 to 100', example: '20' }),
  order: z.enum(['asc', 'desc']).default('desc').meta({ description: 'By the time of creation' }),
});

export const contentSchema = z.strictObject({
  variant: z
    .enum(contentKinds)
    .default('video')
    .meta({ description: 'The MP4, one still (WebP), or a sheet of stills (JPEG)' }),
});

const momentSchema = z.int().meta({ description: 'Seconds since 1970', example: exampleTime });

export const videoSchema = z
  .object({
    id: z.string().meta({ example: exampleId }),
    object: z.literal('video'),
    model: z.string().meta({ example: 'sora-2' }),
    status: z.enum(['queued', 'in_progress', 'completed', 'failed']),
    progress: z.number().min(0).max(100).meta({ description: 'Percent, as far as the provider tells', example: 40 }),
    prompt: z.string().nullable(),
    created_at: momentSchema,
    completed_at: momentSchema.nullable().meta({ description: 'Of a completed video; seconds since 1970' }),
    expires_at: momentSchema
      .nullable()
      .meta({ description: 'Fetch it by then; an hour after completion, in seconds since 1970' }),
    seconds: z.string().meta({ description: 'Of an extension, the whole length', example: '8' }),
    size: z.string().meta({ example: '1280x720' }),
    remixed_from_video_id: z.string().nullable().meta({ description: 'Of a remix or an edit, its source' }),
    error: z
      .object({
        code: z.string().meta({ example: 'moderation_blocked' }),
        message: z.string().meta({ example: 'The content was refused by moderation' }),
      })
      .nullable()
      .meta({ description: 'Why a video failed' }),
  })
  .meta({ id: 'OpenaiVideo' });
export type Video = z.input<typeof videoSchema>;

export const videoListSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(videoSchema),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  })
  .meta({ id: 'OpenaiVideoList' });
export type VideoList = z.input<typeof videoListSchema>;

export const deletedSchema = z
  .object({ id: z.string().meta({ example: exampleId }), object: z.literal('video.deleted'), deleted: z.literal(true) })
  .meta({ id: 'OpenaiVideoDeleted' });
export type Deleted = z.input<typeof deletedSchema>;

export const eventSchema = z
  .object({
    id: z.string().meta({ example: 'evt_01kaz0000000000000000000zz' }),
    object: z.literal('event'),
    created_at: momentSchema,
    type: z.enum(['video.completed', 'video.failed']),
    data: z.object({ id: z.string().meta({ description: 'The video, to be read', example: exampleId }) }),
  })
  .meta({ id: 'OpenaiEvent' });
export type Event = z.input<typeof eventSchema>;

export const errorSchema = z
  .object({
    error: z.object({
      message: z.string().meta({ description: 'What is wrong, for people' }),
      type: z.string().meta({ example: 'invalid_request_error' }),
      param: z.string().nullable().meta({ description: 'The field that is meant', example: 'seconds' }),
      code: z.string().nullable().meta({ example: 'invalid_value' }),
    }),
  })
  .meta({ id: 'OpenaiError' });
export type ErrorBody = z.input<typeof errorSchema>;
