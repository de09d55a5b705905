import { createCanvas } from '@napi-rs/canvas';
import { VideoSample, VideoSampleSink, type VideoSampleSource } from 'mediabunny';
import { colourOf, labelOf, toI420 } from './colour.js';
import { createEasel, type Size } from './easel.js';
import type { JoinPlan } from './join-plan.js';
import { MediaError } from './media-error.js';
import type { MediaLimits } from './messages.js';
import { streamOf } from './open-video.js';

type Encoding = { plan: JoinPlan; limits: MediaLimits; target: VideoSampleSource };
type Matrix = 'bt601' | 'bt709';

/** Encodes the pictures of all sources, one source after the other. Yields how far the result has come, in seconds. */
export async function* encodePictures({ plan, limits, target }: Encoding): AsyncGenerator<number> {
  const { framesPerSecond } = plan;
  const press = createPress(plan.size, limits);
  for (const [index, source] of plan.sources.entries()) {
    const isLast = index === plan.sources.length - 1;
    const begin = Math.round(source.atSeconds * framesPerSecond);
    const end = isLast ? plan.frames : Math.round((source.atSeconds + source.seconds) * framesPerSecond);
    // What is on show in the middle of each frame of the result: its edges may be those of a frame of the source, give or take a rounding.
    const times = Array.from({ length: Math.max(end - begin, 0) }, (_, offset) => {
      const seconds = (begin + offset + 0.5) / framesPerSecond - source.atSeconds;
      return source.fromSeconds + Math.max(seconds, 0);
    });
    let frame = begin;
    for await (const sample of samplesOf({ path: source.path, limits, times })) {
      const timing = { timestamp: frame / framesPerSecond, duration: 1 / framesPerSecond };
      const picture = await press(sample, timing).finally(() => sample.close());
      try {
        await target.add(picture);
      } finally {
        picture.close();
      }
      yield timing.timestamp;
      frame += 1;
    }
  }
}

async function* samplesOf({ path, limits, times }: { path: string; limits: MediaLimits; times: readonly number[] }) {
  yield* streamOf({ path, limits }, async function* ({ track }) {
    for await (const sample of new VideoSampleSink(track).samplesAtTimestamps(times)) {
      if (!sample) throw new MediaError('not_a_video', 'the file ends before its frames do');
      yield sample;
    }
  });
}

type Timing = { timestamp: number; duration: number };

/**
 * Brings pictures to one size, upright and between black bars where their shape is another, and to the colours of the first. Those that are
 * so already pass as they are.
 */
function createPress(size: Size, limits: MediaLimits) {
  const easel = createEasel(limits);
  const canvas = createCanvas(size.width, size.height);
  const context = canvas.getContext('2d');
  let matrix: Matrix | undefined;

  return async (sample: VideoSample, timing: Timing): Promise<VideoSample> => {
    const colour = colourOf(sample);
    matrix ??= colour.matrix === 'bt601' ? 'bt601' : 'bt709';
    const isFitting =
      sample.format === 'I420' && !colour.isFullRange && colour.matrix === matrix && isUpright(sample, size);
    return new VideoSample(isFitting ? await planesOf(sample) : await drawn(sample, matrix), {
      format: 'I420',
      codedWidth: size.width,
      codedHeight: size.height,
      colorSpace: labelOf(matrix),
      ...timing,
    });
  };

  async function drawn(sample: VideoSample, matrix: Matrix): Promise<Uint8Array<ArrayBuffer>> {
    const frame = await easel.paint(sample);
    const scale = Math.min(size.width / frame.width, size.height / frame.height);
    const width = Math.round(frame.width * scale);
    const height = Math.round(frame.height * scale);
    const left = Math.round((size.width - width) / 2);
    const top = Math.round((size.height - height) / 2);
    context.fillStyle = 'black';
    context.fillRect(0, 0, size.width, size.height);
    frame.draw(context, { left, top, width, height });
    return toI420({ ...size, data: canvas.data() }, matrix);
  }
}

function isUpright({ visibleRect, displayWidth, displayHeight, rotation, flip }: VideoSample, size: Size): boolean {
  return (
    rotation === 0 &&
    !flip &&
    displayWidth === size.width &&
    displayHeight === size.height &&
    visibleRect.width === size.width &&
    visibleRect.height === size.height
  );
}

async function planesOf(sample: VideoSample): Promise<Uint8Array<ArrayBuffer>> {
  const planes = new Uint8Array(sample.allocationSize());
  await sample.copyTo(planes);
  return planes;
}
