import { FilePathSource, Input, MP4 } from 'mediabunny';
import type { VideoFacts } from '../contract/artifact.js';
import { MediaError } from './media-error.js';

/** Frames that are counted for the rate: enough for a steady clip, cheap for a long one. */
const COUNTED_FRAMES = 240;

/** Size, length and rate of an MP4 file, from its header. No other format: some (playlists) make a reader open further files. */
export async function probeVideo(path: string): Promise<VideoFacts> {
  const input = new Input({ formats: [MP4], source: new FilePathSource(path) });
  try {
    const track = await input.getPrimaryVideoTrack();
    if (!track) throw new MediaError('not_a_video', 'the file has no video track');
    const durationSeconds = await track.computeDuration();
    const { averagePacketRate: framesPerSecond } = await track.computePacketStats(COUNTED_FRAMES);
    const width = await track.getDisplayWidth();
    const height = await track.getDisplayHeight();
    const facts = { width, height, durationSeconds, framesPerSecond };
    if (Object.values(facts).every((value) => Number.isFinite(value) && value > 0)) return facts;
    throw new MediaError('not_a_video', 'the file holds no video to speak of');
  } catch (error) {
    throw isSystemError(error) ? error : notAVideo(error);
  } finally {
    input.dispose();
  }
}

/** The file could not be read at all, which says nothing of what is in it. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function notAVideo(error: unknown): MediaError {
  if (error instanceof MediaError) return error;
  const said = error instanceof Error ? error.message : String(error);
  return new MediaError('not_a_video', `the file cannot be read as a video: ${said}`, error);
}
