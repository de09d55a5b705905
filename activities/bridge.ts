import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { storeFile } from '../artifacts/store.js';
import type { StoredObject, VideoFacts } from '../contract/artifact.js';
import { MediaError } from '../media/media-error.js';
import type { ActivityDeps } from './deps.js';

/** A follow-up for which nobody goes on from its source: a still of the source is animated, and an extension is joined to it. */
const STILL_TYPE = 'image/png';

/**
 * Keeps the still that the follow-up is animated from: the last frame of what is extended, the first of what is made anew. Where none can
 * be had nothing is kept, and whoever needs it finds nothing.
 */
export async function keepStill(deps: ActivityDeps, { jobId }: { jobId: string }): Promise<void> {
  const { artifacts, store, media, limits, logger } = deps;
  if (await artifacts.stillOf(jobId)) return;
  const source = await artifacts.sourceOf(jobId);
  if (!source?.location || !source.is_kept || !(await store.stat(source.location))) return;

  const at = source.operation === 'extend' ? 'last' : 'first';
  const key = keyOf([jobId, 'still'], 'png');
  const signal = Context.current().cancellationSignal;
  try {
    await store.withLocalFile(source.location, (path) =>
      store.withScratchFile('png', async (to) => {
        const { width, height } = await media.extractFrame({ path, to, at, format: 'png' }, { signal });
        const stored = await storeFile(store, { key, path: to });
        const { retentionDays } = limits;
        await artifacts.addStill({ jobId, stored, contentType: STILL_TYPE, width, height, retentionDays });
      }),
    );
  } catch (error) {
    if (!(error instanceof MediaError) || error.reason === 'failed' || error.reason === 'closed') throw error;
    logger.warn({ jobId, reason: error.reason, detail: error.message }, 'no still could be taken of the source');
  }
}

export type Continuation = { jobId: string; attempt: number; variant: number; key: string };
export type Joined = { stored: StoredObject; facts: VideoFacts };

/**
 * Joins what was animated to its source, without the frame that both have: the animation begins with the still itself. That of the source is
 * left out, as it is often needed by no other, while the first frame of a video is needed by all: so pictures can be copied. Throws a `MediaError` where that is impossible.
 */
export async function joinToSource(
  deps: ActivityDeps,
  { jobId, attempt, variant, key }: Continuation,
): Promise<Joined> {
  const { artifacts, store, media } = deps;
  const source = await artifacts.sourceOf(jobId);
  const location = source?.is_kept ? source.location : null;
  if (!location || !(await store.stat(location))) throw new MediaError('not_a_video', 'the source is gone');

  const joinedKey = keyOf([jobId, String(attempt), String(variant), 'joined'], 'mp4');
  const signal = Context.current().cancellationSignal;
  return store.withLocalFile(location, (path) =>
    store.withLocalFile(key, (continuation) =>
      store.withScratchFile('mp4', async (to) => {
        const sources = [{ path, withoutLastFrame: true }, { path: continuation }];
        const facts = await media.joinVideos({ sources, to }, { signal });
        return { stored: await storeFile(store, { key: joinedKey, path: to }), facts };
      }),
    ),
  );
}

/** The same for every run, so that a second run finds what the first stored. */
function keyOf(parts: string[], extension: string): string {
  const name = createHash('sha256').update(parts.join(':')).digest('hex');
  return `${name.slice(0, 2)}/${name}.${extension}`;
}
