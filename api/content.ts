import type { Readable } from 'node:stream';
import type { Client } from '@temporalio/client';
import type { LinkSigner } from '../artifacts/signed-links.js';
import type { ArtifactStore, ByteRange, LinkOptions } from '../artifacts/store.js';
import type { ContentKind } from '../contract/artifact.js';
import { ServiceError } from '../contract/errors.js';
import { isTerminal } from '../contract/states.js';
import type { ArtifactRow, Artifacts } from '../store/artifacts.js';
import type { Jobs } from '../store/jobs.js';
import { findRendition } from './renditions.js';

/** Whether links that need no key are answered with the bytes, or lead on to where these lie. */
export type ContentSettings = { artifactLinks: 'proxy' | 'presigned' };

type Deps = ContentSettings & {
  jobs: Jobs;
  artifacts: Artifacts;
  store: ArtifactStore;
  signer: LinkSigner;
  temporal: Client;
};

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
  /** Where else the bytes can be had for now, by whoever holds the address; `undefined` where nowhere. */
  address?: (asked: AddressOptions) => Promise<string | undefined>;
  /** `undefined` when the bytes have gone meanwhile. */
  open: (range?: ByteRange) => Promise<Readable | undefined>;
};

export type AddressOptions = Pick<LinkOptions, 'method' | 'disposition' | 'cacheControl'>;

type VideoRequest = { jobId: string; index: number; access: ContentAccess };
type ContentRequest = VideoRequest & { kind?: ContentKind };

const RETRY_AFTER_SECONDS = 5;

/** Longer than a player takes to read a film, and a file that is deleted cannot be read for longer than it takes to remove it. */
const LONGEST_ADDRESS_SECONDS = 60 * 60;

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
    ...(deps.artifactLinks === 'presigned' && { address: addressOf(deps.store, artifact, request.access) }),
  };
}

/** For who holds a link only: a client that shows its key would show it to the other place, too, which refuses two kinds of proof. */
function addressOf(store: ArtifactStore, artifact: ArtifactRow, access: ContentAccess): Content['address'] {
  if (access.kind !== 'link') return undefined;
  return async (options) => {
    // Never longer than the link itself was promised.
    const restSeconds = Math.floor(access.expiresAtSeconds - Date.now() / 1_000);
    const expiresInSeconds = Math.min(restSeconds, LONGEST_ADDRESS_SECONDS);
    if (expiresInSeconds < 1) return undefined;
    return store.link(artifact.location, { ...options, expiresInSeconds, contentType: artifact.content_type });
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
