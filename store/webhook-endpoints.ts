import type { Selectable } from 'kysely';
import { sql } from 'kysely';
import { ServiceError } from '../contract/errors.js';
import { newId } from '../runtime/ids.js';
import type { Database } from './database.js';
import type { WebhookEndpointsTable } from './tables.js';

/** An endpoint as its owner may see it again: without its secrets. */
export type WebhookEndpointRow = Omit<Selectable<WebhookEndpointsTable>, 'secret' | 'previous_secret' | 'deleted_at'>;

export type NewWebhookEndpoint = { workspaceId: string; url: string; description: string; eventTypes: string[] | null };

/** What is left out stays. */
export type WebhookEndpointChanges = {
  url?: string;
  description?: string;
  eventTypes?: string[] | null;
  isDisabled?: boolean;
};

/** An endpoint of this workspace; another's is as unknown as one that never was. */
export type EndpointRef = { id: string; workspaceId: string };

export type WebhookEndpoints = ReturnType<typeof createWebhookEndpoints>;

const MAX_WEBHOOK_ENDPOINTS = 20;

const columns = [
  'id',
  'workspace_id',
  'url',
  'description',
  'event_types',
  'previous_secret_until',
  'disabled_at',
  'disabled_because',
  'created_at',
  'updated_at',
] as const satisfies readonly (keyof WebhookEndpointRow)[];

export function createWebhookEndpoints({ queries }: Pick<Database, 'queries'>) {
  return {
    /** The secret is in this answer, and in that of a rotation, and nowhere else. @throws `request_invalid` when the workspace has as many as it may */
    create({ workspaceId, url, description, eventTypes }: NewWebhookEndpoint) {
      return queries.transaction().execute(async (transaction) => {
        // One at a time, so that the limit holds.
        await transaction.selectFrom('workspaces').select('id').where('id', '=', workspaceId).forUpdate().execute();
        const { count } = await transaction
          .selectFrom('webhook_endpoints')
          .select(({ fn }) => fn.countAll<number>().as('count'))
          .where('workspace_id', '=', workspaceId)
          .where('deleted_at', 'is', null)
          .executeTakeFirstOrThrow();
        if (count >= MAX_WEBHOOK_ENDPOINTS) {
          throw new ServiceError('request_invalid', {
            detail: `The workspace has ${MAX_WEBHOOK_ENDPOINTS} webhook endpoints, which is the limit. Delete one first.`,
          });
        }
        return transaction
          .insertInto('webhook_endpoints')
          .values({ id: newId('we'), workspace_id: workspaceId, url, description, event_types: eventTypes })
          .returning([...columns, 'secret'])
          .executeTakeFirstOrThrow();
      });
    },

    /** Oldest first. */
    list(workspaceId: string): Promise<WebhookEndpointRow[]> {
      return queries
        .selectFrom('webhook_endpoints')
        .select([...columns])
        .where('workspace_id', '=', workspaceId)
        .where('deleted_at', 'is', null)
        .orderBy('id')
        .execute();
    },

    find({ id, workspaceId }: EndpointRef): Promise<WebhookEndpointRow | undefined> {
      return queries
        .selectFrom('webhook_endpoints')
        .select([...columns])
        .where('id', '=', id)
        .where('workspace_id', '=', workspaceId)
        .where('deleted_at', 'is', null)
        .executeTakeFirst();
    },

    /** Undefined when there is none such. */
    update({ id, workspaceId }: EndpointRef, { url, description, eventTypes, isDisabled }: WebhookEndpointChanges) {
      return queries
        .updateTable('webhook_endpoints')
        .set({
          updated_at: sql<Date>`now()`,
          ...(url !== undefined && { url }),
          ...(description !== undefined && { description }),
          ...(eventTypes !== undefined && { event_types: eventTypes }),
          ...(isDisabled === true && {
            disabled_at: sql<Date>`coalesce(disabled_at, now())`,
            disabled_because: sql<'caller'>`coalesce(disabled_because, 'caller')`,
          }),
          ...(isDisabled === false && { disabled_at: null, disabled_because: null }),
        })
        .where('id', '=', id)
        .where('workspace_id', '=', workspaceId)
        .where('deleted_at', 'is', null)
        .returning([...columns])
        .executeTakeFirst();
    },

    /** Its deliveries stay to be read; those under way end. False when there is none such. */
    async remove({ id, workspaceId }: EndpointRef): Promise<boolean> {
      const removed = await queries
        .updateTable('webhook_endpoints')
        .set({
          deleted_at: sql<Date>`now()`,
          updated_at: sql<Date>`now()`,
          secret: sql<string>`new_webhook_secret()`,
          previous_secret: null,
          previous_secret_until: null,
        })
        .where('id', '=', id)
        .where('workspace_id', '=', workspaceId)
        .where('deleted_at', 'is', null)
        .executeTakeFirst();
      return removed.numUpdatedRows > 0n;
    },

    /** A new secret; the one before signs as well until the overlap ends, and the one before that no longer. */
    rotateSecret({ id, workspaceId }: EndpointRef, { overlapSeconds }: { overlapSeconds: number }) {
      return queries
        .updateTable('webhook_endpoints')
        .set({
          secret: sql<string>`new_webhook_secret()`,
          previous_secret: sql<string>`secret`,
          previous_secret_until: sql<Date>`now() + ${overlapSeconds} * interval '1 second'`,
          updated_at: sql<Date>`now()`,
        })
        .where('id', '=', id)
        .where('workspace_id', '=', workspaceId)
        .where('deleted_at', 'is', null)
        .returning([...columns, 'secret'])
        .executeTakeFirst();
    },
  };
}
