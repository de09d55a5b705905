import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';
import { bearerScheme, type DialectDescription } from '../../middleware/description.js';
import { idempotencyKeySchema } from '../../middleware/idempotency-key.js';
import { preferenceAppliedHeader, preferSchema } from '../../middleware/prefer.js';
import { webhookUrlSchema } from '../../middleware/webhook-url.js';
import { createdSchema, errorSchema, newVideoSchema, videoSchema } from './schemas.js';

/** Longer ones are as unknown as any other. */
const MAX_ID_CHARACTERS = 200;

const idSchema = z
  .string()
  .max(MAX_ID_CHARACTERS)
  .meta({ description: 'The id of the video', example: 'sora_01kaz0000000000000000000zz' });

const json = (schema: z.ZodType) => ({ content: { 'application/json': { schema } } });
const createdHeaders = z.object({
  'Idempotency-Replayed': z
    .enum(['true'])
    .optional()
    .meta({ description: 'The video was made by an earlier request with the same idempotency key' }),
  ...preferenceAppliedHeader,
});

type Place = { path: string; suffix: string; note: string };

function createOperation({ suffix, note }: Place): ZodOpenApiOperationObject {
  return {
    operationId: `globalaiopcCreate${suffix}`,
    summary: `Make a video${note}`,
    requestParams: {
      header: z.object({
        'Idempotency-Key': idempotencyKeySchema,
        Prefer: preferSchema,
        'X-Webhook-URL': webhookUrlSchema,
      }),
    },
    requestBody: { required: true, ...json(newVideoSchema) },
    responses: {
      200: { description: 'Stored, and its price is held', headers: createdHeaders, ...json(createdSchema) },
      400: { description: 'Not valid, or no provider can do it' },
      402: { description: 'The balance is too low' },
      409: { description: 'A request with this idempotency key is still in flight' },
      410: { description: 'The model is retired' },
      422: { description: 'The idempotency key was used with another request' },
    },
  };
}

function queryOperation({ suffix, note }: Place): ZodOpenApiOperationObject {
  return {
    operationId: `globalaiopcQuery${suffix}`,
    summary: `Ask for a video${note}`,
    requestParams: { path: z.object({ id: idSchema }) },
    responses: {
      200: { description: 'The video, also one that failed', ...json(videoSchema) },
      404: { description: 'Unknown in this workspace' },
    },
  };
}

const places: Place[] = [
  { path: '/sora/videos', suffix: '', note: '' },
  { path: '/v1/sora/videos', suffix: 'V1', note: ', at its other address' },
];

export const globalaiopcDescription: DialectDescription = {
  tag: { name: 'GlobalAIOPC', description: "GlobalAIOPC's call for a Sora video, and a query in its spirit." },
  securityScheme: bearerScheme,
  error: { contentType: 'application/json', schema: errorSchema },
  paths: Object.fromEntries(
    places.flatMap((place): [string, ZodOpenApiPathsObject[string]][] => [
      [place.path, { post: createOperation(place) }],
      [`${place.path}/{id}`, { get: queryOperation(place) }],
    ]),
  ),
};
