import { createHash } from 'node:crypto';
import { InlineMediaError } from '../artifacts/inline-media.js';
import { type ReceivedMedia, receiveMedia } from '../artifacts/receive-media.js';
import type { ArtifactStore } from '../artifacts/store.js';
import type { VideoFacts } from '../contract/artifact.js';
import { fieldError, ServiceError } from '../contract/errors.js';
import { newId } from '../runtime/ids.js';
import type { ArtifactRow } from '../store/artifacts.js';
import { againIfBytesAreGone, type NewUpload, type Uploads } from '../store/uploads.js';
import type { Caller } from '../store/workspaces.js';
import { isFileId } from './file-id.js';

/** 100 MB. */
export const MAX_FILE_BYTES = 100_000_000;

/** The one field of an upload, and the word for its body where it comes alone. */
const FIELD = 'file';

export type StoredFile = {
  id: string;
  contentType: string;
  bytes: number;
  sha256: string;
  width: number | null;
  height: number | null;
  durationSeconds: number | null;
  createdAt: Date;
  expiresAt: Date;
};

export type FileApiDeps = {
  uploads: Uploads;
  store: ArtifactStore;
  /** What a video file says of itself; `undefined` where it is none that can be read. */
  probeVideo: (path: string) => Promise<VideoFacts | undefined>;
  retentionDays: number;
};

type NewFile = { caller: Pick<Caller, 'workspaceId'>; route: string; idempotencyKey?: string };

export type FileApi = ReturnType<typeof createFileApi>;

/** What a caller can do with files of their own. */
export function createFileApi({ uploads, store, probeVideo, retentionDays }: FileApiDeps) {
  return {
    /** Streams bytes into the store; they are nobody's until `create`. @throws `request_invalid`, `payload_too_large` */
    async receive(pieces: AsyncIterable<Uint8Array>): Promise<ReceivedMedia> {
      try {
        return await receiveMedia(store, pieces, { maxBytes: MAX_FILE_BYTES });
      } catch (error) {
        if (error instanceof InlineMediaError) throw fieldError('request_invalid', FIELD, error.message);
        throw error;
      }
    },

    discard: (received: ReceivedMedia): Promise<void> => store.remove(received.stored.key),

    /** Makes a file of what was received. @throws `request_invalid`, `idempotency_key_reused`, `idempotency_in_flight` */
    async create(received: ReceivedMedia, asked: NewFile): Promise<{ file: StoredFile; isReplay: boolean }> {
      const { key } = received.stored;
      const upload = await describe(received, asked).catch(async (error: unknown) => {
        await store.remove(key);
        throw error;
      });
      try {
        // Only bytes of others can be gone; the second time it names its own.
        const added = await againIfBytesAreGone(() => uploads.add(upload));
        if (added.file.location !== key) await store.remove(key);
        return { file: viewOf(added.file), isReplay: added.isReplay };
      } catch (error) {
        // A commit whose answer was lost may have been made: its bytes stay.
        if (error instanceof ServiceError && error.code !== 'service_unavailable') await store.remove(key);
        throw error;
      }
    },

    async get(id: string, { workspaceId }: Caller): Promise<StoredFile> {
      const file = isFileId(id) ? await uploads.find({ id, workspaceId }) : undefined;
      if (!file) throw unknownFile(id);
      return viewOf(file);
    },

    async list(page: { after?: string; limit: number }, { workspaceId }: Caller) {
      const { files, hasMore } = await uploads.page({ ...page, workspaceId });
      return { files: files.map(viewOf), hasMore };
    },

    /** Takes a file out of sight. Jobs that were made with it keep what they need. @throws `not_found` */
    async remove(id: string, { workspaceId }: Caller): Promise<void> {
      if (!isFileId(id) || !(await uploads.remove({ id, workspaceId }))) throw unknownFile(id);
    },
  };

  async function describe({ stored, contentType, size }: ReceivedMedia, asked: NewFile): Promise<NewUpload> {
    const { caller, route, idempotencyKey } = asked;
    const video = size ? undefined : await store.withLocalFile(stored.key, probeVideo);
    const sides = size ?? video;
    if (!sides) throw fieldError('request_invalid', FIELD, 'is no video that can be read');
    return {
      id: newId('file'),
      workspaceId: caller.workspaceId,
      stored,
      contentType,
      width: sides.width,
      height: sides.height,
      durationSeconds: video?.durationSeconds ?? null,
      framesPerSecond: video?.framesPerSecond ?? null,
      retentionDays,
      ...(idempotencyKey !== undefined && {
        idempotency: { key: idempotencyKey, requestSha256: hashOf(route, stored.sha256) },
      }),
    };
  }
}

function hashOf(route: string, sha256: string): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([route, sha256]))
    .digest();
}

function viewOf(row: ArtifactRow): StoredFile {
  const { id, bytes, sha256, width, height, created_at: createdAt, expires_at: expiresAt } = row;
  const { content_type: contentType, duration_seconds: durationSeconds } = row;
  return { id, contentType, bytes, sha256, width, height, durationSeconds, createdAt, expiresAt };
}

function unknownFile(id: string): ServiceError {
  return new ServiceError('not_found', { detail: `There is no file ${id.slice(0, 100)}.` });
}
