import { z } from 'zod';
import { callerTextSchema } from '../../../contract/generation.js';
import { webhookDeliveryStates, webhookEventTypes } from '../../../contract/webhooks.js';
import { isJobId } from '../../jobs.js';
import { isDeliveryId, isEndpointId } from '../../webhooks.js';
import { instantSchema, pageLimitSchema } from './schemas.js';

const MAX_URL_CHARACTERS = 2_048;
const MAX_DESCRIPTION_CHARACTERS = 500;
const MAX_ID_CHARACTERS = 40;
const DAY_SECONDS = 24 * 60 * 60;
const MAX_OVERLAP_SECONDS = 7 * DAY_SECONDS;

const urlSchema = callerTextSchema
  .min(1)
  .max(MAX_URL_CHARACTERS)
  .meta({ description: 'An http(s) address in the public internet', example: 'https://caller.example/hooks' });
const descriptionSchema = callerTextSchema.max(MAX_DESCRIPTION_CHARACTERS);
const eventTypesSchema = z
  .array(z.enum(webhookEventTypes))
  .min(1)
  .max(webhookEventTypes.length)
  .refine((types) => new Set(types).size === types.length, 'must name each event once')
  .nullable()
  .meta({ description: 'Which events it gets; `null`: every one', example: ['job.succeeded', 'job.failed'] });

export const newEndpointSchema = z
  .strictObject({
    url: urlSchema,
    description: descriptionSchema.optional().meta({ description: 'For people', example: 'production' }),
    event_types: eventTypesSchema.optional(),
  })
  .meta({ id: 'NewWebhookEndpoint' });

export const endpointChangesSchema = z
  .strictObject({
    url: urlSchema.optional(),
    description: descriptionSchema.optional().meta({ description: 'For people' }),
    event_types: eventTypesSchema.optional(),
    disabled: z.boolean().optional().meta({ description: 'A disabled one gets nothing until it is enabled again' }),
  })
  .refine((changes) => Object.values(changes).some((value) => value !== undefined), 'must change something')
  .meta({ id: 'WebhookEndpointChanges', description: 'What is left out stays' });

export const rotationSchema = z
  .strictObject({
    overlap_seconds: z
      .int()
      .min(0)
      .max(MAX_OVERLAP_SECONDS)
      .default(DAY_SECONDS)
      .meta({
        description: 'For how long the secret before it signs as well',
        override: { default: DAY_SECONDS },
      }),
  })
  .meta({ id: 'WebhookSecretRotation' });

export const resendSchema = z
  .strictObject({
    since: instantSchema.meta({ description: 'Events from this moment on; a date means its midnight in UTC' }),
    include_delivered: z
      .boolean()
      .default(false)
      .meta({ description: 'Also those that arrived', override: { default: false } }),
  })
  .meta({ id: 'WebhookResend' });

export const deliveryListSchema = z.strictObject({
  limit: pageLimitSchema.meta({ description: 'How many deliveries a page holds', override: { default: 20 } }),
  after: z
    .string()
    .max(MAX_ID_CHARACTERS)
    .refine(isDeliveryId, 'must be the next_cursor of an earlier page')
    .optional()
    .meta({ description: 'The `next_cursor` of the page before' }),
  endpoint: z
    .string()
    .max(MAX_ID_CHARACTERS)
    .refine(isEndpointId, 'must be the id of a webhook endpoint')
    .optional()
    .meta({ description: 'Only to this endpoint' }),
  job: z
    .string()
    .max(MAX_ID_CHARACTERS)
    .refine(isJobId, 'must be the id of a job')
    .optional()
    .meta({ description: 'Only of this job' }),
  state: z.enum(webhookDeliveryStates).optional().meta({ description: 'Only in this state' }),
});
