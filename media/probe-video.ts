import { FilePathSource, Input, MP4 } from 'mediabunny';
import type { VideoFacts } from '../contract/artifact.js';

/** Frames that are counted for the rate: enough for a steady clip, cheap for a long one. */
const COUNTED_FRAMES = 240;

/** Size, length and rate of an MP4 file, from its header. */
export async function probeVideo(path: string): Promise<VideoFacts> {
  const input = new Input({ formats: [MP4], source: new FilePathSource(path) });
  try {
    const track = await input.getPrimaryVideoTrack();
    if (!track) throw new Error('the file has no video track');
    const durationSeconds = await track.computeDuration();
    const { averagePacketRate } = await track.computePacketStats(COUNTED_FRAMES);
    const width = await track.getDisplayWidth();
    const height = await track.getDisplayHeight();
    if (!(durationSeconds > 0 && width > 0 && height > 0)) throw new Error('the file holds no video to speak of');
    return { width, height, durationSeconds, framesPerSecond: averagePacketRate };
  } finally {
    input.dispose();
  }
}
