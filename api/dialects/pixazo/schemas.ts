import { z } from 'zod';
import { callerTextSchema } from '../../../contract/generation.js';
import { webhookUrlSchema } from '../../middleware/webhook-url.js';

const MAX_PROMPT_CHARACTERS = 32_000;
const MAX_NAME_CHARACTERS = 200;
const MAX_URL_CHARACTERS = 2_048;
/** An image within the request: no body is larger, unless set otherwise. */
const MAX_IMAGE_CHARACTERS = 64 * 1024 * 1024;

/** The page states neither default: these are those of the API that the vendor resells. */
const DEFAULT_SECONDS = 4;
const DEFAULT_SIZE = '720x1280';

const sizeSchema = z.enum(['1280x720', '720x1280', '1792x1024', '1024x1792']);
export const sizes = sizeSchema.options;

const requestIdSchema = z.string().meta({ example: 'sora-video_01kaz0000000000000000000zz' });
const videoIdSchema = z.string().meta({ example: 'video_01kaz0000000000000000000zz' });
const timeSchema = z.iso.datetime().meta({ example: '2026-11-21T08:00:00.000Z' });
const momentSchema = z
  .int()
  .meta({ description: 'Milliseconds since 1970', example: Date.parse('2026-11-21T08:00:00Z') });
const linkSchema = z.url().meta({
  description: 'A signed link to the file: it needs no key, works for 24 hours and is made afresh at each read',
  example:
    'https://reelay.example/api/v1/videos/jobs/job_01kaz0000000000000000000zz/content?index=0&expires=1795334400&signature=c2lnbmVk',
});

const common = {
  prompt: callerTextSchema
    .max(MAX_PROMPT_CHARACTERS)
    .refine((text) => text.trim() !== '', 'must not be blank')
    .meta({ description: 'What is to be seen', example: 'A paper boat crosses a quiet lake at dawn.' }),
  model: callerTextSchema
    .max(MAX_NAME_CHARACTERS)
    .optional()
    .meta({ description: 'Only `sora-2-pro`, which is also meant where nothing is said', example: 'sora-2-pro' }),
  seconds: z
    .literal([4, 8, 12])
    .default(DEFAULT_SECONDS)
    .meta({
      description: 'The length of the video, as a number',
      example: 8,
      override: { type: 'integer', format: 'int32', minimum: 4, maximum: 12 },
    }),
  callback_url: callerTextSchema.min(1).max(MAX_URL_CHARACTERS).optional().meta({
    description: 'Where the end of the request is told; the header `X-Webhook-URL` says the same',
    example: 'https://example.com/hooks/video',
  }),
};

/** The body of `video/generate`. */
export const textSchema = z.strictObject({
  ...common,
  size: sizeSchema.default(DEFAULT_SIZE).meta({ description: 'Pixels of the video', example: '1280x720' }),
});
export type TextBody = z.infer<typeof textSchema>;

/** The body of `video/i2v/generate`. */
export const imageSchema = z.strictObject({
  ...common,
  image: callerTextSchema.min(1).max(MAX_IMAGE_CHARACTERS).meta({
    description:
      'The first frame: an http(s) address, or a data URL such as `data:image/jpeg;base64,…`. PNG, JPEG or WebP of exactly one of the four sizes',
    example: 'https://example.com/image-1280x720.jpg',
  }),
  size: sizeSchema.optional().meta({
    description: 'Must be that of the image, and is taken from it where nothing is said',
    example: '1280x720',
  }),
});
export type ImageBody = z.infer<typeof imageSchema>;

export const generateHeadersSchema = z.object({ 'X-Webhook-URL': webhookUrlSchema });

/** Which job a result is asked of. */
export const resultRequestSchema = z.strictObject({
  video_id: callerTextSchema
    .min(1)
    .max(MAX_NAME_CHARACTERS)
    .meta({ description: '`sora-video_…` or `video_…`', example: 'sora-video_01kaz0000000000000000000zz' }),
});

export const acceptedSchema = z
  .object({
    request_id: requestIdSchema,
    status: z.literal('QUEUED').meta({ description: 'Always this, also when an idempotent request is repeated' }),
    polling_url: z.url().meta({
      description: 'Where to ask for the state',
      example: 'https://reelay.example/v2/requests/status/sora-video_01kaz0000000000000000000zz',
    }),
  })
  .meta({ id: 'PixazoAccepted' });
export type Accepted = z.input<typeof acceptedSchema>;

export const statusSchema = z
  .object({
    request_id: requestIdSchema,
    status: z.enum(['QUEUED', 'PROCESSING', 'COMPLETED', 'FAILED', 'ERROR']).meta({
      description: '`ERROR`: a fault of the service or of a provider; `FAILED`: anything else, also a cancel',
    }),
    model_id: z.literal('sora-video').meta({ description: 'The name of this API at the vendor, whatever the model' }),
    error: z.string().nullable().meta({ description: 'Why it has no video', example: null }),
    output: z
      .object({
        media_url: z.array(linkSchema),
        media_type: z.string().meta({ description: 'The true type of the files', example: 'video/mp4' }),
      })
      .nullable()
      .meta({ description: 'Of a completed request; null again when its file is no longer kept' }),
    created_at: timeSchema,
    updated_at: timeSchema.meta({ description: 'When it was taken, began or ended: the last of these' }),
    completed_at: timeSchema.nullable().meta({ description: 'When it ended, however it did' }),
  })
  .meta({ id: 'PixazoStatus' });
export type Status = z.input<typeof statusSchema>;

export const resultSchema = z
  .object({
    id: videoIdSchema,
    status: z.enum(['queued', 'processing', 'completed', 'failed', 'error']),
    model: z.string().meta({ example: 'sora-2-pro' }),
    prompt: z.string(),
    created_at: momentSchema,
    completed_at: momentSchema.nullable(),
    video_url: linkSchema.nullable().meta({ description: 'Null before the end, and when the file is no longer kept' }),
    error: z.string().optional().meta({ description: 'Only of a request that ended without a video' }),
    metadata: z.object({
      total_attempts: z.int().meta({ description: 'Tries at providers', example: 1 }),
      polling_duration_seconds: z
        .int()
        .nullable()
        .meta({ description: 'From its beginning to its end; null before', example: 155 }),
    }),
  })
  .meta({ id: 'PixazoResult' });
export type Result = z.input<typeof resultSchema>;

export const errorSchema = z
  .object({
    error: z.string().meta({ description: 'What kind of error', example: 'Insufficient Balance' }),
    message: z.string().meta({ description: 'What is wrong, for people; it names the field' }),
  })
  .meta({ id: 'PixazoError' });
export type ErrorBody = z.input<typeof errorSchema>;
