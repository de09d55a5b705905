/** What a workspace can be told of. `webhook.test` goes to the endpoint that is tested and cannot be chosen. */
export const webhookEventTypes = [
  'job.succeeded',
  'job.failed',
  'job.canceled',
  'pipeline.succeeded',
  'pipeline.failed',
  'pipeline.canceled',
  'webhook.exhausted',
] as const;
export type WebhookEventType = (typeof webhookEventTypes)[number];

/** What became of a delivery. `exhausted`: nobody took it, and it can be sent again; `canceled`: there is nobody, or nothing, left to tell. */
export const webhookDeliveryStates = ['pending', 'delivered', 'exhausted', 'canceled'] as const;
export type WebhookDeliveryState = (typeof webhookDeliveryStates)[number];

/** Why a try was no success. `status`: an answer other than 2xx, a redirect included. */
export const webhookErrors = ['status', 'timeout', 'network', 'tls', 'address_refused'] as const;
export type WebhookError = (typeof webhookErrors)[number];

/** Why an endpoint gets nothing: its owner said so, or it answered 410. */
export const webhookDisableReasons = ['caller', 'gone'] as const;
export type WebhookDisableReason = (typeof webhookDisableReasons)[number];

/** What an event is about, by its id. */
export type WebhookSubject = { kind: 'job' | 'pipeline' | 'endpoint' | 'delivery'; id: string };

/** An event as it is told to one address. */
export type WebhookEvent = {
  /** The same for every address and every try. */
  id: string;
  type: string;
  workspaceId: string;
  subject: WebhookSubject;
  createdAt: Date;
  /** Whether its subject itself named the address: then it is told in the words that the subject was asked for in. */
  isCallback: boolean;
};

/** Every duration of a delivery in milliseconds, so that tests run in milliseconds and running deliveries keep what they started with. */
export type WebhookTiming = {
  /** The pause before each try, the first included. */
  scheduleMs: number[];
  /** How much longer a pause may be, as a part of it, so that what failed together does not come back together. */
  jitter: number;
  /** One exchange, from the name's resolution to the status of the answer. */
  timeoutMs: number;
  /** The longest `Retry-After` that is waited for. */
  longestRetryAfterMs: number;
};

/** What the workflow of a delivery is started with. */
export type DeliverWebhookInput = WebhookTiming & {
  deliveryId: string;
  /** Which workflow of the delivery this is: one that is sent again, or whose workflow was lost, gets another. */
  sending: number;
  /** Tries of the schedule that lie behind it. */
  step: number;
  /** Deliveries to one target take turns with those to others. */
  target: string;
};
