import { z } from 'zod';
import { isFileId } from '../../jobs.js';
import { instantSchema, nameSchema } from './answer-schemas.js';
import { pageLimitSchema } from './schemas.js';

const MAX_ID_CHARACTERS = 40;
const MAX_PER_PAGE = 100;
const exampleId = 'file_01kaz0000000000000000000zz';
const exampleSha256 = '5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03';

export const fileListSchema = z.strictObject({
  limit: pageLimitSchema.meta({ description: 'How many files a page holds', override: { default: 20 } }),
  after: z
    .string()
    .max(MAX_ID_CHARACTERS)
    .refine(isFileId, 'must be the next_cursor of an earlier page')
    .optional()
    .meta({ description: 'The `next_cursor` of the page before' }),
});

const fileIdSchema = z.string().max(MAX_ID_CHARACTERS).meta({ description: 'The id of a file', example: exampleId });
export const ofFile = { path: z.object({ id: z.string().max(200).meta({ example: exampleId }) }) };

const sideSchema = z.int().min(1).nullable();

export const fileSchema = z
  .object({
    object: z.literal('file'),
    id: fileIdSchema,
    content_type: nameSchema.meta({
      description: 'PNG, JPEG, WebP or MP4, by the bytes of the file, whatever it was called',
      example: 'image/png',
    }),
    bytes: z.int().min(1).meta({ example: 48_213 }),
    sha256: z.string().length(64).meta({ example: exampleSha256 }),
    width: sideSchema.meta({ description: 'Pixels', example: 1_280 }),
    height: sideSchema.meta({ description: 'Pixels', example: 720 }),
    duration_seconds: z.number().optional().meta({ description: 'Of a video only', example: 8 }),
    created_at: instantSchema,
    expires_at: instantSchema.meta({ description: 'Until then its id can be used' }),
  })
  .meta({ id: 'File' });
export type FileAnswer = z.input<typeof fileSchema>;

export const fileListAnswerSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(fileSchema).max(MAX_PER_PAGE),
    has_more: z.boolean(),
    next_cursor: fileIdSchema.nullable().meta({ description: 'Of the next page, if there is one' }),
  })
  .meta({ id: 'FileList' });
