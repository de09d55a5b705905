import { createHash, randomBytes } from 'node:crypto';
import type { UnknownPolicy } from '../contract/plan.js';
import { newId } from '../runtime/ids.js';
import type { Database } from './database.js';

export const scopes = ['jobs:read', 'jobs:write', 'webhooks:write', 'operator'] as const;
export type Scope = (typeof scopes)[number];

/** Who is calling: a valid key and its workspace's limits. */
export type Caller = {
  keyId: string;
  workspaceId: string;
  scopes: readonly Scope[];
  openJobLimit: number;
  requestsPerMinute: number;
  /** What becomes of a job when nobody can say whether a provider took it. */
  unknownPolicy: UnknownPolicy;
};

/** What an operator may set; what is left out stays. */
export type WorkspaceSettings = { unknownPolicy?: UnknownPolicy; cancelCharge?: CancelCharge };

/** What a cancel after the provider's acceptance charges. */
export const cancelCharges = ['none', 'full'] as const;
export type CancelCharge = (typeof cancelCharges)[number];

export type Workspaces = ReturnType<typeof createWorkspaces>;

const SHOWN_PREFIX_CHARACTERS = 12;

const authenticateStatement = {
  name: 'authenticate',
  text: `select k.id, k.workspace_id, k.scopes, w.open_job_limit, w.requests_per_minute, w.unknown_policy,
      coalesce(k.last_used_at < now() - interval '1 minute', true) as is_use_stale
    from api_keys k join workspaces w on w.id = k.workspace_id
    where k.secret_sha256 = $1 and k.revoked_at is null and (k.expires_at is null or k.expires_at > now())`,
};

const markUsedStatement = { name: 'mark_key_used', text: 'update api_keys set last_used_at = now() where id = $1' };

type AuthenticateRow = {
  id: string;
  workspace_id: string;
  scopes: Scope[];
  open_job_limit: number;
  requests_per_minute: number;
  unknown_policy: UnknownPolicy;
  is_use_stale: boolean;
};

export function createWorkspaces(database: Database) {
  const { queries } = database;

  return {
    /** Makes a workspace with its empty accounts; throws when the name is taken. */
    async create({ name }: { name: string }): Promise<{ id: string; name: string }> {
      const id = newId('ws');
      await queries.transaction().execute(async (transaction) => {
        await transaction.insertInto('workspaces').values({ id, name }).execute();
        const accounts = ['available', 'held'].map((kind) => ({ workspace_id: id, kind, balance_micros: 0 }));
        await transaction.insertInto('ledger_accounts').values(accounts).execute();
      });
      return { id, name };
    },

    find(nameOrId: string) {
      const matches = queries.selectFrom('workspaces').selectAll();
      return matches.where((or) => or.or([or('id', '=', nameOrId), or('name', '=', nameOrId)])).executeTakeFirst();
    },

    list() {
      return queries.selectFrom('workspaces').selectAll().orderBy('created_at').execute();
    },

    /** For jobs that are accepted, and cancels that are settled, from now on. */
    set(id: string, { unknownPolicy, cancelCharge }: WorkspaceSettings) {
      const values = {
        ...(unknownPolicy && { unknown_policy: unknownPolicy }),
        ...(cancelCharge && { cancel_charge: cancelCharge }),
      };
      return queries
        .updateTable('workspaces')
        .set(values)
        .where('id', '=', id)
        .returning(['id', 'name', 'unknown_policy', 'cancel_charge'])
        .executeTakeFirst();
    },

    /** The secret is in the answer only: what is stored is its SHA-256. */
    async createKey(key: { workspaceId: string; name?: string; scopes: readonly Scope[]; expiresAt?: Date }) {
      const id = newId('key');
      const secret = `rly_${randomBytes(24).toString('base64url')}`;
      const row = {
        id,
        workspace_id: key.workspaceId,
        name: key.name ?? '',
        prefix: secret.slice(0, SHOWN_PREFIX_CHARACTERS),
        secret_sha256: sha256(secret),
        scopes: [...key.scopes],
        expires_at: key.expiresAt ?? null,
      };
      await queries.insertInto('api_keys').values(row).execute();
      return { id, secret };
    },

    /** False when no such key is in force. */
    async revokeKey(id: string): Promise<boolean> {
      const revoked = await queries
        .updateTable('api_keys')
        .set({ revoked_at: new Date() })
        .where('id', '=', id)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return revoked.numUpdatedRows > 0n;
    },

    listKeys(workspaceId: string) {
      return queries
        .selectFrom('api_keys')
        .select(['id', 'name', 'prefix', 'scopes', 'created_at', 'expires_at', 'revoked_at', 'last_used_at'])
        .where('workspace_id', '=', workspaceId)
        .orderBy('created_at')
        .execute();
    },

    async authenticate(secret: string): Promise<Caller | undefined> {
      const [row] = await database.run<AuthenticateRow>(authenticateStatement, [sha256(secret)]);
      if (!row) return undefined;
      if (row.is_use_stale) await database.run(markUsedStatement, [row.id]);
      return {
        keyId: row.id,
        workspaceId: row.workspace_id,
        scopes: row.scopes,
        openJobLimit: row.open_job_limit,
        requestsPerMinute: row.requests_per_minute,
        unknownPolicy: row.unknown_policy,
      };
    },
  };
}

/** Keys are long and random, so a plain hash is enough, and looking up by it leaks no timing. */
function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
