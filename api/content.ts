import type { Readable } from 'node:stream';
import type { Client } from '@temporalio/client';
import type { LinkSigner } from '../artifacts/signed-links.js';
import type { ArtifactStore, ByteRange } from '../artifacts/store.js';
import type { ContentKind } from '../contract/artifact.js';
import { ServiceError } from '../contract/errors.js';
import { isTerminal } from '../contract/states.js';
import type { ArtifactRow, Artifacts } from '../store/artifacts.js';
import type { Jobs } from '../store/jobs.js';
import { findRendition } from './renditions.js';

type Deps = { jobs: Jobs; artifacts: Artifacts; store: ArtifactStore; signer: LinkSigner; temporal: Client };

/** What shows that somebody may read a file: a key of the job's workspace, or a signed link. */
export type ContentAccess =
  | { kind: 'workspace'; workspaceId: string }
  | { kind: 'link'; expiresAtSeconds: number; signature: string };

/** A stored file, ready to be sent. */
export type Content = {
  bytes: number;
  sha256: string;
  contentType: string;
  fileName: string;
  /** `undefined` when the bytes have gone meanwhile. */
  open: (range?: ByteRange) => Promise<Readable | undefined>;
};

type VideoRequest = { jobId: string; index: number; access: ContentAccess };
type ContentRequest = VideoRequest & { kind?: ContentKind };

const RETRY_AFTER_SECONDS = 5;

const extensions = { video: 'mp4', thumbnail: 'webp', spritesheet: 'jpg' } as const satisfies Record<
  ContentKind,
  string
>;

/**
 * A video, or a still of it: who may read the one may read the other, also by the same link.
 *
 * @throws `not_found`, `content_not_ready`, `content_gone`, `link_invalid`, and for a still `service_unavailable`
 */
export async function findContent(deps: Deps, { kind = 'video', ...request }: ContentRequest): Promise<Content> {
  const { jobId, index } = request;
  const video = await findVideo(deps, request);
  const artifact = kind === 'video' ? video : await findRendition(deps, { jobId, index, kind, video });
  if (!artifact.is_kept) throw new ServiceError('content_gone');
  return {
    bytes: artifact.bytes,
    sha256: artifact.sha256,
    contentType: artifact.content_type,
    fileName: `${jobId}${index === 0 ? '' : `-${index}`}.${extensions[kind]}`,
    open: (range) => deps.store.read(artifact.location, range),
  };
}

async function findVideo(deps: Deps, { jobId, index, access }: VideoRequest): Promise<ArtifactRow> {
  const { jobs, artifacts, signer } = deps;
  if (access.kind === 'link' && !signer.verify({ id: jobId, index, ...access })) throw new ServiceError('link_invalid');
  if (access.kind === 'workspace') {
    const job = await jobs.find({ id: jobId, workspaceId: access.workspaceId });
    if (!job) throw new ServiceError('not_found', { detail: `There is no job ${jobId}.` });
    if (!isTerminal(job.state)) {
      throw new ServiceError('content_not_ready', {
        detail: `The job is ${job.state}.`,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
      });
    }
    if (job.state !== 'succeeded') {
      throw new ServiceError('not_found', { detail: `The job ended as ${job.state} and has no file.` });
    }
  }

  const videos = await artifacts.videosOf(jobId);
  const video = videos.find(({ variant }) => variant === index);
  if (!video) throw new ServiceError('not_found', { detail: `The job has no file with index ${index}.` });
  if (!video.is_kept) throw new ServiceError('content_gone');
  return video;
}
