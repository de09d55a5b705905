import { FilePathSource, Input, type InputAudioTrack, type InputVideoTrack, MP4 } from 'mediabunny';
import { checkHeader } from './check-header.js';
import { MediaError } from './media-error.js';
import type { MediaLimits } from './messages.js';

export type VideoFile = { path: string; limits: MediaLimits };
export type OpenVideo = { track: InputVideoTrack; findSound: () => Promise<InputAudioTrack | null> };

/**
 * Opens the video of an MP4 file for as long as `work` runs. No other format: some (playlists) make a reader open further files.
 * What goes wrong with it is the file's fault, `not_a_video`, unless the file could not be read at all.
 */
export async function withVideo<Result>(file: VideoFile, work: (video: OpenVideo) => Promise<Result>): Promise<Result> {
  for await (const result of streamOf(file, async function* (video) {
    yield await work(video);
  })) {
    return result;
  }
  throw new MediaError('failed', 'nothing was made of the file');
}

/** The same for what yields one thing after the other. What the consumer of these does wrong is not the file's fault. */
export async function* streamOf<Item>(
  { path, limits }: VideoFile,
  work: (video: OpenVideo) => AsyncGenerator<Item>,
): AsyncGenerator<Item> {
  const input = new Input({ formats: [MP4], source: new FilePathSource(path) });
  try {
    await checkHeader({ path, limits });
    const track = await input.getPrimaryVideoTrack();
    if (!track) throw new MediaError('not_a_video', 'the file has no video track');
    checkSize({ width: await track.getCodedWidth(), height: await track.getCodedHeight() }, limits);
    checkLength(await track.computeDuration(), limits);
    yield* work({ track, findSound: () => input.getPrimaryAudioTrack() });
  } catch (error) {
    throw isSystemError(error) ? error : notAVideo(error);
  } finally {
    input.dispose();
  }
}

export function checkSize({ width, height }: { width: number; height: number }, { maxPixels }: MediaLimits): void {
  if (width * height <= maxPixels) return;
  throw new MediaError('too_large', `frames of ${width}x${height} pixels are too large`);
}

export function checkLength(seconds: number, { maxSeconds }: MediaLimits): void {
  if (seconds > maxSeconds) throw new MediaError('too_large', `${Math.round(seconds)} seconds of video are too long`);
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
