import '@napi-rs/webcodecs/polyfill';
import {
  EncodedAudioPacketSource,
  EncodedVideoPacketSource,
  FilePathTarget,
  Mp4OutputFormat,
  Output,
  VideoSampleSource,
} from 'mediabunny';
import { copyPictures } from './copy-pictures.js';
import { encodePictures } from './encode-pictures.js';
import { createSoundEncoder, decoderOf, packetsOfSound } from './encode-sound.js';
import { inspectSource, type Source } from './inspect-source.js';
import { type JoinPlan, planJoin } from './join-plan.js';
import { joinedSound } from './join-sound.js';
import { MediaError } from './media-error.js';
import type { JoinedVideo, Joining, MediaLimits } from './messages.js';
import { probeVideo } from './probe-video.js';

const KEY_FRAME_SECONDS = 2;

/** Joins videos into one MP4 file, its header first. Sound is always made anew: packets of two recordings side by side click. */
export async function joinVideos({ sources, to, limits }: Joining & { limits: MediaLimits }): Promise<JoinedVideo> {
  const inspected: Source[] = [];
  for (const source of sources) inspected.push(await inspectSource({ ...source, limits }));
  const plan = planJoin(inspected, limits);
  await write({ plan, to, limits });
  return { ...(await probeVideo({ path: to, limits })), reencoded: plan.reencoded };
}

async function write({ plan, to, limits }: { plan: JoinPlan; to: string; limits: MediaLimits }): Promise<void> {
  const target = new FilePathTarget(to);
  let bytes = 0;
  target.on('write', ({ end }) => {
    bytes = Math.max(bytes, end);
  });
  const output = new Output({ format: new Mp4OutputFormat({ fastStart: 'reserve' }), target });
  const pictures = addPictures({ output, plan, limits });
  const sound = addSound({ output, plan, limits });
  try {
    await output.start();
    for await (const seconds of pictures) {
      await sound?.advanceTo(seconds);
      if (bytes > limits.maxOutputBytes) throw new MediaError('too_large', 'the joined video is too large');
    }
    await sound?.finish();
    await output.finalize();
  } catch (error) {
    await sound?.cancel();
    await output.cancel();
    throw error;
  }
}

type Writing = { output: Output; plan: JoinPlan; limits: MediaLimits };

function addPictures({ output, plan, limits }: Writing): AsyncGenerator<number> {
  const { reencoded, framesPerSecond, frames: maximumPacketCount } = plan;
  if (reencoded) {
    const target = new VideoSampleSource({
      codec: 'avc',
      bitrate: plan.bitsPerSecond,
      keyFrameInterval: KEY_FRAME_SECONDS,
    });
    output.addVideoTrack(target, { frameRate: framesPerSecond, maximumPacketCount });
    return encodePictures({ plan, limits, target });
  }
  const [first] = plan.sources;
  if (!first) throw new MediaError('unsupported', 'there is nothing to join');
  const { codec, rotation, flip } = first;
  const target = new EncodedVideoPacketSource(codec);
  output.addVideoTrack(target, { rotation, flip, maximumPacketCount });
  return copyPictures({ plan, limits, target });
}

function addSound({ output, plan, limits }: Writing) {
  const { sound: format, seconds } = plan;
  if (!format) return undefined;
  const target = new EncodedAudioPacketSource('aac');
  // Told ahead, as room for the header is measured when every track is known, which fails in the middle of reordered frames.
  output.addAudioTrack(target, {
    decoderConfig: decoderOf(format),
    maximumPacketCount: packetsOfSound(seconds, format),
  });
  return createSoundEncoder({ pieces: joinedSound({ plan, format, limits }), format, target });
}
