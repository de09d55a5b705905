import '@napi-rs/webcodecs/polyfill';
import { type Canvas, createCanvas, ImageData, type SKRSContext2D } from '@napi-rs/canvas';
import { type InputVideoTrack, type VideoSample, VideoSampleSink } from 'mediabunny';
import { MediaError } from './media-error.js';

/** Pixels of the largest frame that is decoded: 4K. A header may claim more, and several frames are in memory at a time. */
const MAX_PIXELS = 4_096 * 2_304;
/** Typed apart: the published types know of no format yet. */
const asRgba: VideoFrameCopyToOptions & { format: 'RGBA' } = { format: 'RGBA' };

type Size = { width: number; height: number };
type Box = Size & { left: number; top: number };

/** A decoded frame, good until the next one is asked for. */
export type Frame = Size & {
  /** Fills the box with the frame as a player shows it: upright, and with square pixels. */
  draw(context: SKRSContext2D, box: Box): void;
};

/** The frames on show at these shares (0 to 1) of the video's length, in ascending order. All of them, or an error. */
export async function* framesAt(track: InputVideoTrack, shares: readonly number[]): AsyncGenerator<Frame> {
  refuseGiants({ width: await track.getCodedWidth(), height: await track.getCodedHeight() });
  if (!(await track.canDecode()))
    throw new MediaError('not_a_video', 'the video is in a format that cannot be decoded');
  const start = Math.max(await track.getFirstTimestamp(), 0);
  const seconds = (await track.computeDuration()) - start;
  if (!Number.isFinite(seconds) || seconds <= 0) throw new MediaError('not_a_video', 'the video has no length');

  const easel = createEasel();
  const times = shares.map((share) => start + share * seconds);
  for await (const sample of new VideoSampleSink(track).samplesAtTimestamps(times)) {
    if (!sample) throw new MediaError('not_a_video', 'the file ends before its frames do');
    const { displayWidth: width, displayHeight: height, rotation, flip } = sample;
    const canvas = await easel.paint(sample).finally(() => sample.close());
    // Decoded frames lie outside the heap, so that nothing urges the collector; several gigabytes can gather unseen.
    globalThis.gc?.();
    yield { width, height, draw: (context, box) => drawUpright(context, { canvas, rotation, flip, box }) };
  }
}

/** The size of a frame whose long side is at most so long. Never enlarged. */
export function fitInto(longSide: number, { width, height }: Size): Size {
  const scale = Math.min(1, longSide / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

function refuseGiants({ width, height }: Size): void {
  if (width * height <= MAX_PIXELS) return;
  throw new MediaError('not_a_video', `frames of ${width}x${height} pixels are too large`);
}

/** Turns frames into something a canvas can draw. One buffer and one canvas for all: native memory is given back late. */
function createEasel() {
  let canvas = createCanvas(1, 1);
  let image = new ImageData(1, 1);

  return {
    async paint(sample: VideoSample): Promise<Canvas> {
      const { width, height } = sample.visibleRect;
      // What the codec says may differ from what the header said.
      refuseGiants({ width, height });
      if (image.width !== width || image.height !== height) {
        canvas = createCanvas(width, height);
        image = new ImageData(width, height);
      }
      await sample.copyTo(new Uint8Array(image.data.buffer), asRgba);
      canvas.getContext('2d').putImageData(image, 0, 0);
      return canvas;
    },
  };
}

type Placing = { canvas: Canvas; rotation: number; flip: boolean; box: Box };

function drawUpright(context: SKRSContext2D, { canvas, rotation, flip, box }: Placing): void {
  const liesOnItsSide = rotation % 180 !== 0;
  const width = liesOnItsSide ? box.height : box.width;
  const height = liesOnItsSide ? box.width : box.height;
  context.save();
  context.imageSmoothingQuality = 'high';
  context.translate(box.left + box.width / 2, box.top + box.height / 2);
  if (flip) context.scale(-1, 1);
  context.rotate((rotation * Math.PI) / 180);
  context.drawImage(canvas, -width / 2, -height / 2, width, height);
  context.restore();
}
