import { EncodedPacketSink, type EncodedVideoPacketSource, VideoSampleSink } from 'mediabunny';
import type { JoinPlan } from './join-plan.js';
import { MediaError } from './media-error.js';
import type { MediaLimits } from './messages.js';
import { type OpenVideo, streamOf } from './open-video.js';

/** Less than any frame takes. */
const ROUNDING_SECONDS = 0.001;

/** In the file's own time. */
type Span = { fromSeconds: number; untilSeconds: number };
type Copying = { plan: JoinPlan; limits: MediaLimits; target: EncodedVideoPacketSource };

/** Adds the packets of all sources, one source after the other. Yields how far the result has come, in seconds. */
export async function* copyPictures({ plan, limits, target }: Copying): AsyncGenerator<number> {
  for (const source of plan.sources) {
    const { path, fromSeconds, atSeconds, seconds: length } = source;
    const untilSeconds = fromSeconds + length;
    for await (const { packet, decoderConfig } of streamOf({ path, limits }, (video) =>
      packetsFrom(video, { fromSeconds, untilSeconds }),
    )) {
      // Packets come in the order of decoding; this is when they are shown.
      const seconds = Math.max(packet.timestamp - fromSeconds, 0) + atSeconds;
      await target.add(packet.clone({ timestamp: seconds }), { decoderConfig });
      yield seconds;
    }
  }
}

async function* packetsFrom({ track }: OpenVideo, { fromSeconds, untilSeconds }: Span) {
  const decoderConfig = await track.getDecoderConfig();
  if (!decoderConfig) throw new MediaError('unsupported', 'the video is in a format that nobody knows');
  await checkFirstFrame(track, fromSeconds);
  const sink = new EncodedPacketSink(track);
  const first = await sink.getKeyPacket(fromSeconds, { verifyKeyPackets: true });
  if (first?.timestamp !== fromSeconds) throw new MediaError('not_a_video', 'a key frame of the video is none');
  for await (const packet of sink.packets(first)) {
    if (packet.timestamp < untilSeconds - ROUNDING_SECONDS) yield { packet, decoderConfig };
  }
}

/** What is only copied is seen by nobody: at least one frame must be a frame. */
async function checkFirstFrame(track: OpenVideo['track'], fromSeconds: number): Promise<void> {
  const sample = await new VideoSampleSink(track).getSample(fromSeconds);
  if (!sample) throw new MediaError('not_a_video', 'no frame of the video can be decoded');
  sample.close();
}
