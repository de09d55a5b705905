import { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject } from 'zod-openapi';
import {
  deliveryListAnswerSchema,
  deliverySchema,
  deliveryWithTriesSchema,
  endpointListSchema,
  endpointSchema,
  endpointWithSecretSchema,
  eventSchemas,
  resentSchema,
} from './webhook-answer-schemas.js';
import {
  deliveryListSchema,
  endpointChangesSchema,
  newEndpointSchema,
  resendSchema,
  rotationSchema,
} from './webhook-schemas.js';

const json = (schema: z.ZodType) => ({ content: { 'application/json': { schema } } });
const idSchema = z.string().max(200);
const ofEndpoint = {
  path: z.object({
    id: idSchema.meta({ description: 'The id of an endpoint', example: 'we_01kaz0000000000000000000zz' }),
  }),
};
const ofDelivery = {
  path: z.object({
    id: idSchema.meta({ description: 'The id of a delivery', example: 'dlv_01kaz0000000000000000000zz' }),
  }),
};
const unknownEndpoint = { 404: { description: 'The workspace has no such endpoint' } };
const unknownDelivery = { 404: { description: 'The workspace has no such delivery' } };
const nobodyThere = { 409: { description: '`webhook_disabled`: there is nobody to send it to' } };

export const webhookPaths: ZodOpenApiPathsObject = {
  '/api/v1/videos/webhooks/endpoints': {
    post: {
      operationId: 'createWebhookEndpoint',
      summary: 'Be told of events at an address',
      requestBody: { required: true, ...json(newEndpointSchema) },
      responses: { 201: { description: 'The endpoint, with its secret', ...json(endpointWithSecretSchema) } },
    },
    get: {
      operationId: 'listWebhookEndpoints',
      summary: 'List the endpoints',
      responses: { 200: { description: 'Oldest first', ...json(endpointListSchema) } },
    },
  },
  '/api/v1/videos/webhooks/endpoints/{id}': {
    get: {
      operationId: 'getWebhookEndpoint',
      summary: 'Read an endpoint',
      requestParams: ofEndpoint,
      responses: { 200: { description: 'The endpoint', ...json(endpointSchema) }, ...unknownEndpoint },
    },
    patch: {
      operationId: 'updateWebhookEndpoint',
      summary: 'Change, disable or enable an endpoint',
      requestParams: ofEndpoint,
      requestBody: { required: true, ...json(endpointChangesSchema) },
      responses: { 200: { description: 'The endpoint', ...json(endpointSchema) }, ...unknownEndpoint },
    },
    delete: {
      operationId: 'deleteWebhookEndpoint',
      summary: 'Delete an endpoint; its deliveries can still be read',
      requestParams: ofEndpoint,
      responses: { 204: { description: 'Deleted' }, ...unknownEndpoint },
    },
  },
  '/api/v1/videos/webhooks/endpoints/{id}/secret/rotate': {
    post: {
      operationId: 'rotateWebhookSecret',
      summary: 'Give an endpoint a new secret',
      description: 'During the overlap every request is signed with both.',
      requestParams: ofEndpoint,
      requestBody: json(rotationSchema),
      responses: {
        200: { description: 'The endpoint, with its new secret', ...json(endpointWithSecretSchema) },
        ...unknownEndpoint,
      },
    },
  },
  '/api/v1/videos/webhooks/endpoints/{id}/test': {
    post: {
      operationId: 'testWebhookEndpoint',
      summary: 'Send an endpoint a `webhook.test` event now',
      requestParams: ofEndpoint,
      responses: { 202: { description: 'The delivery', ...json(deliverySchema) }, ...unknownEndpoint, ...nobodyThere },
    },
  },
  '/api/v1/videos/webhooks/endpoints/{id}/resend': {
    post: {
      operationId: 'resendToWebhookEndpoint',
      summary: 'Send an endpoint again what it has missed',
      requestParams: ofEndpoint,
      requestBody: { required: true, ...json(resendSchema) },
      responses: {
        202: { description: 'They are on their way', ...json(resentSchema) },
        ...unknownEndpoint,
        ...nobodyThere,
      },
    },
  },
  '/api/v1/videos/webhooks/deliveries': {
    get: {
      operationId: 'listWebhookDeliveries',
      summary: 'List deliveries, newest first',
      requestParams: { query: deliveryListSchema },
      responses: { 200: { description: 'A page', ...json(deliveryListAnswerSchema) } },
    },
  },
  '/api/v1/videos/webhooks/deliveries/{id}': {
    get: {
      operationId: 'getWebhookDelivery',
      summary: 'Read a delivery and its tries',
      requestParams: ofDelivery,
      responses: { 200: { description: 'The delivery', ...json(deliveryWithTriesSchema) }, ...unknownDelivery },
    },
  },
  '/api/v1/videos/webhooks/deliveries/{id}/resend': {
    post: {
      operationId: 'resendWebhookDelivery',
      summary: 'Send a delivery again, under the same id',
      requestParams: ofDelivery,
      responses: { 202: { description: 'The delivery', ...json(deliverySchema) }, ...unknownDelivery, ...nobodyThere },
    },
  },
};

const signedHeaders = z.object({
  'webhook-id': z
    .string()
    .max(40)
    .meta({ description: 'The same at every try', example: 'msg_01kaz0000000000000000000zz' }),
  'webhook-timestamp': z
    .string()
    .max(12)
    .meta({ description: 'Of this try, in seconds since 1970', example: '1795248000' }),
  'webhook-signature': z
    .string()
    .max(200)
    .meta({ description: 'HMAC-SHA256 as Standard Webhooks has it; during a rotation two, with a blank between them' }),
});

const summaries: Record<keyof typeof eventSchemas, string> = {
  'job.succeeded': 'A job has its video',
  'job.failed': 'A job has failed',
  'job.canceled': 'A job was canceled',
  'pipeline.succeeded': 'A pipeline has succeeded in every step',
  'pipeline.failed': 'A pipeline has failed',
  'pipeline.canceled': 'A pipeline was canceled',
  'webhook.exhausted': 'Nobody took a delivery to another address',
  'webhook.test': 'Somebody asked for a test',
};

/** What endpoints receive. */
export const webhookEvents: Record<string, { post: ZodOpenApiOperationObject }> = Object.fromEntries(
  Object.entries(eventSchemas).map(([type, schema]) => [
    type,
    {
      post: {
        operationId: `on-${type.replaceAll('.', '-')}`,
        summary: summaryOf(type),
        security: [],
        requestParams: { header: signedHeaders },
        requestBody: { required: true, ...json(schema) },
        responses: {
          '2XX': { description: 'Taken. Any other answer, or none within 15 seconds, is tried again' },
          410: { description: 'Never again: the endpoint is disabled' },
        },
      },
    },
  ]),
);

function summaryOf(type: string): string {
  return Object.entries(summaries).find(([known]) => known === type)?.[1] ?? type;
}
