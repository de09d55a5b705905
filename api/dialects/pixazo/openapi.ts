import { z } from 'zod';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import type { DialectDescription } from '../../middleware/description.js';
import { idempotencyKeySchema } from '../../middleware/idempotency-key.js';
import { preferenceAppliedHeader, preferSchema } from '../../middleware/prefer.js';
import {
  acceptedSchema,
  errorSchema,
  generateHeadersSchema,
  imageSchema,
  resultRequestSchema,
  resultSchema,
  statusSchema,
  textSchema,
} from './schemas.js';

/** Longer ones are as unknown as any other. */
const MAX_ID_CHARACTERS = 200;

const requestIdSchema = z
  .string()
  .max(MAX_ID_CHARACTERS)
  .meta({ description: 'The `request_id` of the request', example: 'sora-video_01kaz0000000000000000000zz' });

const json = (schema: z.ZodType) => ({ content: { 'application/json': { schema } } });
const acceptedHeaders = z.object({
  Location: acceptedSchema.shape.polling_url,
  'Idempotency-Replayed': z
    .enum(['true'])
    .optional()
    .meta({ description: 'The request was taken before, with the same idempotency key' }),
  ...preferenceAppliedHeader,
});

function generateOperation(of: Pick<ZodOpenApiOperationObject, 'operationId' | 'summary'>, body: z.ZodType) {
  return {
    ...of,
    requestParams: {
      header: generateHeadersSchema.extend({ 'Idempotency-Key': idempotencyKeySchema, Prefer: preferSchema }),
    },
    requestBody: { required: true, ...json(body) },
    responses: {
      202: {
        description: 'Stored, and its price is held',
        headers: acceptedHeaders,
        ...json(acceptedSchema),
      },
      400: { description: 'Not valid, the model is not there, or no provider can do it' },
      402: { description: 'The balance is too low' },
      409: { description: 'A request with this idempotency key is still in flight' },
      422: { description: 'The idempotency key was used with another request' },
    },
  };
}

export const pixazoDescription: DialectDescription = {
  tag: { name: 'Pixazo', description: "Pixazo's Sora Video API: text and image to video with `sora-2-pro`." },
  securityScheme: {
    name: 'pixazoKey',
    scheme: {
      type: 'apiKey',
      in: 'header',
      name: 'Ocp-Apim-Subscription-Key',
      description: 'A key of your workspace: `Ocp-Apim-Subscription-Key: rly_…`',
    },
  },
  error: { contentType: 'application/json', schema: errorSchema },
  paths: {
    '/sora-video/v1/video/generate': {
      post: generateOperation({ operationId: 'pixazoGenerate', summary: 'Make a video of a text' }, textSchema),
    },
    '/sora-video/v1/video/i2v/generate': {
      post: generateOperation(
        { operationId: 'pixazoGenerateFromImage', summary: 'Make a video that begins with an image' },
        imageSchema,
      ),
    },
    '/v2/requests/status/{request_id}': {
      get: {
        operationId: 'pixazoStatus',
        summary: 'Ask for the state of a request',
        requestParams: { path: z.object({ request_id: requestIdSchema }) },
        responses: {
          200: { description: 'The state, also of a request that failed', ...json(statusSchema) },
          404: { description: 'Unknown in this workspace' },
        },
      },
    },
    '/sora-video/v1/video/result': {
      post: {
        operationId: 'pixazoResult',
        summary: "Ask for the result in the model's own shape",
        requestBody: { required: true, ...json(resultRequestSchema) },
        responses: {
          200: {
            description: 'The result; before the end, the same object without a video',
            ...json(resultSchema),
          },
          404: { description: 'Unknown in this workspace' },
        },
      },
    },
  },
};
