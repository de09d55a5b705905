import { z } from 'zod';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { bearerScheme } from '../../middleware/description.js';
import { contentSchema, inputLinkSchema } from './schemas.js';

const idSchema = z
  .string()
  .max(200)
  .meta({ description: 'The id of a job', example: 'job_01kaz0000000000000000000zz' });
export const ofJob = { path: z.object({ id: idSchema }) };

export function fileOperation(operationId: string, summary: string): ZodOpenApiOperationObject {
  const headers = z.object({
    ETag: z.string().max(66).meta({ description: 'The SHA-256 of the bytes, in quotes; strong' }),
    'Accept-Ranges': z.literal('bytes'),
  });
  const content = Object.fromEntries(
    ['video/mp4', 'image/webp', 'image/jpeg', 'image/png'].map((contentType) => [contentType, {}]),
  );
  const isHead = operationId.endsWith('Head');
  return {
    operationId,
    summary,
    responses: {
      200: { description: 'The bytes', headers, ...(!isHead && { content }) },
      ...(!isHead && { 206: { description: 'The part that `Range` asks for', headers, content } }),
      304: { description: 'The caller has it, by `If-None-Match`' },
      404: { description: 'There is no such job, or no such file of it' },
      410: { description: 'The file is no longer kept' },
      412: { description: 'Other than `If-Match` asks for', content: {} },
      ...(!isHead && { 416: { description: 'Beyond the end of the file', content: {} } }),
    },
  };
}

export function contentOperation(operationId: string): ZodOpenApiOperationObject {
  const operation = fileOperation(operationId, 'Fetch a video, or a still of it');
  return {
    ...operation,
    description: 'With a key, or by a signed link, which `data[].url` of the job is.',
    security: [{ [bearerScheme.name]: [] }, {}],
    requestParams: { ...ofJob, query: contentSchema },
    responses: {
      ...operation.responses,
      302: { description: 'To where the bytes lie, for a signed link, by setting', content: {} },
      403: { description: 'The link has expired or was changed, or the key lacks the scope' },
      409: { description: 'The job has not ended' },
    },
  };
}

export function inputOperation(operationId: string): ZodOpenApiOperationObject {
  const operation = fileOperation(operationId, 'Fetch an image of a job, for the provider that was given its address');
  return {
    ...operation,
    security: [],
    requestParams: {
      path: z.object({ id: idSchema.meta({ description: 'The id of the image' }) }),
      query: inputLinkSchema,
    },
    responses: { ...operation.responses, 403: { description: 'The link has expired or was changed' } },
  };
}
