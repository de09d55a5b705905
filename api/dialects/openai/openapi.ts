import { z } from 'zod';
import type { ZodOpenApiOperationObject } from 'zod-openapi';
import { bearerScheme, type DialectDescription } from '../../middleware/description.js';
import { idempotencyKeySchema } from '../../middleware/idempotency-key.js';
import { preferenceAppliedHeader, preferSchema } from '../../middleware/prefer.js';
import { webhookUrlSchema } from '../../middleware/webhook-url.js';
import {
  contentSchema,
  createJsonSchema,
  createSchema,
  deletedSchema,
  editSchema,
  errorSchema,
  extensionSchema,
  listSchema,
  remixSchema,
  videoListSchema,
  videoSchema,
} from './schemas.js';

/** Longer ones are as unknown as any other. */
const MAX_ID_CHARACTERS = 200;

const ofVideo = z.object({
  id: z
    .string()
    .max(MAX_ID_CHARACTERS)
    .meta({ description: 'The `id` of a video', example: 'video_01kaz0000000000000000000zz' }),
});
const unknownVideo = { description: 'Unknown in this workspace' };

const json = (schema: z.ZodType) => ({ 'application/json': { schema } });
const aVideo = (description: string) => ({ description, content: json(videoSchema) });
const file = (description: string) => ({ schema: z.string().meta({ description, override: { format: 'binary' } }) });

/** A form and JSON say the same, but that only a form can hold a file. */
type Bodies = { asJson: z.ZodType; asForm?: z.ZodType };

function makingOperation(
  { operationId, summary, requestParams }: Pick<ZodOpenApiOperationObject, 'operationId' | 'summary' | 'requestParams'>,
  { asJson, asForm = asJson }: Bodies,
): ZodOpenApiOperationObject {
  return {
    operationId,
    summary,
    requestParams: {
      ...requestParams,
      header: z.object({
        'Idempotency-Key': idempotencyKeySchema,
        Prefer: preferSchema,
        'X-Webhook-URL': webhookUrlSchema,
      }),
    },
    requestBody: {
      required: true,
      content: { ...json(asJson), 'multipart/form-data': { schema: asForm } },
    },
    responses: {
      200: {
        ...aVideo('Stored as `queued`, and its price is held'),
        headers: z.object(preferenceAppliedHeader),
      },
      400: { description: 'Not valid, or no provider can do it' },
      404: { description: 'The video to go on from is unknown in this workspace, or the model is retired' },
      409: { description: 'A request with this idempotency key is still in flight' },
      422: { description: 'The idempotency key was used with another request' },
    },
  };
}

export const openaiDescription: DialectDescription = {
  tag: {
    name: 'OpenAI Videos',
    description: "The Videos API of Sora's maker, as its clients know it: create, poll, fetch, remix, edit and extend.",
  },
  securityScheme: bearerScheme,
  error: { contentType: 'application/json', schema: errorSchema },
  paths: {
    '/v1/videos': {
      post: makingOperation(
        { operationId: 'openaiCreateVideo', summary: 'Make a video of a text, and of an image where there is one' },
        { asJson: createJsonSchema, asForm: createSchema },
      ),
      get: {
        operationId: 'openaiListVideos',
        summary: 'List videos',
        requestParams: { query: listSchema },
        responses: {
          200: { description: 'One page; `last_id` leads to the next', content: json(videoListSchema) },
          400: { description: 'Not valid' },
        },
      },
    },
    '/v1/videos/{id}': {
      get: {
        operationId: 'openaiRetrieveVideo',
        summary: 'Ask for the state of a video',
        requestParams: { path: ofVideo },
        responses: { 200: aVideo('The video, also one that failed'), 404: unknownVideo },
      },
      delete: {
        operationId: 'openaiDeleteVideo',
        summary: 'Delete a completed or failed video',
        requestParams: { path: ofVideo },
        responses: {
          200: { description: 'Deleted, with its files', content: json(deletedSchema) },
          400: { description: 'Not finished' },
          404: unknownVideo,
        },
      },
    },
    '/v1/videos/{id}/content': {
      get: {
        operationId: 'openaiDownloadVideo',
        summary: 'Fetch the file, or a still of it',
        requestParams: { path: ofVideo, query: contentSchema },
        responses: {
          200: {
            description: 'The whole file; a `Range` gets its part with 206',
            content: { 'video/mp4': file('The video'), 'image/webp': file('One still'), 'image/jpeg': file('A sheet') },
          },
          400: { description: 'Not valid' },
          404: { description: 'Unknown in this workspace, not completed, or no longer kept' },
        },
      },
    },
    '/v1/videos/{id}/remix': {
      post: makingOperation(
        {
          operationId: 'openaiRemixVideo',
          summary: 'Make a completed video anew with another prompt',
          requestParams: { path: ofVideo },
        },
        { asJson: remixSchema },
      ),
    },
    '/v1/videos/edits': {
      post: makingOperation(
        { operationId: 'openaiEditVideo', summary: 'Edit a completed video: a remix under another name' },
        { asJson: editSchema },
      ),
    },
    '/v1/videos/extensions': {
      post: makingOperation(
        { operationId: 'openaiExtendVideo', summary: 'Go on where a completed video ends' },
        { asJson: extensionSchema },
      ),
    },
  },
};
