import type { StoredObject } from '../contract/artifact.js';
import { ServiceError } from '../contract/errors.js';
import type { ArtifactRow } from './artifacts.js';
import { type Database, isLockTimeout, type Runner, violates } from './database.js';

/** A file whose bytes are stored under a key of their own and whose row is yet to be written. */
export type NewUpload = {
  id: string;
  workspaceId: string;
  stored: StoredObject;
  contentType: string;
  width: number;
  height: number;
  durationSeconds: number | null;
  framesPerSecond: number | null;
  retentionDays: number;
  idempotency?: { key: string; requestSha256: Buffer };
};

export type Uploads = ReturnType<typeof createUploads>;

type Owned = { id: string; workspaceId: string };
type Bytes = { workspaceId: string; sha256: string };
type FilePage = { workspaceId: string; after?: string; limit: number };

const columns = 'artifacts.*, artifacts.deleted_at is null and artifacts.expires_at > now() as is_kept';
const isKept = 'artifacts.deleted_at is null and artifacts.expires_at > now()';

const keyStatement = {
  name: 'claim_key_for_file',
  text: `insert into idempotency_keys as kept (workspace_id, key, request_sha256, file_id) values ($1, $2, $3, $4)
    on conflict (workspace_id, key) do update
      set request_sha256 = excluded.request_sha256, job_id = null, pipeline_id = null, file_id = excluded.file_id, created_at = now()
      where kept.created_at < now() - interval '24 hours'
    returning 1`,
};

const keptKeyStatement = {
  name: 'kept_idempotency_key_of_file',
  text: `select kept.request_sha256, ${columns}
    from idempotency_keys kept left join artifacts on artifacts.id = kept.file_id
    where kept.workspace_id = $1 and kept.key = $2 and kept.created_at >= now() - interval '24 hours'`,
};

/** Two uploads of the same bytes at once come one after the other here, so that the second finds what the first has stored. */
const lockStatement = {
  name: 'lock_bytes_of_workspace',
  text: `select pg_advisory_xact_lock(hashtextextended($1 || $2, 0))`,
};

const addStatement = {
  name: 'add_file',
  text: `insert into artifacts (id, workspace_id, role, location, bytes, sha256, content_type, width, height, duration_seconds,
      frames_per_second, expires_at)
    values ($1, $2, 'file', $3, $4, $5, $6, $7, $8, $9, $10, now() + $11 * interval '1 day')
    returning ${columns}`,
};

const twinStatement = {
  name: 'kept_bytes',
  text: `select location from artifacts where workspace_id = $1 and sha256 = $2 and role in ('input', 'file') and ${isKept}
    order by expires_at desc limit 1`,
};

const findStatement = {
  name: 'find_file',
  text: `select ${columns} from artifacts where id = $1 and workspace_id = $2 and role = 'file' and ${isKept}`,
};

const pageStatement = {
  name: 'files_of_workspace',
  text: `select ${columns} from artifacts
    where workspace_id = $1 and role = 'file' and ${isKept} and ($2::text is null or id < $2) order by id desc limit $3`,
};

/** Gone at once; its bytes as soon as they are swept, unless somebody else uses them. */
const removeStatement = {
  name: 'remove_file',
  text: `update artifacts set expires_at = now() where id = $1 and workspace_id = $2 and role = 'file' and ${isKept} returning id`,
};

/** What callers upload, to be named in requests. */
export function createUploads(database: Database) {
  const { run } = database;

  const keptBytes = async (inOne: Runner, { workspaceId, sha256 }: Bytes): Promise<string | undefined> => {
    const [twin] = await inOne<{ location: string }>(twinStatement, [workspaceId, sha256]);
    return twin?.location;
  };

  return {
    /**
     * Writes the row of a file. Where the workspace has the same bytes already, it names those: then what was stored for it under its own
     * key is of no use. A known idempotency key gives back its file.
     * @throws `idempotency_key_reused`, `idempotency_in_flight`
     */
    async add(upload: NewUpload): Promise<{ file: ArtifactRow; isReplay: boolean }> {
      try {
        const file = await database.transaction((inOne) => addIn(inOne, upload));
        if (file) return { file, isReplay: false };
      } catch (error) {
        if (isLockTimeout(error)) {
          const code = upload.idempotency ? 'idempotency_in_flight' : 'service_unavailable';
          throw new ServiceError(code, { retryAfterSeconds: 1, cause: error });
        }
        throw error;
      }
      return { file: await replayOf(upload), isReplay: true };
    },

    /** A file of this workspace that is still kept; another's is as unknown as one that never was. */
    async find({ id, workspaceId }: Owned): Promise<ArtifactRow | undefined> {
      const [file] = await run<ArtifactRow>(findStatement, [id, workspaceId]);
      return file;
    },

    /** Newest first. */
    async page({ workspaceId, after, limit }: FilePage): Promise<{ files: ArtifactRow[]; hasMore: boolean }> {
      const rows = await run<ArtifactRow>(pageStatement, [workspaceId, after ?? null, limit + 1]);
      return { files: rows.slice(0, limit), hasMore: rows.length > limit };
    },

    /** False when there is none such. */
    async remove({ id, workspaceId }: Owned): Promise<boolean> {
      const removed = await run(removeStatement, [id, workspaceId]);
      return removed.length > 0;
    },

    /** Where the workspace has these bytes, if it has. Whoever names them as well is refused when they have gone by then: `areBytesGone`. */
    keptBytes: (bytes: Bytes) => keptBytes(run, bytes),
  };

  async function addIn(inOne: Runner, upload: NewUpload): Promise<ArtifactRow | undefined> {
    const { id, workspaceId, stored, idempotency } = upload;
    if (idempotency) {
      const { key, requestSha256 } = idempotency;
      const [claimed] = await inOne(keyStatement, [workspaceId, key, requestSha256, id]);
      if (!claimed) return undefined;
    }
    await inOne(lockStatement, [workspaceId, stored.sha256]);
    const twin = await keptBytes(inOne, { workspaceId, sha256: stored.sha256 });
    const [file] = await inOne<ArtifactRow>(addStatement, [
      id,
      workspaceId,
      twin ?? stored.key,
      stored.bytes,
      stored.sha256,
      upload.contentType,
      upload.width,
      upload.height,
      upload.durationSeconds,
      upload.framesPerSecond,
      upload.retentionDays,
    ]);
    return file;
  }

  async function replayOf({ workspaceId, idempotency }: NewUpload): Promise<ArtifactRow> {
    type KeptRow = ArtifactRow & { request_sha256: Buffer };
    const [kept] = await run<KeptRow>(keptKeyStatement, [workspaceId, idempotency?.key]);
    if (!kept) throw new ServiceError('idempotency_in_flight', { retryAfterSeconds: 1 });
    // The hash is of the route, too: a key that made a job is another request.
    if (idempotency && !kept.request_sha256.equals(idempotency.requestSha256))
      throw new ServiceError('idempotency_key_reused');
    return kept;
  }
}

/** True when a row was refused because the bytes that it names, which others named before, have been removed meanwhile. */
export function areBytesGone(error: unknown): boolean {
  return violates(error, 'artifact_bytes_kept');
}

/** Does it once more where bytes that it names have gone meanwhile: it reads again what they were named by, which says what there is now. */
export function againIfBytesAreGone<Result>(work: () => Promise<Result>): Promise<Result> {
  return work().catch((error: unknown) => {
    if (areBytesGone(error)) return work();
    throw error;
  });
}
