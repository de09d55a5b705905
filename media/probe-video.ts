import type { VideoFacts } from '../contract/artifact.js';
import { MediaError } from './media-error.js';
import { type VideoFile, withVideo } from './open-video.js';

/** Frames that are counted for the rate: enough for a steady clip, cheap for a long one. */
const COUNTED_FRAMES = 240;

/** Size, length and rate of an MP4 file, from its header. */
export function probeVideo(file: VideoFile): Promise<VideoFacts> {
  return withVideo(file, async ({ track }) => {
    const durationSeconds = await track.computeDuration();
    const { averagePacketRate: framesPerSecond } = await track.computePacketStats(COUNTED_FRAMES);
    const width = await track.getDisplayWidth();
    const height = await track.getDisplayHeight();
    const facts = { width, height, durationSeconds, framesPerSecond };
    if (Object.values(facts).every((value) => Number.isFinite(value) && value > 0)) return facts;
    throw new MediaError('not_a_video', 'the file holds no video to speak of');
  });
}
