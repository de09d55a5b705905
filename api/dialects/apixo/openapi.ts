import { z } from 'zod';
import { bearerScheme, type DialectDescription } from '../../middleware/description.js';
import { idempotencyKeySchema } from '../../middleware/idempotency-key.js';
import { preferenceAppliedHeader, preferSchema } from '../../middleware/prefer.js';
import { webhookUrlSchema } from '../../middleware/webhook-url.js';
import { createdSchema, errorSchema, modelPathSchema, statusQuerySchema, statusSchema, taskSchema } from './schemas.js';

const textToVideo = {
  summary: 'A text',
  value: {
    request_type: 'async',
    provider: 'auto',
    input: {
      mode: 'text-to-video',
      prompt: 'A paper boat crosses a quiet lake at dawn.',
      duration: 10,
      aspect_ratio: 'landscape',
    },
  },
};
const imageToVideo = {
  summary: 'A first frame, and a callback',
  value: {
    request_type: 'callback',
    callback_url: 'https://caller.example/hook',
    input: {
      mode: 'image-to-video',
      prompt: 'The page slowly fills with ink.',
      duration: 15,
      aspect_ratio: 'portrait',
      image_urls: ['https://images.example/page.png'],
    },
  },
};

export const apixoDescription: DialectDescription = {
  tag: {
    name: 'APIXO',
    description: "APIXO's task API. The HTTP status of an answer follows the `code` in its envelope.",
  },
  securityScheme: bearerScheme,
  error: { contentType: 'application/json', schema: errorSchema },
  paths: {
    '/api/v1/generateTask/{model}': {
      post: {
        operationId: 'apixoGenerateTask',
        summary: 'Create a task',
        requestParams: {
          path: modelPathSchema,
          header: z.object({
            'Idempotency-Key': idempotencyKeySchema,
            Prefer: preferSchema,
            'X-Webhook-URL': webhookUrlSchema,
          }),
        },
        requestBody: {
          required: true,
          content: { 'application/json': { schema: taskSchema, examples: { textToVideo, imageToVideo } } },
        },
        responses: {
          200: {
            description: 'Stored, and its price is held',
            headers: z.object({
              'Idempotency-Replayed': z
                .enum(['true'])
                .optional()
                .meta({ description: 'An earlier request made the task' }),
              ...preferenceAppliedHeader,
            }),
            content: { 'application/json': { schema: createdSchema } },
          },
          400: { description: 'Not valid, no provider can do it, or `Insufficient credits`' },
          409: { description: 'A request with this idempotency key is still in flight' },
          422: { description: 'The idempotency key was used with another request' },
        },
      },
    },
    '/api/v1/statusTask/{model}': {
      get: {
        operationId: 'apixoStatusTask',
        summary: 'Ask for the state of a task',
        requestParams: { path: modelPathSchema, query: statusQuerySchema },
        responses: {
          200: {
            description: 'The task, also when it has failed',
            content: { 'application/json': { schema: statusSchema } },
          },
          404: { description: 'The workspace has no such task of this model' },
        },
      },
    },
  },
};
