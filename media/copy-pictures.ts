import { EncodedPacketSink, type EncodedVideoPacketSource, VideoSampleSink } from 'mediabunny';
import type { JoinPlan } from './join-plan.js';
import { MediaError } from './media-error.js';
import type { MediaLimits } from './messages.js';
import { type OpenVideo, streamOf } from './open-video.js';

type Copying = { plan: JoinPlan; limits: MediaLimits; target: EncodedVideoPacketSource };

/** Adds the packets of all sources, one source after the other. Yields how far the result has come, in seconds. */
export async function* copyPictures({ plan, limits, target }: Copying): AsyncGenerator<number> {
  for (const source of plan.sources) {
    const { path, fromSeconds, atSeconds } = source;
    for await (const { packet, decoderConfig } of streamOf({ path, limits }, (video) =>
      packetsFrom(video, fromSeconds),
    )) {
      // Packets come in the order of decoding; this is when they are shown.
      const seconds = Math.max(packet.timestamp - fromSeconds, 0) + atSeconds;
      await target.add(packet.clone({ timestamp: seconds }), { decoderConfig });
      yield seconds;
    }
  }
}

async function* packetsFrom({ track }: OpenVideo, fromSeconds: number) {
  const decoderConfig = await track.getDecoderConfig();
  if (!decoderConfig) throw new MediaError('unsupported', 'the video is in a format that nobody knows');
  await checkFirstFrame(track, fromSeconds);
  const sink = new EncodedPacketSink(track);
  const first = await sink.getKeyPacket(fromSeconds, { verifyKeyPackets: true });
  if (first?.timestamp !== fromSeconds) throw new MediaError('not_a_video', 'a key frame of the video is none');
  for await (const packet of sink.packets(first)) yield { packet, decoderConfig };
}

/** What is only copied is seen by nobody: at least one frame must be a frame. */
async function checkFirstFrame(track: OpenVideo['track'], fromSeconds: number): Promise<void> {
  const sample = await new VideoSampleSink(track).getSample(fromSeconds);
  if (!sample) throw new MediaError('not_a_video', 'no frame of the video can be decoded');
  sample.close();
}
