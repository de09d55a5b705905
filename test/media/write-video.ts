import '@napi-rs/webcodecs/polyfill';
import {
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

const FRAMES_PER_SECOND = 10;

/** A video whose frames are of one colour above and another below. */
export async function writeVideo({
  path,
  frames,
  width = 160,
  height = 80,
  rotation = 0,
}: {
  path: string;
  frames: readonly { above: Colour; below: Colour }[];
  width?: number;
  height?: number;
  rotation?: Rotation;
}): Promise<void> {
  const output = new Output({ format: new Mp4OutputFormat(), target: new FilePathTarget(path) });
  const source = new VideoSampleSource({ codec: 'avc', bitrate: 500_000 });
  output.addVideoTrack(source, { frameRate: FRAMES_PER_SECOND, rotation });
  await output.start();
  for (const [index, { above, below }] of frames.entries()) {
    const pixels = new Uint8Array(width * height * 4);
    for (let pixel = 0; pixel < width * height; pixel += 1) {
      pixels.set([...(pixel < (width * height) / 2 ? above : below), 255], pixel * 4);
    }
    const sample = new VideoSample(pixels, {
      format: 'RGBA',
      codedWidth: width,
      codedHeight: height,
      timestamp: index / FRAMES_PER_SECOND,
      duration: 1 / FRAMES_PER_SECOND,
    });
    await source.add(sample);
    sample.close();
  }
  await output.finalize();
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
