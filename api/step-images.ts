import type { ArtifactStore } from '../artifacts/store.js';
import { ServiceError } from '../contract/errors.js';
import type { StepRequest } from '../contract/pipeline-definition.js';
import type { ArtifactRow } from '../store/artifacts.js';
import type { JobRequest } from './job-request.js';

type ImageOf = (artifactId: string) => Promise<Uint8Array>;

/** A step's request with its images as they came. */
export async function withImages(request: StepRequest, imageOf: ImageOf): Promise<JobRequest> {
  const { firstFrame, lastFrame, references, ...words } = request;
  return {
    ...words,
    ...(firstFrame && { firstFrame: await imageOf(firstFrame.artifactId) }),
    ...(lastFrame && { lastFrame: await imageOf(lastFrame.artifactId) }),
    ...(references && { references: await Promise.all(references.map(({ artifactId }) => imageOf(artifactId))) }),
  };
}

/** The bytes of a small file that must still be there. @throws `content_gone` */
export async function readKept(store: ArtifactStore, file: ArtifactRow | undefined, what: string): Promise<Uint8Array> {
  const bytes = file?.is_kept ? await store.read(file.location) : undefined;
  if (!bytes) throw gone(what);
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

export function gone(what: string): ServiceError {
  return new ServiceError('content_gone', { detail: `${what} is no longer kept.` });
}
