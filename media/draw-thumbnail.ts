import { writeFile } from 'node:fs/promises';
import { type Canvas, createCanvas } from '@napi-rs/canvas';
import type { Frame } from './easel.js';
import { fitInto, framesAt } from './frames.js';
import { MediaError } from './media-error.js';
import type { Drawing } from './messages.js';
import { type VideoFile, withVideo } from './open-video.js';

const LONG_SIDE = 1_280;
const WEBP_QUALITY = 80;

/** Where a frame worth showing is looked for: at a tenth of the length, and further on while it is still black there. */
const SHARES = [0.1, 0.2, 0.35, 0.5];
/** Of 255: below it, a frame is taken for black. */
const BLACK = 12;
const SAMPLE_SIDE = 16;

/** One frame as WebP, at the video's own size, its long side at most 1280. */
export async function drawThumbnail({ path, to, limits }: Drawing & VideoFile): Promise<void> {
  const canvas = await withVideo({ path, limits }, async ({ track }) => {
    let best: { picture: Canvas; brightness: number } | undefined;
    for await (const frame of framesAt(track, { shares: SHARES, limits })) {
      const brightness = brightnessOf(frame);
      if (!best || brightness > best.brightness) best = { picture: pictureOf(frame), brightness };
      if (brightness >= BLACK) break;
    }
    if (!best) throw new MediaError('not_a_video', 'no frame of the video can be decoded');
    return best.picture;
  });
  await writeFile(to, await canvas.encode('webp', WEBP_QUALITY));
}

function pictureOf(frame: Frame): Canvas {
  const { width, height } = fitInto(LONG_SIDE, frame);
  const canvas = createCanvas(width, height);
  frame.draw(canvas.getContext('2d'), { left: 0, top: 0, width, height });
  return canvas;
}

/** The mean of all colour values. */
function brightnessOf(frame: Frame): number {
  const context = createCanvas(SAMPLE_SIDE, SAMPLE_SIDE).getContext('2d');
  frame.draw(context, { left: 0, top: 0, width: SAMPLE_SIDE, height: SAMPLE_SIDE });
  const { data } = context.getImageData(0, 0, SAMPLE_SIDE, SAMPLE_SIDE);
  const colours = data.filter((_, index) => index % 4 !== 3);
  return colours.reduce((sum, value) => sum + value, 0) / colours.length;
}
