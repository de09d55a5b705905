import type { LinkSigner } from '../artifacts/signed-links.js';
import { type ErrorCode, errorCatalogue } from '../contract/errors.js';
import type { GenerationRequest } from '../contract/generation.js';
import type { Micros } from '../contract/money.js';
import { type Extension, isTerminal, type JobPhase, type JobState, type ProviderCancel } from '../contract/states.js';
import type { ArtifactRow } from '../store/artifacts.js';
import type { JobRow, JobVideo } from '../store/job-row.js';

/** A finished video. `link` is missing when its file is no longer kept. */
export type Video = {
  contentType: string;
  link: { url: string; expiresAt: Date } | null;
  bytes: number;
  sha256: string;
  width: number | null;
  height: number | null;
  durationSeconds: number | null;
};

/** A job as every dialect shows it, in its own words. */
export type Job = {
  id: string;
  model: string;
  operation: GenerationRequest['operation'];
  provider: string;
  state: JobState;
  phase: JobPhase | null;
  progress: number | null;
  request: GenerationRequest;
  /** Where the caller wants to be told. */
  callbackUrl: string | null;
  /** What is held now: nothing once the job has ended. */
  heldMicros: Micros;
  capturedMicros: Micros | null;
  attempts: number;
  isCancelRequested: boolean;
  providerCancel: ProviderCancel | null;
  /** Of a follow-up that has its file. */
  extension: Extension | null;
  /** The step that it carries out, of a job that a pipeline made. */
  pipeline: { id: string; step: string } | null;
  error: { code: ErrorCode; message: string } | null;
  /** One per variant when the job has succeeded. */
  videos: Video[];
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
};

/** What a video of a job and the file of a pipeline's step have in common. */
type ShownFile = Omit<JobVideo, 'expires_at'> &
  Pick<ArtifactRow, 'job_id' | 'pipeline_id' | 'pipeline_step'> & { expires_at: Date | string };

export type ViewSettings = { signer: LinkSigner; publicUrl: string; linkLifetimeSeconds: number };

const contentPath = (jobId: string) => `/api/v1/videos/jobs/${jobId}/content`;

const MS_PER_SECOND = 1_000;

export function viewOfJob(row: JobRow, settings: ViewSettings): Job {
  return {
    id: row.id,
    model: row.model,
    operation: row.operation,
    provider: row.provider,
    state: row.state,
    phase: row.phase,
    progress: row.progress,
    request: row.request,
    callbackUrl: row.callback_url,
    heldMicros: isTerminal(row.state) ? 0 : row.held_micros,
    capturedMicros: row.captured_micros,
    attempts: row.attempts,
    isCancelRequested: row.cancel_requested_at !== null,
    providerCancel: row.provider_cancel,
    extension: row.extension,
    pipeline: pipelineOf(row),
    error: row.error_code === null ? null : describeError(row.error_code),
    videos: row.videos.map((video) =>
      viewOfVideo({ ...video, job_id: row.id, pipeline_id: null, pipeline_step: null }, settings),
    ),
    createdAt: row.created_at,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
  };
}

function pipelineOf({ pipeline_id: id, pipeline_step: step }: JobRow): Job['pipeline'] {
  return id === null || step === null ? null : { id, step };
}

/** Also of what a pipeline's step has made, which may be a still. */
export function viewOfVideo(video: ShownFile, settings: ViewSettings): Video {
  return {
    contentType: video.content_type,
    link: video.is_kept ? signedLink(video, settings) : null,
    bytes: video.bytes,
    sha256: video.sha256,
    width: video.width,
    height: video.height,
    durationSeconds: video.duration_seconds,
  };
}

function signedLink(video: ShownFile, { signer, publicUrl, linkLifetimeSeconds }: ViewSettings): Video['link'] {
  const { job_id: jobId, pipeline_id: pipelineId, pipeline_step: step, variant, expires_at } = video;
  const index = variant ?? 0;
  const lifetimeEnd = Date.now() + linkLifetimeSeconds * MS_PER_SECOND;
  const expiresAtSeconds = Math.floor(Math.min(lifetimeEnd, new Date(expires_at).getTime()) / MS_PER_SECOND);
  const expiresAt = new Date(expiresAtSeconds * MS_PER_SECOND);
  if (jobId === null) {
    if (pipelineId === null || step === null) return null;
    const signature = signer.sign({ id: stepLinkId(pipelineId, step), index: 0, expiresAtSeconds });
    const path = `/api/v1/videos/pipelines/${pipelineId}/steps/${step}/content`;
    return { url: `${publicUrl}${path}?expires=${expiresAtSeconds}&signature=${signature}`, expiresAt };
  }
  const signature = signer.sign({ id: jobId, index, expiresAtSeconds });
  const url = `${publicUrl}${contentPath(jobId)}?index=${index}&expires=${expiresAtSeconds}&signature=${signature}`;
  return { url, expiresAt };
}

/** What a link to the file of a step is signed for. */
export function stepLinkId(pipelineId: string, step: string): string {
  return `${pipelineId}/${step}`;
}

function describeError(code: string): Job['error'] {
  const known = isErrorCode(code) ? code : 'internal';
  return { code: known, message: errorCatalogue[known].title };
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}
