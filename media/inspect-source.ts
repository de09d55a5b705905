import { EncodedPacketSink, type InputVideoTrack, type Rotation, type VideoCodec } from 'mediabunny';
import type { Size } from './easel.js';
import { checkDecodable } from './frames.js';
import { MediaError } from './media-error.js';
import type { JoinSource, MediaLimits } from './messages.js';
import { type VideoFile, withVideo } from './open-video.js';

/** A video that is to be joined, as its header describes it. Times are the file's own. */
export type Source = {
  path: string;
  /** As a player shows it. */
  size: Size;
  codec: VideoCodec;
  rotation: Rotation;
  flip: boolean;
  /** Packets of two videos with the same go into one. */
  configuration: string;
  framesPerSecond: number;
  bitsPerSecond: number;
  /** When the first frame that goes in is shown. */
  fromSeconds: number;
  /** From the first frame that goes in to the end of the last. */
  seconds: number;
  frames: number;
  /** Whether the packets of what goes in need none of what is left out, before and after it. */
  canBeCutThere: boolean;
  hasSound: boolean;
  soundRate: number;
  soundChannels: number;
};

/** Less than any frame takes. */
const ROUNDING_SECONDS = 0.001;

type Packet = { seconds: number; durationSeconds: number; isKey: boolean };

export async function inspectSource(source: JoinSource & { limits: MediaLimits }): Promise<Source> {
  const { path, limits } = source;
  return await withVideo({ path, limits }, async ({ track, findSound }) => {
    await checkDecodable(track);
    const codec = await track.getCodec();
    if (!codec) throw new MediaError('unsupported', 'the video is in a format that nobody knows');
    const sound = await findSound();
    const hasSound =
      sound !== null && (await new EncodedPacketSink(sound).getFirstPacket({ metadataOnly: true })) !== null;
    if (hasSound && !(await sound.canDecode()))
      throw new MediaError('unsupported', 'the sound of the video is in a format that cannot be decoded');
    return {
      path,
      size: { width: await track.getDisplayWidth(), height: await track.getDisplayHeight() },
      codec,
      rotation: await track.getRotation(),
      flip: await track.getFlip(),
      configuration: await configurationOf(track),
      ...(await readTimes(track, source)),
      hasSound,
      soundRate: sound ? await sound.getSampleRate() : 0,
      soundChannels: sound ? await sound.getNumberOfChannels() : 0,
    };
  });
}

/** Everything a decoder or a player is told before the first packet. */
async function configurationOf(track: InputVideoTrack): Promise<string> {
  const decoder = await track.getDecoderConfig();
  const description = decoder?.description;
  const bytes = ArrayBuffer.isView(description)
    ? Buffer.from(description.buffer, description.byteOffset, description.byteLength)
    : Buffer.from(description ?? new ArrayBuffer(0));
  return JSON.stringify({
    ...decoder,
    description: bytes.toString('base64'),
    pixelAspectRatio: await track.getPixelAspectRatio(),
  });
}

async function readTimes(track: InputVideoTrack, { withoutLastFrame, limits }: JoinSource & VideoFile) {
  const { packets, bytes } = await readPackets(track, limits);
  // Frames before zero are there for the decoder alone.
  const shown = packets.filter(({ seconds }) => seconds > -ROUNDING_SECONDS).sort((a, b) => a.seconds - b.seconds);
  const first = shown[0]?.seconds;
  const last = shown.at(-1)?.seconds;
  if (first === undefined || last === undefined) throw new MediaError('not_a_video', 'the video has no frames');
  const lastDuration = shown.at(-1)?.durationSeconds ?? 0;
  const frameSeconds = shown.length > 1 ? (last - first) / (shown.length - 1) : lastDuration;
  if (!(frameSeconds > 0)) throw new MediaError('not_a_video', 'the video has no length');

  const wholeEnd = last + (lastDuration || frameSeconds);
  const isShortened = withoutLastFrame === true && shown.length > 1;
  const end = isShortened ? last : wholeEnd;
  const kept = isShortened ? packets.slice(0, -1) : packets;
  return {
    framesPerSecond: 1 / frameSeconds,
    bitsPerSecond: (bytes * 8) / (wholeEnd - first),
    fromSeconds: first,
    seconds: end - first,
    frames: shown.length - (isShortened ? 1 : 0),
    // What is decoded last is needed by nobody; where that is another than what is shown last, what is shown last may be needed.
    canBeCutThere: kept.every(({ seconds }) => seconds < end) && beginsGroup(kept, first),
  };
}

/** All packets from the first key frame on, in the order of decoding. */
async function readPackets(track: InputVideoTrack, { maxFrames }: MediaLimits) {
  const sink = new EncodedPacketSink(track);
  const packets: Packet[] = [];
  let bytes = 0;
  for (
    let packet = await sink.getFirstKeyPacket({ metadataOnly: true });
    packet;
    packet = await sink.getNextPacket(packet, { metadataOnly: true })
  ) {
    packets.push({ seconds: packet.timestamp, durationSeconds: packet.duration, isKey: packet.type === 'key' });
    bytes += packet.byteLength;
    if (packets.length > maxFrames) throw new MediaError('too_large', `more than ${maxFrames} frames are too many`);
  }
  return { packets, bytes };
}

/** Whether there is a key frame at that time with everything after it, and nothing before it, in both orders; and time goes on. */
function beginsGroup(packets: readonly Packet[], from: number): boolean {
  const begin = packets.findIndex(({ seconds, isKey }) => isKey && seconds === from);
  if (begin === -1) return false;
  const kept = packets.slice(begin);
  return (
    new Set(kept.map(({ seconds }) => seconds)).size === kept.length &&
    kept.every(({ seconds }) => seconds >= from) &&
    packets.slice(0, begin).every(({ seconds }) => seconds < from) &&
    followsGroups(kept)
  );
}

/** Whether no frame is shown before one of an earlier group, which is written with the key frame before it. */
function followsGroups(packets: readonly Packet[]): boolean {
  let latest = Number.NEGATIVE_INFINITY;
  let latestOfEarlierGroups = latest;
  for (const { seconds, isKey } of packets) {
    if (isKey) latestOfEarlierGroups = latest;
    if (seconds < latestOfEarlierGroups) return false;
    latest = Math.max(latest, seconds);
  }
  return true;
}
