import type { WebhookDeliveryState, WebhookError, WebhookEvent } from '../contract/webhooks.js';
import type { Database } from './database.js';

/** A delivery as its next try needs it. */
export type DeliveryToTry = {
  id: string;
  event: WebhookEvent;
  state: WebhookDeliveryState;
  sending: number;
  /** Tries of this sending that are recorded. */
  step: number;
  /** Until the next of them. */
  waitMs: number;
  /** Missing when the endpoint is disabled or gone, or the job was deleted. */
  url: string | null;
  /** The current one first; during the overlap of a rotation, the one before it, too. */
  secrets: string[];
};

/** What came of one try. */
export type WebhookTry = {
  deliveryId: string;
  sending: number;
  step: number;
  state: Exclude<WebhookDeliveryState, 'canceled'>;
  /** Until the next try, of a delivery that stays pending. */
  nextInMs: number | null;
  /** Whether the endpoint said that it is gone for good. */
  isGone: boolean;
  startedAgoMs: number;
  durationMs: number;
  status: number | null;
  error: WebhookError | null;
  detail: string | null;
  answer: string;
};

export type WebhookDeliveries = ReturnType<typeof createWebhookDeliveries>;

type Row = {
  state: WebhookDeliveryState;
  sending: number;
  step: number;
  wait_ms: number;
  url: string | null;
  secrets: string[];
  message_id: string;
  type: string;
  workspace_id: string;
  subject_kind: WebhookEvent['subject']['kind'];
  subject_id: string;
  created_at: Date;
  is_callback: boolean;
};

const loadStatement = {
  name: 'load_webhook_delivery',
  text: `select delivery.state, delivery.sending, delivery.step, delivery.endpoint_id is null as is_callback,
      greatest(0, coalesce(extract(epoch from delivery.next_attempt_at - now()) * 1000, 0))::double precision as wait_ms,
      coalesce(delivery.url, endpoint.url) as url,
      array_remove(case when delivery.endpoint_id is null
        then array[workspace.webhook_secret, case when workspace.webhook_previous_secret_until > now() then workspace.webhook_previous_secret end]
        else array[endpoint.secret, case when endpoint.previous_secret_until > now() then endpoint.previous_secret end]
        end, null) as secrets,
      message.id as message_id, message.type, message.workspace_id, message.subject_kind, message.subject_id, message.created_at
    from webhook_deliveries delivery
    join webhook_messages message on message.id = delivery.message_id
    join workspaces workspace on workspace.id = delivery.workspace_id
    left join webhook_endpoints endpoint
      on endpoint.id = delivery.endpoint_id and endpoint.disabled_at is null and endpoint.deleted_at is null
    where delivery.id = $1`,
};

/**
 * Keeps a try and what follows from it. One that nobody took is told of to the other endpoints, unless it told of such a thing itself. A
 * delivery that was sent again or ended meanwhile stays as it is.
 */
const recordStatement = {
  name: 'record_webhook_try',
  text: `with delivery as (
      update webhook_deliveries set state = $4, step = $3, attempts = attempts + 1, last_attempt_at = now(), last_status = $9, last_error = $10,
        next_attempt_at = now() + $5 * interval '1 millisecond', ended_at = case when $4 <> 'pending' then now() end
      where id = $1 and sending = $2 and state = 'pending'
      returning id, attempts, message_id, workspace_id, endpoint_id
    ), tried as (
      insert into webhook_tries (delivery_id, number, started_at, duration_ms, status, error, detail, answer)
      select id, attempts, now() - $7 * interval '1 millisecond', $8, $9, $10, $11, $12 from delivery
    ), endpoint as (
      update webhook_endpoints set disabled_at = now(), disabled_because = 'gone', updated_at = now()
      from delivery where $6 and webhook_endpoints.id = delivery.endpoint_id
        and webhook_endpoints.disabled_at is null and webhook_endpoints.deleted_at is null
    )
    select case when $4 = 'exhausted' and message.type not in ('webhook.exhausted', 'webhook.test')
      then queue_webhook(delivery.workspace_id, 'webhook.exhausted', 'delivery', delivery.id, null, delivery.endpoint_id)
      else 0 end as queued_webhooks
    from delivery join webhook_messages message on message.id = delivery.message_id`,
};

const cancelStatement = {
  name: 'cancel_webhook_delivery',
  text: `update webhook_deliveries set state = 'canceled', next_attempt_at = null, ended_at = now()
    where id = $1 and sending = $2 and state = 'pending'`,
};

/** What the activity of a delivery reads and writes. */
export function createWebhookDeliveries({ run }: Pick<Database, 'run'>) {
  return {
    async load(id: string): Promise<DeliveryToTry | undefined> {
      const [row] = await run<Row>(loadStatement, [id]);
      if (!row) return undefined;
      return {
        id,
        event: {
          id: row.message_id,
          type: row.type,
          workspaceId: row.workspace_id,
          subject: { kind: row.subject_kind, id: row.subject_id },
          createdAt: row.created_at,
          isCallback: row.is_callback,
        },
        state: row.state,
        sending: row.sending,
        step: row.step,
        waitMs: row.wait_ms,
        url: row.url,
        secrets: row.secrets,
      };
    },

    /** @returns how many deliveries follow: the dispatcher is to be woken for them. */
    async record(made: WebhookTry): Promise<{ queuedWebhooks: number }> {
      const [row] = await run<{ queued_webhooks: number }>(recordStatement, [
        made.deliveryId,
        made.sending,
        made.step,
        made.state,
        made.nextInMs,
        made.isGone,
        made.startedAgoMs,
        made.durationMs,
        made.status,
        made.error,
        made.detail,
        made.answer,
      ]);
      return { queuedWebhooks: row?.queued_webhooks ?? 0 };
    },

    /** Ends a delivery that has nobody, or nothing, left to tell. */
    async cancel({ deliveryId, sending }: { deliveryId: string; sending: number }): Promise<void> {
      await run(cancelStatement, [deliveryId, sending]);
    },
  };
}
