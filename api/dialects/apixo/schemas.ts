import { z } from 'zod';
import { callerTextSchema } from '../../../contract/generation.js';
import { routingPolicies } from '../../../contract/plan.js';

const MAX_PROMPT_CHARACTERS = 10_000;
const MAX_URL_CHARACTERS = 2_048;
/** Room for a data URL; what is too large for a body is refused before it is read. */
const MAX_IMAGE_CHARACTERS = 64 * 1024 * 1024;
/** The page states no default: the cheaper of its two lengths. */
const DEFAULT_SECONDS = 10;

const addressesSchema = z.array(callerTextSchema.min(1).max(MAX_IMAGE_CHARACTERS));
const imageUrlsSchema = addressesSchema.max(1, 'must be one image: it is the first frame').meta({
  description: 'The first frame: an http(s) address or a data URL of a PNG, JPEG or WebP, up to 10 MiB',
  example: ['https://images.example/lake.png'],
});

const inputFields = {
  prompt: callerTextSchema
    .max(MAX_PROMPT_CHARACTERS)
    .refine((text) => text.trim() !== '', 'must not be blank')
    .meta({ description: 'What is to be seen; not blank', example: 'A paper boat crosses a quiet lake at dawn.' }),
  duration: z
    .literal([10, 15])
    .default(DEFAULT_SECONDS)
    .meta({ description: 'Seconds', override: { type: 'integer', minimum: 10, maximum: 15, format: 'int32' } }),
  aspect_ratio: z.enum(['landscape', 'portrait']).default('landscape').meta({ description: '16:9 or 9:16' }),
  remove_watermark: z
    .boolean()
    .default(true)
    .meta({ description: 'Taken, and changes nothing: no watermark is added here' }),
};

const inputSchema = z.discriminatedUnion('mode', [
  z.strictObject({
    mode: z.literal('text-to-video'),
    ...inputFields,
    image_urls: addressesSchema.max(0, 'is for image-to-video only').optional().meta({ description: 'No image' }),
  }),
  z.strictObject({
    mode: z.literal('image-to-video'),
    ...inputFields,
    image_urls: imageUrlsSchema.min(1, 'must be one image: it is the first frame'),
  }),
]);

export const taskSchema = z
  .strictObject({
    request_type: z
      .enum(['async', 'callback'])
      .default('async')
      .meta({ description: '`callback` needs `callback_url`; the state can be asked for either way' }),
    callback_url: callerTextSchema.min(1).max(MAX_URL_CHARACTERS).optional().meta({
      description: 'Where the end of the task is told, also with `async`',
      example: 'https://caller.example/hook',
    }),
    provider: z
      .enum(routingPolicies)
      .default('auto')
      .meta({ description: 'Who is asked first: the healthiest, the cheapest, or only makers of their model' }),
    input: inputSchema,
  })
  .refine(({ request_type, callback_url }) => request_type === 'async' || callback_url !== undefined, {
    path: ['callback_url'],
    error: 'is required with request_type callback',
  })
  .meta({ id: 'ApixoTask' });
export type TaskBody = z.infer<typeof taskSchema>;

const taskIdSchema = z.string().max(100).meta({ description: 'The task', example: 'task_01kaz0000000000000000000zz' });
export const statusQuerySchema = z.strictObject({ taskId: taskIdSchema });
export const modelPathSchema = z.object({
  model: z.string().max(200).meta({ description: 'A model of the catalogue', example: 'sora-2' }),
});

const momentSchema = z.int().meta({ description: 'Milliseconds since 1970', example: 1_795_248_000_000 });

export const createdSchema = z
  .object({
    code: z.literal(200),
    message: z.literal('success'),
    data: z.object({ taskId: taskIdSchema }),
  })
  .meta({ id: 'ApixoCreated' });
export type Created = z.infer<typeof createdSchema>;

const taskDataSchema = z.object({
  taskId: taskIdSchema,
  state: z.enum(['pending', 'processing', 'success', 'failed']),
  resultJson: z.string().optional().meta({
    description:
      'Only on success: JSON within a text, `{"resultUrls":[…]}`. The list is empty when the file is no longer kept',
    example:
      '{"resultUrls":["https://reelay.example/api/v1/videos/jobs/job_01kaz0000000000000000000zz/content?index=0"]}',
  }),
  failCode: z.string().optional().meta({
    description: 'Only on failure: `CONTENT_VIOLATION`, `INVALID_IMAGE_URL`, or another',
    example: 'CONTENT_VIOLATION',
  }),
  failMsg: z.string().optional().meta({ description: 'For people' }),
  createTime: momentSchema,
  completeTime: momentSchema.optional().meta({ description: 'When it ended, however it did' }),
  costTime: z
    .int()
    .optional()
    .meta({ description: 'Milliseconds from `createTime` to `completeTime`', example: 155_000 }),
});
export const statusSchema = z
  .object({ code: z.literal(200), message: z.literal('success'), data: taskDataSchema })
  .meta({ id: 'ApixoStatus' });
export type Status = z.infer<typeof statusSchema>;

export const errorSchema = z
  .object({
    code: z.int().min(400).max(599).meta({ description: 'The HTTP status, once more', example: 400 }),
    message: z.string().meta({ example: 'Insufficient credits' }),
    data: z.null(),
  })
  .meta({ id: 'ApixoError' });
export type ErrorBody = z.infer<typeof errorSchema>;
