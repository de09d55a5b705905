import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import type { WebhookDeliveryState, WebhookSubject } from '../contract/webhooks.js';
import type { Database } from './database.js';
import type { WebhookDeliveriesTable, WebhookTriesTable } from './tables.js';
import type { EndpointRef } from './webhook-endpoints.js';

const columns = [
  'id',
  'message_id',
  'workspace_id',
  'endpoint_id',
  'state',
  'attempts',
  'next_attempt_at',
  'last_attempt_at',
  'last_status',
  'last_error',
  'created_at',
  'ended_at',
] as const satisfies readonly (keyof WebhookDeliveriesTable)[];

/** A delivery as its owner may see it. */
export type WebhookDeliveryRow = Pick<Selectable<WebhookDeliveriesTable>, (typeof columns)[number]> & {
  /** Of a callback whose job was deleted, nobody knows it any more. */
  url: string | null;
  type: string;
  subject_kind: WebhookSubject['kind'];
  subject_id: string;
  /** Whether there is still somebody to send it to. */
  has_address: boolean;
};

export type WebhookTryRow = Omit<Selectable<WebhookTriesTable>, 'delivery_id'>;

export type DeliveryFilter = {
  workspaceId: string;
  endpointId?: string;
  jobId?: string;
  state?: WebhookDeliveryState;
  /** The id of the last delivery of the page before. */
  after?: string;
  limit: number;
};

export type DeliveryRef = { id: string; workspaceId: string };

export type ResendFilter = {
  endpointId: string;
  workspaceId: string;
  since: Date;
  /** Also those that arrived. */
  includesDelivered: boolean;
};

export type WebhookLog = ReturnType<typeof createWebhookLog>;

/** From the beginning of the schedule, in a workflow of its own; one that is under way gives way to it. */
const anew = {
  state: 'pending' as const,
  sending: sql<number>`sending + 1`,
  step: 0,
  next_attempt_at: sql<Date>`now()`,
  ended_at: null,
  claimed_until: null,
  dispatched_at: null,
  swept_at: null,
};

/** The oldest first, as their ids are. What is still on its way, or was sent again lately, stays. */
const forgetStatement = {
  name: 'forget_webhooks',
  text: `with old as (
      select id from webhook_messages message
      where created_at < now() - $1 * interval '1 day' and not exists (select from webhook_deliveries delivery
        where delivery.message_id = message.id and (ended_at is null or ended_at >= now() - $1 * interval '1 day'))
      order by id limit $2
    ), tries as (
      delete from webhook_tries using webhook_deliveries delivery, old
      where webhook_tries.delivery_id = delivery.id and delivery.message_id = old.id
    ), deliveries as (
      delete from webhook_deliveries using old where webhook_deliveries.message_id = old.id
    )
    delete from webhook_messages using old where webhook_messages.id = old.id returning webhook_messages.id`,
};

/** What was told to whom, how that went, and telling it again. */
export function createWebhookLog({ queries, run }: Pick<Database, 'queries' | 'run'>) {
  const deliveries = () =>
    queries
      .selectFrom('webhook_deliveries as delivery')
      .innerJoin('webhook_messages as message', 'message.id', 'delivery.message_id')
      .leftJoin('webhook_endpoints as endpoint', 'endpoint.id', 'delivery.endpoint_id')
      .select(columns.map((column) => `delivery.${column}` as const))
      .select(['message.type', 'message.subject_kind', 'message.subject_id'])
      .select([
        sql<string | null>`coalesce(delivery.url, endpoint.url)`.as('url'),
        sql<boolean>`delivery.url is not null or (endpoint.id is not null and endpoint.disabled_at is null and endpoint.deleted_at is null)`.as(
          'has_address',
        ),
      ]);

  const find = ({ id, workspaceId }: DeliveryRef): Promise<WebhookDeliveryRow | undefined> =>
    deliveries().where('delivery.id', '=', id).where('delivery.workspace_id', '=', workspaceId).executeTakeFirst();

  return {
    /** Newest first; `hasMore` tells that another page follows. */
    async page(filter: DeliveryFilter): Promise<{ deliveries: WebhookDeliveryRow[]; hasMore: boolean }> {
      let query = deliveries()
        .where('delivery.workspace_id', '=', filter.workspaceId)
        .orderBy('delivery.id', 'desc')
        .limit(filter.limit + 1);
      if (filter.endpointId) query = query.where('delivery.endpoint_id', '=', filter.endpointId);
      if (filter.jobId)
        query = query.where('message.subject_kind', '=', 'job').where('message.subject_id', '=', filter.jobId);
      if (filter.state) query = query.where('delivery.state', '=', filter.state);
      if (filter.after) query = query.where('delivery.id', '<', filter.after);
      const rows = await query.execute();
      return { deliveries: rows.slice(0, filter.limit), hasMore: rows.length > filter.limit };
    },

    find,

    /** Oldest first. */
    triesOf(deliveryId: string): Promise<WebhookTryRow[]> {
      return queries
        .selectFrom('webhook_tries')
        .select(['number', 'started_at', 'duration_ms', 'status', 'error', 'detail', 'answer'])
        .where('delivery_id', '=', deliveryId)
        .orderBy('number')
        .execute();
    },

    /** Sends one again, whatever had become of it. Undefined when there is none such. */
    async resend({ id, workspaceId }: DeliveryRef): Promise<WebhookDeliveryRow | undefined> {
      const changed = await queries
        .updateTable('webhook_deliveries')
        .set(anew)
        .where('id', '=', id)
        .where('workspace_id', '=', workspaceId)
        .executeTakeFirst();
      return changed.numUpdatedRows > 0n ? find({ id, workspaceId }) : undefined;
    },

    /** Sends again what an endpoint has missed since then. @returns how many */
    async resendSince({ endpointId, workspaceId, since, includesDelivered }: ResendFilter): Promise<number> {
      const missed: WebhookDeliveryState[] = ['exhausted', 'canceled'];
      const changed = await queries
        .updateTable('webhook_deliveries')
        .set(anew)
        .where('endpoint_id', '=', endpointId)
        .where('workspace_id', '=', workspaceId)
        .where('created_at', '>=', since)
        .where('state', 'in', includesDelivered ? [...missed, 'delivered'] : missed)
        .executeTakeFirst();
      return Number(changed.numUpdatedRows);
    },

    /** Removes up to `limit` events that everybody has been told of, or will never be, for so many days. @returns how many */
    async forget({ olderThanDays, limit }: { olderThanDays: number; limit: number }): Promise<number> {
      const forgotten = await run(forgetStatement, [olderThanDays, limit]);
      return forgotten.length;
    },

    /** Queues an event about the endpoint itself, for it alone. */
    async queueTest({ id: endpointId, workspaceId }: EndpointRef): Promise<WebhookDeliveryRow> {
      const made = await queries
        .with('message', (query) =>
          query
            .insertInto('webhook_messages')
            .values({
              id: sql<string>`new_id('msg')`,
              workspace_id: workspaceId,
              type: 'webhook.test',
              subject_kind: 'endpoint',
              subject_id: endpointId,
            })
            .returning('id'),
        )
        .insertInto('webhook_deliveries')
        .columns(['id', 'message_id', 'workspace_id', 'endpoint_id'])
        .expression((query) =>
          query
            .selectFrom('message')
            .select([
              sql<string>`new_id('dlv')`.as('id'),
              'message.id as message_id',
              sql<string>`${workspaceId}`.as('workspace_id'),
              sql<string>`${endpointId}`.as('endpoint_id'),
            ]),
        )
        .returning('webhook_deliveries.id')
        .executeTakeFirstOrThrow();
      return deliveries().where('delivery.id', '=', made.id).executeTakeFirstOrThrow();
    },
  };
}
