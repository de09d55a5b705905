import { sql } from 'kysely';
import type { Database } from './database.js';

/** Signs what goes to the addresses that single jobs name. */
export type WebhookSecret = {
  secret: string;
  /** Until then the secret before it signs as well. */
  previousUntil: Date | null;
};

/** The default secret of each workspace, for operators. */
export function createWebhookSecrets({ queries }: Pick<Database, 'queries'>) {
  return {
    find(workspaceId: string): Promise<WebhookSecret> {
      return queries
        .selectFrom('workspaces')
        .select(['webhook_secret as secret', 'webhook_previous_secret_until as previousUntil'])
        .where('id', '=', workspaceId)
        .executeTakeFirstOrThrow();
    },

    rotate(workspaceId: string, { overlapSeconds }: { overlapSeconds: number }): Promise<WebhookSecret> {
      return queries
        .updateTable('workspaces')
        .set({
          webhook_secret: sql<string>`new_webhook_secret()`,
          webhook_previous_secret: sql<string>`webhook_secret`,
          webhook_previous_secret_until: sql<Date>`now() + ${overlapSeconds} * interval '1 second'`,
        })
        .where('id', '=', workspaceId)
        .returning(['webhook_secret as secret', 'webhook_previous_secret_until as previousUntil'])
        .executeTakeFirstOrThrow();
    },
  };
}
