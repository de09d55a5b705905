import { z } from 'zod';
import { callerTextSchema } from '../../../contract/generation.js';

const MAX_PROMPT_CHARACTERS = 32_000;
const MAX_IMAGES = 3;
/** An image within the request: no body is larger, unless set otherwise. */
const MAX_IMAGE_CHARACTERS = 64 * 1024 * 1024;

/** The vendor's models, with the seconds that its table has for each. */
export const secondsOfModels = {
  'sora-2': [10, 15],
  'sora-2-stable': [10, 15],
  'sora-2-pro': [10, 15, 25],
} as const;
const modelSchema = z.enum(['sora-2', 'sora-2-stable', 'sora-2-pro']) satisfies z.ZodType<keyof typeof secondsOfModels>;

/** Which of them a model has is looked at later: only then is it known which model. */
const secondsSchema = z.int().optional();
const secondsRange = { minimum: 10, maximum: 25 };
const imagesSchema = z.array(callerTextSchema.min(1).max(MAX_IMAGE_CHARACTERS)).max(MAX_IMAGES).optional();

/** The body of the create call. Which of its fields exclude each other, and which seconds a model has, is looked at after it. */
export const newVideoSchema = z.strictObject({
  model: modelSchema.meta({ example: 'sora-2' }),
  prompt: callerTextSchema
    .max(MAX_PROMPT_CHARACTERS)
    .refine((text) => text.trim() !== '', 'must not be blank')
    .meta({ description: 'What is to be seen', example: 'A paper boat crosses a quiet lake at dawn.' }),
  size: z.enum(['720x1280', '1280x720']).optional().meta({
    description: 'Pixels of the video, `720x1280` where nothing is said; not together with `aspect_ratio`',
    example: '1280x720',
  }),
  aspect_ratio: z.enum(['16:9', '9:16']).optional().meta({
    description: '`16:9` is `1280x720`, `9:16` is `720x1280`; not together with `size`',
    example: '16:9',
  }),
  duration: secondsSchema.meta({
    description: 'Another name of `seconds`; not together with it',
    example: 10,
    override: secondsRange,
  }),
  seconds: secondsSchema.meta({
    description: '10 or 15, with `sora-2-pro` also 25; 10 where nothing is said; not together with `duration`',
    example: 10,
    override: secondsRange,
  }),
  input_reference: imagesSchema.meta({
    description:
      'Up to 3 images, as http(s) addresses or data URLs: one is the first frame, two or three are references; not together with `image_urls`',
    example: ['https://example.com/boat.png'],
  }),
  image_urls: imagesSchema.meta({
    description: 'Another name of `input_reference`; not together with it',
    example: ['https://example.com/boat.png'],
  }),
});
export type NewVideoBody = z.infer<typeof newVideoSchema>;

const momentSchema = z
  .int()
  .meta({ description: 'Seconds since 1970', example: Date.parse('2026-11-21T08:00:00Z') / 1_000 });

const taskFields = {
  id: z.string().meta({ example: 'sora_01kaz0000000000000000000zz' }),
  object: z.literal('video.generation'),
  created: momentSchema,
  model: z.string().meta({ example: 'sora-2' }),
  status: z.enum(['queued', 'processing', 'completed', 'failed']),
  error: z.string().optional().meta({ description: 'Why it failed; only where it did' }),
};

/** What the create call answers: all that the vendor documents. */
export const createdSchema = z.object(taskFields).meta({ id: 'GlobalaiopcCreated' });
export type Created = z.input<typeof createdSchema>;

/** What the query answers: the same, and the video once there is one. */
export const videoSchema = z
  .object({
    ...taskFields,
    completed_at: momentSchema.optional().meta({ description: 'Seconds since 1970; only of a completed video' }),
    video_url: z.url().nullable().optional().meta({
      description:
        'Only of a completed video: a signed link that needs no key, works for 24 hours and is made afresh at each read; null when the file is no longer kept',
      example:
        'https://reelay.example/api/v1/videos/jobs/job_01kaz0000000000000000000zz/content?index=0&expires=1795334400&signature=c2lnbmVk',
    }),
    expires_at: momentSchema.nullable().optional().meta({ description: 'When the link ends, in seconds since 1970' }),
  })
  .meta({ id: 'GlobalaiopcVideo' });
export type Video = z.input<typeof videoSchema>;

export const errorSchema = z
  .object({
    error: z.object({
      message: z.string().meta({ description: 'What is wrong, for people' }),
      type: z.enum([
        'invalid_request_error',
        'authentication_error',
        'permission_error',
        'insufficient_quota',
        'rate_limit_error',
        'server_error',
      ]),
      param: z.string().nullable().meta({ description: 'The field that is wrong', example: 'seconds' }),
      code: z.string().meta({ description: 'Stable: branch on this', example: 'request_invalid' }),
    }),
  })
  .meta({ id: 'GlobalaiopcError' });
export type ErrorBody = z.input<typeof errorSchema>;
