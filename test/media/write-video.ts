import '@napi-rs/webcodecs/polyfill';
import {
  AudioSample,
  AudioSampleSource,
  EncodedAudioPacketSource,
  EncodedPacket,
  FilePathTarget,
  Mp4OutputFormat,
  Output,
  type Rotation,
  VideoSample,
  VideoSampleSource,
} from 'mediabunny';

type Colour = readonly [red: number, green: number, blue: number];

/** A tone of so many hertz in so many channels, as long as the pictures. */
type Sound = { hertz: number; sampleRate: number; channels: number };

type Video = {
  path: string;
  /** Of one colour above and another below. */
  frames: readonly { above: Colour; below: Colour }[];
  width?: number;
  height?: number;
  rotation?: Rotation;
  framesPerSecond?: number;
  sound?: Sound;
  /** What the frames are labelled with. The encoder turns them by BT.601 whatever it says. */
  colorSpace?: VideoColorSpaceInit;
};

export async function writeVideo({
  path,
  frames,
  width = 160,
  height = 80,
  rotation = 0,
  framesPerSecond = 10,
  sound,
  colorSpace,
}: Video): Promise<void> {
  const output = new Output({ format: new Mp4OutputFormat(), target: new FilePathTarget(path) });
  const source = new VideoSampleSource({ codec: 'avc', bitrate: 500_000 });
  output.addVideoTrack(source, { frameRate: framesPerSecond, rotation });
  const tone = sound && new AudioSampleSource({ codec: 'aac', bitrate: 128_000 });
  if (tone) output.addAudioTrack(tone);
  await output.start();
  for (const [index, { above, below }] of frames.entries()) {
    const pixels = new Uint8Array(width * height * 4);
    for (let pixel = 0; pixel < width * height; pixel += 1) {
      pixels.set([...(pixel < (width * height) / 2 ? above : below), 255], pixel * 4);
    }
    const timing = { timestamp: index / framesPerSecond, duration: 1 / framesPerSecond };
    const sample = new VideoSample(pixels, {
      format: 'RGBA',
      codedWidth: width,
      codedHeight: height,
      ...timing,
      ...(colorSpace && { colorSpace }),
    });
    await source.add(sample);
    sample.close();
    if (tone) await addTone(tone, { ...sound, ...timing });
  }
  await output.finalize();
}

type Piece = Sound & { timestamp: number; duration: number };

async function addTone(target: AudioSampleSource, { hertz, sampleRate, channels, timestamp, duration }: Piece) {
  const first = Math.round(timestamp * sampleRate);
  const count = Math.round((timestamp + duration) * sampleRate) - first;
  const data = Float32Array.from({ length: count * channels }, (_, index) => {
    const seconds = (first + Math.floor(index / channels)) / sampleRate;
    return 0.5 * Math.sin(2 * Math.PI * hertz * seconds);
  });
  const sample = new AudioSample({
    format: 'f32',
    sampleRate,
    numberOfChannels: channels,
    timestamp: first / sampleRate,
    data,
  });
  await target.add(sample);
  sample.close();
}

/** An MP4 file that is only sound. */
export async function writeSound(path: string): Promise<void> {
  const output = new Output({ format: new Mp4OutputFormat(), target: new FilePathTarget(path) });
  const source = new EncodedAudioPacketSource('aac');
  output.addAudioTrack(source);
  await output.start();
  const decoderConfig = {
    codec: 'mp4a.40.2',
    sampleRate: 44_100,
    numberOfChannels: 2,
    description: new Uint8Array([0x12, 0x10]),
  };
  await source.add(new EncodedPacket(new Uint8Array(20), 'key', 0, 0.02), { decoderConfig });
  await output.finalize();
}
