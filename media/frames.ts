import '@napi-rs/webcodecs/polyfill';
import { type InputVideoTrack, VideoSampleSink } from 'mediabunny';
import { createEasel, type Frame, type Size } from './easel.js';
import { MediaError } from './media-error.js';
import type { MediaLimits } from './messages.js';

type Wanted = { shares: readonly number[]; limits: MediaLimits };

/** The frames on show at these shares (0 to 1) of the video's length, in ascending order. All of them, or an error. */
export async function* framesAt(track: InputVideoTrack, { shares, limits }: Wanted): AsyncGenerator<Frame> {
  await checkDecodable(track);
  const start = Math.max(await track.getFirstTimestamp(), 0);
  const seconds = (await track.computeDuration()) - start;
  if (!Number.isFinite(seconds) || seconds <= 0) throw new MediaError('not_a_video', 'the video has no length');

  const easel = createEasel(limits);
  const times = shares.map((share) => start + share * seconds);
  for await (const sample of new VideoSampleSink(track).samplesAtTimestamps(times)) {
    if (!sample) throw new MediaError('not_a_video', 'the file ends before its frames do');
    const frame = await easel.paint(sample).finally(() => sample.close());
    // Decoded frames lie outside the heap, so that nothing urges the collector; several gigabytes can gather unseen.
    globalThis.gc?.();
    yield frame;
  }
}

export async function checkDecodable(track: InputVideoTrack): Promise<void> {
  if (await track.canDecode()) return;
  const codec = (await track.getCodecParameterString()) ?? String(await track.getInternalCodecId());
  throw new MediaError('unsupported', `the video is in a format that cannot be decoded: ${codec}`);
}

/** The size of a frame whose long side is at most so long. Never enlarged. */
export function fitInto(longSide: number, { width, height }: Size): Size {
  const scale = Math.min(1, longSide / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
