import { createHash } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { storeFile } from '../artifacts/store.js';
import type { StoredObject } from '../contract/artifact.js';
import { MediaError } from '../media/media-error.js';
import type { ArtifactRow, RenditionKind } from '../store/artifacts.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';

export type RenditionInput = { jobId: string; variant: number; kind: RenditionKind };

/** `impossible`: the video is gone, or nothing can be drawn of it. */
export type RenditionOutcome = { kind: 'made' | 'impossible' };

const formats = {
  thumbnail: { extension: 'webp', contentType: 'image/webp' },
  spritesheet: { extension: 'jpg', contentType: 'image/jpeg' },
} as const;

/** Draws one still of a finished video and keeps it beside the video. What an earlier run stored stays. */
export function makeRendition(deps: ActivityDeps, input: RenditionInput): Promise<RenditionOutcome> {
  return withHeartbeat(async () => {
    const { artifacts, store } = deps;
    const { jobId, variant, kind } = input;
    const videos = await artifacts.videosOf(jobId);
    const video = videos.find((candidate) => candidate.variant === variant);
    if (!video || !(await store.stat(video.location))) return { kind: 'impossible' };

    const key = keyOf(input);
    const stored = (await store.describe(key)) ?? (await draw(deps, input, { video, key }));
    if (!stored) return { kind: 'impossible' };
    const { contentType } = formats[kind];
    if (await artifacts.addRendition({ jobId, variant, role: kind, stored, contentType })) return { kind: 'made' };
    // The video went meanwhile, and nobody else will clear away a file without a row.
    await store.remove(key);
    return { kind: 'impossible' };
  });
}

/** The same for every run, so that a second run finds what the first stored. */
function keyOf({ jobId, variant, kind }: RenditionInput): string {
  const name = createHash('sha256').update(`${jobId}:${variant}:${kind}`).digest('hex');
  return `${name.slice(0, 2)}/${name}.${formats[kind].extension}`;
}

type Place = { video: ArtifactRow; key: string };

/** `undefined` when nothing can be drawn of the video. */
async function draw(
  { media, store, logger }: ActivityDeps,
  { jobId, variant, kind }: RenditionInput,
  { video, key }: Place,
): Promise<StoredObject | undefined> {
  const drawTo = async (path: string, to: string) => {
    await (kind === 'thumbnail' ? media.drawThumbnail({ path, to }) : media.drawSpritesheet({ path, to }));
    return storeFile(store, { key, path: to });
  };
  try {
    return await store.withLocalFile(video.location, (path) =>
      store.withScratchFile(formats[kind].extension, (to) => drawTo(path, to)),
    );
  } catch (error) {
    if (!(error instanceof MediaError) || mayPass(error)) throw error;
    logger.warn({ jobId, variant, kind, reason: error.reason, detail: error.message }, 'a still could not be drawn');
    return undefined;
  }
}

/** Whether the trouble may have been the machine's. A file that ends whoever reads it gets as many tries as there are. */
function mayPass({ reason }: MediaError): boolean {
  switch (reason) {
    case 'not_a_video':
    case 'too_large':
    case 'unsupported':
      return false;
    case 'failed':
    case 'closed':
      return true;
    case 'timed_out':
    case 'out_of_memory':
    case 'crashed':
      return !isLastTry();
  }
}

function isLastTry(): boolean {
  const { attempt, retryPolicy } = Context.current().info;
  return attempt >= (retryPolicy?.maximumAttempts ?? Number.POSITIVE_INFINITY);
}
