import '@napi-rs/webcodecs/polyfill';
import { AudioSampleSink, FilePathSource, Input, MP4 } from 'mediabunny';

const HALF_OF_A_TONE = 0.25;

/** The sound of a video as somebody hears it: how loud and how high it is in any part. `undefined` where there is none. */
export async function listenTo(path: string) {
  const input = new Input({ formats: [MP4], source: new FilePathSource(path) });
  // The codecs work in threads that keep no process alive.
  const wakefulness = setInterval(() => {}, 1_000);
  try {
    const track = await input.getPrimaryAudioTrack();
    if (!track) return undefined;
    const sampleRate = await track.getSampleRate();
    const channels = await track.getNumberOfChannels();
    const seconds = await track.computeDuration();
    const heard = new Float32Array(Math.ceil((seconds + 1) * sampleRate));
    for await (const sample of new AudioSampleSink(track).samples()) {
      const data = new Float32Array(sample.numberOfFrames * sample.numberOfChannels);
      sample.copyTo(data, { planeIndex: 0, format: 'f32' });
      const begin = Math.round(sample.timestamp * sampleRate);
      for (let frame = 0; frame < sample.numberOfFrames; frame += 1) {
        if (begin + frame >= 0) heard[begin + frame] = data[frame * sample.numberOfChannels] ?? 0;
      }
      sample.close();
    }
    return {
      sampleRate,
      channels,
      seconds,
      /** When it is first as loud as half of a tone. */
      beginsAtSeconds: heard.findIndex((value) => Math.abs(value) > HALF_OF_A_TONE) / sampleRate,
      between(from: number, to: number) {
        const part = heard.subarray(Math.round(from * sampleRate), Math.round(to * sampleRate));
        const loudness = Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / part.length);
        const crossings = part.filter((value, index) => index > 0 && value >= 0 && (part[index - 1] ?? 0) < 0).length;
        return { loudness, hertz: crossings / (to - from) };
      },
    };
  } finally {
    clearInterval(wakefulness);
    input.dispose();
  }
}
