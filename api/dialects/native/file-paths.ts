import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { MAX_FILE_BYTES } from '../../jobs.js';
import { idempotencyKeySchema } from '../../middleware/idempotency-key.js';
import { addressSchema } from './answer-schemas.js';
import { fileListAnswerSchema, fileListSchema, fileSchema, ofFile } from './file-schemas.js';

const json = (schema: z.ZodType) => ({ content: { 'application/json': { schema } } });
const unknownFile = { 404: { description: 'The workspace has no such file, or no longer' } };

const bytesSchema = z.string().meta({ override: { type: 'string', format: 'binary', maxLength: MAX_FILE_BYTES } });
const formSchema = z.strictObject({ file: bytesSchema.meta({ description: 'The file; its name is passed over' }) });
const alone = Object.fromEntries(
  ['image/png', 'image/jpeg', 'image/webp', 'video/mp4', 'application/octet-stream'].map((contentType) => [
    contentType,
    { schema: bytesSchema },
  ]),
);

const createdHeaders = z.object({
  Location: addressSchema,
  'Idempotency-Replayed': z.enum(['true']).optional().meta({ description: 'The file was made by an earlier request' }),
});

export const filePaths: ZodOpenApiPathsObject = {
  '/api/v1/files': {
    post: {
      operationId: 'createFile',
      summary: 'Upload an image or a video',
      description:
        'At most 100 MB, as a form or alone. Its id can be sent wherever an address or a data URL of an image is taken. What it is, its ' +
        'bytes say. The same bytes again give another id, and are kept once.',
      requestParams: { header: z.object({ 'Idempotency-Key': idempotencyKeySchema }) },
      requestBody: { required: true, content: { 'multipart/form-data': { schema: formSchema }, ...alone } },
      responses: {
        201: { description: 'The file', headers: createdHeaders, ...json(fileSchema) },
        409: { description: 'A request with this idempotency key is still in flight' },
        422: { description: '`idempotency_key_reused`: the key came with another request' },
      },
    },
    get: {
      operationId: 'listFiles',
      summary: 'List files, newest first',
      requestParams: { query: fileListSchema },
      responses: {
        200: { description: 'A page; files that come meanwhile move nothing', ...json(fileListAnswerSchema) },
      },
    },
  },
  '/api/v1/files/{id}': {
    get: {
      operationId: 'getFile',
      summary: 'Read what is known of a file',
      requestParams: ofFile,
      responses: { 200: { description: 'The file', ...json(fileSchema) }, ...unknownFile },
    },
    delete: {
      operationId: 'deleteFile',
      summary: 'Delete a file; jobs that were made with it keep what they need',
      requestParams: ofFile,
      responses: { 204: { description: 'Deleted' }, ...unknownFile },
    },
  },
};
