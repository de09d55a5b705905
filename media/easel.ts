import '@napi-rs/webcodecs/polyfill';
import { type Canvas, createCanvas, ImageData, type SKRSContext2D } from '@napi-rs/canvas';
import type { VideoSample } from 'mediabunny';
import { colourOf, toRgba } from './colour.js';
import type { MediaLimits } from './messages.js';
import { checkSize } from './open-video.js';

/** Typed apart: the published types know of no format yet. */
const asRgba: VideoFrameCopyToOptions & { format: 'RGBA' } = { format: 'RGBA' };

export type Size = { width: number; height: number };
type Box = Size & { left: number; top: number };

/** A decoded frame, good until the next one is painted. */
export type Frame = Size & {
  /** Fills the box with the frame as a player shows it: upright, and with square pixels. */
  draw(context: SKRSContext2D, box: Box): void;
};

/** Turns decoded frames into something a canvas can draw. One buffer and one canvas for all: native memory is given back late. */
export function createEasel(limits: MediaLimits) {
  let canvas = createCanvas(1, 1);
  let image = new ImageData(1, 1);
  let planes = new Uint8Array(0);

  return {
    async paint(sample: VideoSample): Promise<Frame> {
      const { width, height } = sample.visibleRect;
      // What the codec says may differ from what the header said.
      checkSize({ width, height }, limits);
      if (image.width !== width || image.height !== height) {
        canvas = createCanvas(width, height);
        image = new ImageData(width, height);
      }
      if (sample.format === 'I420') {
        if (planes.length !== sample.allocationSize()) planes = new Uint8Array(sample.allocationSize());
        await sample.copyTo(planes);
        toRgba({ width, height, data: planes }, colourOf(sample), image.data);
      } else {
        await sample.copyTo(new Uint8Array(image.data.buffer), asRgba);
      }
      canvas.getContext('2d').putImageData(image, 0, 0);
      const { displayWidth, displayHeight, rotation, flip } = sample;
      return {
        width: displayWidth,
        height: displayHeight,
        draw: (context, box) => drawUpright(context, { canvas, rotation, flip, box }),
      };
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
