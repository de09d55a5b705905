import type { WebhookSubject } from '../contract/webhooks.js';
import type { Database } from './database.js';

/** A delivery that has no workflow yet, as the dispatcher needs it. */
export type DeliveryToStart = {
  id: string;
  workspace_id: string;
  sending: number;
  step: number;
  type: string;
  subject_kind: WebhookSubject['kind'];
  subject_id: string;
  endpoint_id: string | null;
  url: string | null;
};

export type WebhookQueue = ReturnType<typeof createWebhookQueue>;

/** A claim is a lease: when its holder dies, another may start the delivery after this time. */
const CLAIM_SECONDS = 10;

/** Round-robin: of each workspace the oldest deliveries, an equal share each. */
const claimStatement = {
  name: 'claim_webhooks_to_start',
  text: `with waiting as (
      select distinct workspace_id from webhook_deliveries where state = 'pending' and dispatched_at is null
    ), share as (select greatest(1, ceil($1::numeric / greatest(count(*), 1)))::integer as deliveries from waiting
    ), chosen as (
      select picked.id from waiting cross join share cross join lateral (
        select id from webhook_deliveries
        where workspace_id = waiting.workspace_id and state = 'pending' and dispatched_at is null
          and (claimed_until is null or claimed_until < now())
        order by id limit share.deliveries for update skip locked
      ) picked limit $1
    ), claimed as (
      update webhook_deliveries set claimed_until = now() + ${CLAIM_SECONDS} * interval '1 second'
      from chosen where webhook_deliveries.id = chosen.id
      returning webhook_deliveries.*
    )
    select claimed.id, claimed.workspace_id, claimed.sending, claimed.step, claimed.endpoint_id,
      coalesce(claimed.url, endpoint.url) as url, message.type, message.subject_kind, message.subject_id
    from claimed join webhook_messages message on message.id = claimed.message_id
      left join webhook_endpoints endpoint on endpoint.id = claimed.endpoint_id`,
};

const dispatchedStatement = {
  name: 'mark_webhooks_dispatched',
  text: `update webhook_deliveries set dispatched_at = now(), claimed_until = null
    from unnest($1::text[], $2::integer[]) as started(id, sending)
    where webhook_deliveries.id = started.id and webhook_deliveries.sending = started.sending and dispatched_at is null`,
};

const releaseStatement = {
  name: 'release_webhooks',
  text: 'update webhook_deliveries set claimed_until = null where id = any($1) and dispatched_at is null',
};

/** A try that is overdue may have lost its workflow. One that is not overdue is looked for when it is. */
const overdueStatement = {
  name: 'claim_overdue_webhooks',
  text: `with chosen as (
      select id from webhook_deliveries
      where state = 'pending' and dispatched_at is not null and next_attempt_at < now() - $2 * interval '1 millisecond'
        and coalesce(swept_at, dispatched_at) < now() - $2 * interval '1 millisecond'
      order by next_attempt_at limit $1 for update skip locked
    )
    update webhook_deliveries set swept_at = now() from chosen where webhook_deliveries.id = chosen.id
    returning webhook_deliveries.id, webhook_deliveries.sending`,
};

const requeueStatement = {
  name: 'requeue_webhook',
  text: `update webhook_deliveries set sending = sending + 1, dispatched_at = null, claimed_until = null
    where id = $1 and sending = $2 and state = 'pending'`,
};

export function createWebhookQueue({ run }: Pick<Database, 'run'>) {
  return {
    /** Takes up to `limit` deliveries that nobody else is starting. */
    claim: (limit: number) => run<DeliveryToStart>(claimStatement, [limit]),

    async markDispatched(started: Pick<DeliveryToStart, 'id' | 'sending'>[]): Promise<void> {
      await run(dispatchedStatement, [started.map(({ id }) => id), started.map(({ sending }) => sending)]);
    },

    /** Gives claims back, for whoever comes next. */
    async release(ids: string[]): Promise<void> {
      await run(releaseStatement, [ids]);
    },

    /** Takes up to `limit` deliveries whose try is overdue and whose workflow nobody looked for within the interval. */
    claimOverdue: ({ limit, intervalMs }: { limit: number; intervalMs: number }) =>
      run<Pick<DeliveryToStart, 'id' | 'sending'>>(overdueStatement, [limit, intervalMs]),

    /** Lets a delivery go on, where it stands on its schedule, in another workflow: its own is lost. */
    async requeue({ id, sending }: Pick<DeliveryToStart, 'id' | 'sending'>): Promise<void> {
      await run(requeueStatement, [id, sending]);
    },
  };
}
