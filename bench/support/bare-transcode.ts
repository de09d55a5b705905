import '@napi-rs/webcodecs/polyfill';
import {
  FilePathSource,
  FilePathTarget,
  Input,
  MP4,
  Mp4OutputFormat,
  Output,
  VideoSampleSink,
  VideoSampleSource,
} from 'mediabunny';

type Transcode = { paths: readonly string[]; to: string; framesPerSecond: number; bitsPerSecond: number };

/** Decodes and encodes all frames as they are: the least that joining with new pictures can take. */
export async function transcodeBare({ paths, to, framesPerSecond, bitsPerSecond }: Transcode): Promise<void> {
  const output = new Output({
    format: new Mp4OutputFormat({ fastStart: 'in-memory' }),
    target: new FilePathTarget(to),
  });
  const target = new VideoSampleSource({ codec: 'avc', bitrate: bitsPerSecond, keyFrameInterval: 2 });
  output.addVideoTrack(target, { frameRate: framesPerSecond });
  await output.start();
  let frame = 0;
  for (const path of paths) {
    const input = new Input({ formats: [MP4], source: new FilePathSource(path) });
    const track = await input.getPrimaryVideoTrack();
    if (!track) throw new Error('the clip has no video');
    for await (const sample of new VideoSampleSink(track).samples()) {
      sample.setTimestamp(frame / framesPerSecond);
      await target.add(sample);
      sample.close();
      frame += 1;
    }
    input.dispose();
  }
  await output.finalize();
}
