import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { type ArtifactStore, storeFile } from '../artifacts/store.js';
import type { StoredObject } from '../contract/artifact.js';
import type { StepEnd } from '../contract/pipeline-plan.js';
import { isVerdictOnFile, MediaError } from '../media/media-error.js';
import { newId } from '../runtime/ids.js';
import type { NewStepArtifact } from '../store/pipeline-progress.js';
import type { StepRow } from '../store/pipeline-row.js';
import { endOf } from './advance-pipeline.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';

export type StepFileInput = { pipelineId: string; step: string };

/** Runs for work that ended whoever did it: it may have been the machine. */
const MAX_RUNS = 3;

type Made = Pick<NewStepArtifact, 'width' | 'height' | 'durationSeconds' | 'framesPerSecond'> & {
  stored: StoredObject;
};

/** Why a step's file cannot be made, in words for the caller. */
class StepFileError extends Error {
  readonly code: 'content_gone' | 'media_failed';

  constructor(code: StepFileError['code'], message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StepFileError';
    this.code = code;
  }
}

/** Takes the still or joins the videos of a step, and ends it. What an earlier run stored is found by its key. */
export function makeStepFile(deps: ActivityDeps, { pipelineId, step }: StepFileInput): Promise<StepEnd> {
  const { progress } = deps.pipelines;
  return withHeartbeat(async () => {
    const row = await progress.step({ pipelineId, step });
    if (!row) throw new Error(`${pipelineId} has no step ${step}`);
    if (!endOf(row)) await make(deps, row);
    const ended = await progress.step({ pipelineId, step });
    const end = ended && endOf(ended);
    if (!end) throw new Error(`${pipelineId}: ${step} did not end`);
    return end;
  });
}

async function make(deps: ActivityDeps, row: StepRow): Promise<void> {
  const { pipeline_id: pipelineId, name: step, run, kind } = row;
  const { progress } = deps.pipelines;
  try {
    const { stored, ...facts } = kind === 'frame' ? await takeFrame(deps, row) : await joinVideos(deps, row);
    const { key: location, bytes, sha256 } = stored;
    const kept = kind === 'frame' ? frameKind : videoKind;
    const { retentionDays } = deps.limits;
    const artifact = { id: newId('art'), location, bytes, sha256, ...kept, ...facts, retentionDays };
    await progress.succeed({ pipelineId, step, run, artifact });
  } catch (error) {
    const verdict = verdictOf(error);
    if (!verdict) throw error;
    deps.logger.warn({ pipelineId, step, code: verdict.code, err: error }, 'the file of a step could not be made');
    await progress.fail({ pipelineId, step, run, code: verdict.code, detail: verdict.message });
  }
}

const frameKind = { role: 'frame', contentType: 'image/png' } as const;
const videoKind = { role: 'video', contentType: 'video/mp4' } as const;

async function takeFrame(deps: ActivityDeps, row: StepRow): Promise<Made> {
  const { store, media } = deps;
  const { source = '', at = 'last' } = row.definition;
  const signal = Context.current().cancellationSignal;
  const location = await locate(deps, { row, source });
  return store.withLocalFile(location, (path) =>
    store.withScratchFile('png', async (to) => {
      const place = typeof at === 'string' ? at : at.seconds;
      const { width, height } = await media.extractFrame({ path, to, at: place, format: 'png' }, { signal });
      const stored = await storeFile(store, { key: keyOf(row, 'png'), path: to });
      return { stored, width, height, durationSeconds: null, framesPerSecond: null };
    }),
  );
}

async function joinVideos(deps: ActivityDeps, row: StepRow): Promise<Made> {
  const { store, media } = deps;
  const { sources = [] } = row.definition;
  const signal = Context.current().cancellationSignal;
  const locations = await Promise.all(sources.map((source) => locate(deps, { row, source })));
  return withLocalFiles(store, locations, (paths) =>
    store.withScratchFile('mp4', async (to) => {
      const joined = await media.joinVideos({ sources: paths.map((path) => ({ path })), to }, { signal });
      const stored = await storeFile(store, { key: keyOf(row, 'mp4'), path: to });
      const { width, height, durationSeconds, framesPerSecond } = joined;
      return { stored, width, height, durationSeconds, framesPerSecond };
    }),
  );
}

async function locate({ pipelines }: ActivityDeps, { row, source }: { row: StepRow; source: string }): Promise<string> {
  const { file } = await pipelines.files.find({ pipelineId: row.pipeline_id, source });
  if (!file?.is_kept) throw new StepFileError('content_gone', `The file of ${source} is no longer kept.`);
  return file.location;
}

/** Each of the files, under a name of this machine. */
function withLocalFiles<Result>(
  store: ArtifactStore,
  [first, ...rest]: readonly string[],
  use: (paths: string[]) => Promise<Result>,
): Promise<Result> {
  if (first === undefined) return use([]);
  return store.withLocalFile(first, (path) => withLocalFiles(store, rest, (paths) => use([path, ...paths])));
}

/** The same for every run of this step, so that a second one stores nothing twice. */
function keyOf({ pipeline_id: pipelineId, name, run }: StepRow, extension: string): string {
  const key = createHash('sha256').update(`${pipelineId}:${run}:${name}`).digest('hex');
  return `${key.slice(0, 2)}/${key}.${extension}`;
}

/** What will not pass. Nothing where another run may do better. */
function verdictOf(error: unknown): StepFileError | undefined {
  if (error instanceof StepFileError) return error;
  if (!(error instanceof MediaError) || error.reason === 'failed' || error.reason === 'closed') return undefined;
  const isFinal = isVerdictOnFile(error) || Context.current().info.attempt >= MAX_RUNS;
  return isFinal ? new StepFileError('media_failed', `The file could not be made: ${error.reason}.`, error) : undefined;
}
