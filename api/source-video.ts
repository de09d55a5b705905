import { fieldError, ServiceError } from '../contract/errors.js';
import type { SourceVideo } from '../contract/generation.js';
import { isTerminal } from '../contract/states.js';
import { newId } from '../runtime/ids.js';
import type { ArtifactRow, Artifacts } from '../store/artifacts.js';
import type { Attempts } from '../store/attempts.js';
import type { JobRow } from '../store/job-row.js';
import type { Jobs } from '../store/jobs.js';
import type { Uploads } from '../store/uploads.js';
import { isFileId, namesFile } from './file-id.js';
import type { ReadInput } from './inputs.js';
import { isJobId } from './job-id.js';
import type { Size } from './job-request.js';

/** What an extend or a remix goes on from, with the size of its video, which the new one will have. */
export type FoundSource = SourceVideo & {
  size: Size;
  /** Where it is kept here: the job's own from then on. */
  copy?: ReadInput;
};

type Deps = { jobs: Jobs; attempts: Attempts; artifacts: Artifacts; uploads: Pick<Uploads, 'find'> };
type Wanted = { text: string; workspaceId: string; field: string };

/** Finds the job, or the file of the caller's, that a request goes on from. @throws `request_invalid`, `job_not_finished`, naming the field */
export async function findSource(deps: Deps, { text, workspaceId, field }: Wanted): Promise<FoundSource> {
  const refuse = (message: string) => fieldError('request_invalid', field, message);
  if (text.startsWith('data:')) throw refuse('must be an id: upload the video as a file first');
  if (namesFile(text)) {
    const file = isFileId(text) ? await deps.uploads.find({ id: text, workspaceId }) : undefined;
    if (!file) throw refuse('names a file that is not known, or no longer kept');
    return sourceOfFile(file, refuse);
  }
  if (!isJobId(text)) throw refuse('must be the id of a job or of a file of yours');
  const job = await deps.jobs.find({ id: text, workspaceId });
  if (!job) throw refuse('is not known');
  if (!isTerminal(job.state)) {
    const message = `the job is ${job.state}: wait for its end`;
    throw new ServiceError('job_not_finished', { detail: message, errors: [{ field, message }], retryAfterSeconds: 5 });
  }
  const [video] = await deps.artifacts.videosOf(job.id);
  if (job.state !== 'succeeded' || !video) throw refuse(`the job ended as ${job.state} and has no video`);
  const { width, height, duration_seconds: durationSeconds } = video;
  if (!width || !height || !durationSeconds) throw refuse('the video of this job was never measured');
  const task = await makerTask(deps, job);
  const copy = video.is_kept ? { artifactId: video.id, copy: copyOf(video, { width, height }) } : {};
  return { jobId: job.id, ...(task && { task }), ...copy, durationSeconds, size: { width, height } };
}

/** A caller's own video, or one that we joined: no provider made it, so it can only be bridged. */
export function sourceOfFile(file: ArtifactRow, refuse: (message: string) => ServiceError): FoundSource {
  const { id, content_type: contentType, width, height, duration_seconds: durationSeconds } = file;
  if (!contentType.startsWith('video/')) throw refuse(`is a file of ${contentType}; it must be a video`);
  if (!width || !height || !durationSeconds) throw refuse('is a video that was never measured');
  return { artifactId: id, copy: copyOf(file, { width, height }), durationSeconds, size: { width, height } };
}

/** To be named by whoever goes on from it. */
export function copyOf({ content_type: contentType, location, bytes, sha256 }: ArtifactRow, size: Size): ReadInput {
  return { id: newId('art'), contentType, source: { location }, bytes, sha256, ...size };
}

/** The task that made all of the video: of a bridged extension no provider did. */
async function makerTask({ attempts }: Deps, { id, extension }: JobRow): Promise<SourceVideo['task']> {
  if (extension === 'bridged') return undefined;
  const tries = await attempts.ofJob(id);
  return tries.findLast(({ state }) => state === 'succeeded')?.task ?? undefined;
}
