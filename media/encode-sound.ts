import '@napi-rs/webcodecs/polyfill';
import { type EncodedAudioPacketSource, EncodedPacket } from 'mediabunny';
import type { SoundFormat } from './join-plan.js';

/** Of one packet of AAC; and so many samples of nothing stand before the sound. */
const FRAMES_PER_PACKET = 1_024;
const CODEC = 'mp4a.40.2';
const MAX_QUEUE = 64;
const BITS_PER_SECOND_AND_CHANNEL = 96_000;

type Encoding = { pieces: AsyncGenerator<Float32Array>; format: SoundFormat; target: EncodedAudioPacketSource };

/** The numbers by which AAC names its rates. */
const rateIndex = { 48000: 3, 44100: 4 };
const LOW_COMPLEXITY = 2;

/** What a decoder is told before the first packet. */
export function decoderOf({ sampleRate, channels }: SoundFormat): AudioDecoderConfig {
  const description = new Uint8Array(2);
  new DataView(description.buffer).setUint16(
    0,
    (LOW_COMPLEXITY << 11) | (rateIndex[sampleRate] << 7) | (channels << 3),
  );
  return { codec: CODEC, sampleRate, numberOfChannels: channels, description };
}

export const packetsOfSound = (seconds: number, { sampleRate }: SoundFormat) =>
  Math.ceil((seconds * sampleRate) / FRAMES_PER_PACKET) + 2;

/** Encodes sound as AAC, as far as it is asked for: the file is to hold pictures and sound of the same time side by side. */
export function createSoundEncoder({ pieces, format, target }: Encoding) {
  const { sampleRate, channels } = format;
  const encoded: { packet: EncodedPacket; meta: EncodedAudioChunkMetadata | undefined }[] = [];
  let failure: unknown;
  let packets = 0;
  let frames = 0;

  const encoder = new AudioEncoder({
    output(chunk, meta) {
      // The encoder's own times are wrong for the last packets.
      const seconds = ((packets - 1) * FRAMES_PER_PACKET) / sampleRate;
      packets += 1;
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      encoded.push({ packet: new EncodedPacket(data, 'key', seconds, FRAMES_PER_PACKET / sampleRate), meta });
    },
    error(error) {
      failure = error;
    },
  });
  encoder.configure({
    codec: CODEC,
    sampleRate,
    numberOfChannels: channels,
    bitrate: BITS_PER_SECOND_AND_CHANNEL * channels,
  });

  return {
    advanceTo,

    async finish(): Promise<void> {
      await advanceTo(Number.POSITIVE_INFINITY);
      await encoder.flush();
      encoder.close();
      await drain();
    },

    async cancel(): Promise<void> {
      await pieces.return(undefined);
      if (encoder.state !== 'closed') encoder.close();
    },
  };

  /** Not a flush, which would end the sound in the middle. */
  function dequeued(): Promise<void> {
    return new Promise((resolve) => encoder.addEventListener('dequeue', () => resolve(), { once: true }));
  }

  async function advanceTo(seconds: number): Promise<void> {
    while (frames < seconds * sampleRate) {
      const piece = await pieces.next();
      if (piece.done) return;
      encode(piece.value);
      while (encoder.encodeQueueSize > MAX_QUEUE && !failure) await dequeued();
      await drain();
    }
  }

  function encode(piece: Float32Array): void {
    const numberOfFrames = piece.length / channels;
    const data = new AudioData({
      format: 'f32',
      sampleRate,
      numberOfChannels: channels,
      numberOfFrames,
      timestamp: Math.round((frames * 1e6) / sampleRate),
      data: piece.slice(),
    });
    encoder.encode(data);
    data.close();
    frames += numberOfFrames;
  }

  async function drain(): Promise<void> {
    if (failure) throw failure;
    for (const { packet, meta } of encoded.splice(0)) {
      // What would be heard after the last picture makes the file longer than it is.
      const end = Math.round((packet.timestamp + packet.duration) * sampleRate);
      if (end <= frames) await target.add(packet, meta);
    }
  }
}
