import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import '@napi-rs/webcodecs/polyfill';
import { createCanvas, GlobalFonts } from '@napi-rs/canvas';
import { FilePathTarget, Mp4OutputFormat, Output, VideoSample, VideoSampleSource } from 'mediabunny';
import { labelOf } from './colour.js';
import type { ClipSpec } from './messages.js';
import { createPainter } from './paint.js';

const require = createRequire(import.meta.url);
const BITRATE = 1_500_000;
const KEY_FRAME_SECONDS = 2;

let isReady = false;

/** Codecs and a typeface of our own: nothing that the machine would have to have installed. */
function prepare(): void {
  if (isReady) return;
  const files = join(dirname(require.resolve('@fontsource/inter/package.json')), 'files');
  for (const weight of [400, 600]) {
    for (const script of ['latin', 'latin-ext', 'cyrillic', 'greek', 'vietnamese']) {
      GlobalFonts.registerFromPath(join(files, `inter-${script}-${weight}-normal.woff2`), 'Inter');
    }
  }
  isReady = true;
}

/** Draws an H.264 clip of exactly the asked size, length and rate, with its header first. */
export async function drawClip(clip: ClipSpec): Promise<void> {
  prepare();
  const { width, height, seconds, framesPerSecond, path } = clip;
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  const output = new Output({
    format: new Mp4OutputFormat({ fastStart: 'in-memory' }),
    target: new FilePathTarget(path),
  });
  const source = new VideoSampleSource({
    codec: 'avc',
    bitrate: BITRATE,
    keyFrameInterval: KEY_FRAME_SECONDS,
    latencyMode: 'realtime',
  });
  output.addVideoTrack(source, { frameRate: framesPerSecond });
  await output.start();
  const frames = Math.round(seconds * framesPerSecond);
  const paint = createPainter(context, clip);
  for (let frame = 0; frame < frames; frame += 1) {
    paint(frame / framesPerSecond);
    const image = new VideoFrame(canvas.data(), {
      format: 'RGBA',
      codedWidth: width,
      codedHeight: height,
      timestamp: Math.round((frame * 1e6) / framesPerSecond),
      duration: Math.round(1e6 / framesPerSecond),
      // What the encoder turns the picture into. Unsaid, it labels the video as one of red, green and blue, which none is.
      colorSpace: labelOf('bt601'),
    });
    const sample = new VideoSample(image, { timestamp: frame / framesPerSecond, duration: 1 / framesPerSecond });
    await source.add(sample);
    sample.close();
    // The encoder gives up a picture only when it is its turn. Without one, every picture of a clip is in memory at its end.
    await nextTurn();
  }
  await output.finalize();
}
