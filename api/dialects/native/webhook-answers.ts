import type { z } from 'zod';
import type { WebhookDelivery, WebhookEndpoint, WebhookEndpointWithSecret, WebhookTry } from '../../webhooks.js';
import type {
  deliverySchema,
  deliveryWithTriesSchema,
  endpointSchema,
  endpointWithSecretSchema,
} from './webhook-answer-schemas.js';

export function endpointAnswer(endpoint: WebhookEndpoint): z.infer<typeof endpointSchema> {
  return {
    object: 'webhook_endpoint',
    id: endpoint.id,
    url: endpoint.url,
    description: endpoint.description,
    event_types: endpoint.event_types,
    disabled: endpoint.disabled_at !== null,
    disabled_at: endpoint.disabled_at,
    disabled_because: endpoint.disabled_because,
    previous_secret_until: endpoint.previous_secret_until,
    created_at: endpoint.created_at,
    updated_at: endpoint.updated_at,
  };
}

export function endpointWithSecretAnswer(
  endpoint: WebhookEndpointWithSecret,
): z.infer<typeof endpointWithSecretSchema> {
  return { ...endpointAnswer(endpoint), secret: endpoint.secret };
}

export function deliveryAnswer(delivery: WebhookDelivery): z.infer<typeof deliverySchema> {
  return {
    object: 'webhook_delivery',
    id: delivery.id,
    message_id: delivery.message_id,
    event_type: delivery.type,
    subject: { kind: delivery.subject_kind, id: delivery.subject_id },
    endpoint: delivery.endpoint_id,
    url: delivery.url,
    state: delivery.state,
    attempts: delivery.attempts,
    next_attempt_at: delivery.next_attempt_at,
    last_attempt_at: delivery.last_attempt_at,
    last_status: delivery.last_status,
    last_error: delivery.last_error,
    created_at: delivery.created_at,
    ended_at: delivery.ended_at,
  };
}

export function deliveryWithTriesAnswer(
  delivery: WebhookDelivery,
  tries: readonly WebhookTry[],
): z.infer<typeof deliveryWithTriesSchema> {
  return { ...deliveryAnswer(delivery), tries: [...tries] };
}
