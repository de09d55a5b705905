import { FilePathSource, Input, type InputVideoTrack, MP4 } from 'mediabunny';
import { MediaError } from './media-error.js';

/**
 * Opens the video of an MP4 file for as long as `work` runs. No other format: some (playlists) make a reader open further files.
 * What goes wrong with it is the file's fault, `not_a_video`, unless the file could not be read at all.
 */
export async function withVideoTrack<Result>(
  path: string,
  work: (track: InputVideoTrack) => Promise<Result>,
): Promise<Result> {
  const input = new Input({ formats: [MP4], source: new FilePathSource(path) });
  try {
    const track = await input.getPrimaryVideoTrack();
    if (!track) throw new MediaError('not_a_video', 'the file has no video track');
    return await work(track);
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
