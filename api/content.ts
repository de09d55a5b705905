import type { Readable } from 'node:stream';
import type { LinkSigner } from '../artifacts/signed-links.js';
import type { ArtifactStore, ByteRange } from '../artifacts/store.js';
import { ServiceError } from '../contract/errors.js';
import { isTerminal } from '../contract/states.js';
import type { ArtifactRow, Artifacts } from '../store/artifacts.js';
import type { Jobs } from '../store/jobs.js';
import { isKept } from './job-view.js';

type Deps = { jobs: Jobs; artifacts: Artifacts; store: ArtifactStore; signer: LinkSigner };

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

type ContentRequest = { jobId: string; index: number; access: ContentAccess };

const RETRY_AFTER_SECONDS = 5;

/** @throws `not_found`, `content_not_ready`, `content_gone`, `link_invalid` */
export async function findContent(deps: Deps, { jobId, index, access }: ContentRequest): Promise<Content> {
  const { jobs, artifacts, store, signer } = deps;
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
  if (!isKept(video)) throw new ServiceError('content_gone');
  return contentOf(video, { jobId, index, store });
}

function contentOf(
  video: ArtifactRow,
  { jobId, index, store }: { jobId: string; index: number; store: ArtifactStore },
): Content {
  return {
    bytes: video.bytes,
    sha256: video.sha256,
    contentType: video.content_type,
    fileName: index === 0 ? `${jobId}.mp4` : `${jobId}-${index}.mp4`,
    open: (range) => store.read(video.location, range),
  };
}
