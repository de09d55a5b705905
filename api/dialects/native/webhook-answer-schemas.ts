import { z } from 'zod';
import {
  type WebhookEvent,
  webhookDeliveryStates,
  webhookDisableReasons,
  webhookErrors,
  type webhookEventTypes,
} from '../../../contract/webhooks.js';
import { addressSchema, countSchema, instantSchema, jobSchema, nameSchema, textSchema } from './answer-schemas.js';
import { pipelineSchema } from './pipeline-answer-schemas.js';

const MAX_PER_PAGE = 100;
const idSchema = z.string().max(40);
const endpointIdSchema = idSchema.meta({ example: 'we_01kaz0000000000000000000zz' });
const deliveryIdSchema = idSchema.meta({ example: 'dlv_01kaz0000000000000000000zz' });
const subjectKinds = ['job', 'pipeline', 'endpoint', 'delivery'] as const satisfies WebhookEvent['subject']['kind'][];

const endpointShape = {
  object: z.literal('webhook_endpoint'),
  id: endpointIdSchema,
  url: addressSchema,
  description: textSchema,
  event_types: z.array(nameSchema).max(100).nullable().meta({ description: '`null`: every event' }),
  disabled: z.boolean(),
  disabled_at: instantSchema.nullable(),
  disabled_because: z
    .enum(webhookDisableReasons)
    .nullable()
    .meta({ description: '`caller`: you said so. `gone`: it answered 410' }),
  previous_secret_until: instantSchema
    .nullable()
    .meta({ description: 'Until then the secret before the last rotation signs as well' }),
  created_at: instantSchema,
  updated_at: instantSchema,
};
export const endpointSchema = z.object(endpointShape).meta({ id: 'WebhookEndpoint' });
export const endpointWithSecretSchema = z
  .object({
    ...endpointShape,
    secret: z
      .string()
      .max(100)
      .meta({ description: 'Verifies the signatures. Shown here and never again', example: 'whsec_MfKQ9r8GKYqrTwjU' }),
  })
  .meta({ id: 'WebhookEndpointWithSecret' });
export const endpointListSchema = z
  .object({ object: z.literal('list'), data: z.array(endpointSchema).max(MAX_PER_PAGE) })
  .meta({ id: 'WebhookEndpointList' });

const errorSchema = z
  .enum(webhookErrors)
  .meta({ description: '`status`: an answer other than 2xx, a redirect included. `timeout`: none in time' });
const statusSchema = z.int().meta({ description: 'Of the answer', example: 200 });

const deliveryShape = {
  object: z.literal('webhook_delivery'),
  id: deliveryIdSchema,
  message_id: idSchema.meta({ description: 'The `webhook-id` under which it arrives' }),
  event_type: nameSchema.meta({ example: 'job.succeeded' }),
  subject: z
    .object({ kind: z.enum(subjectKinds), id: idSchema })
    .meta({ description: 'What the event is about', example: { kind: 'job', id: 'job_01kaz0000000000000000000zz' } }),
  endpoint: endpointIdSchema.nullable().meta({ description: '`null`: the address that the job was made with' }),
  url: addressSchema.nullable(),
  state: z.enum(webhookDeliveryStates).meta({
    description:
      '`exhausted`: nobody took it. `canceled`: its endpoint was disabled or deleted, or its job was deleted',
  }),
  attempts: countSchema.meta({ description: 'Tries so far' }),
  next_attempt_at: instantSchema.nullable(),
  last_attempt_at: instantSchema.nullable(),
  last_status: statusSchema.nullable(),
  last_error: errorSchema.nullable(),
  created_at: instantSchema,
  ended_at: instantSchema.nullable(),
};
export const deliverySchema = z.object(deliveryShape).meta({ id: 'WebhookDelivery' });
export const deliveryWithTriesSchema = z
  .object({
    ...deliveryShape,
    tries: z
      .array(
        z.object({
          number: z.int().positive(),
          started_at: instantSchema,
          duration_ms: countSchema,
          status: statusSchema.nullable(),
          error: errorSchema.nullable(),
          detail: textSchema.nullable().meta({ description: 'Why there was no answer, for people' }),
          answer: textSchema.meta({ description: 'How the answer began: up to 4 kB' }),
        }),
      )
      .max(1_000),
  })
  .meta({ id: 'WebhookDeliveryWithTries' });
export const deliveryListAnswerSchema = z
  .object({
    object: z.literal('list'),
    data: z.array(deliverySchema).max(MAX_PER_PAGE),
    has_more: z.boolean(),
    next_cursor: idSchema.nullable().meta({ description: 'For `after` of the next page' }),
  })
  .meta({ id: 'WebhookDeliveryList' });

export const resentSchema = z
  .object({
    object: z.literal('webhook_resend'),
    deliveries: countSchema.meta({ description: 'How many are sent again' }),
  })
  .meta({ id: 'WebhookResent' });

const eventOf = (type: (typeof webhookEventTypes)[number] | 'webhook.test', data: z.ZodType) =>
  z.object({ type: z.literal(type), timestamp: instantSchema.meta({ description: 'When it happened' }), data });

/** What endpoints are sent, by the event's type. */
export const eventSchemas = {
  'job.succeeded': eventOf('job.succeeded', jobSchema),
  'job.failed': eventOf('job.failed', jobSchema),
  'job.canceled': eventOf('job.canceled', jobSchema),
  'pipeline.succeeded': eventOf('pipeline.succeeded', pipelineSchema),
  'pipeline.failed': eventOf('pipeline.failed', pipelineSchema),
  'pipeline.canceled': eventOf('pipeline.canceled', pipelineSchema),
  'webhook.exhausted': eventOf('webhook.exhausted', deliverySchema),
  'webhook.test': eventOf('webhook.test', endpointSchema),
} as const satisfies Record<(typeof webhookEventTypes)[number] | 'webhook.test', z.ZodType>;
