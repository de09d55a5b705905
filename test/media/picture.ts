import { readFileSync } from 'node:fs';
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { imageSize } from 'image-size';

/** A picture as somebody else's eyes see it: its format and size from its header, and its colours. */
export async function lookAtPicture(path: string) {
  const file = readFileSync(path);
  const { type, width, height } = imageSize(file);
  const context = createCanvas(width, height).getContext('2d');
  context.drawImage(await loadImage(file), 0, 0);

  return {
    type,
    width,
    height,
    colourAt(x: number, y: number) {
      const [red = 0, green = 0, blue = 0] = context.getImageData(x, y, 1, 1).data;
      return { red, green, blue };
    },
    /** The share of bright pixels in a part of one line. */
    brightShare({ x, y, length }: { x: number; y: number; length: number }): number {
      const { data } = context.getImageData(x, y, length, 1);
      const bright = Array.from({ length }, (_, pixel) => data[pixel * 4] ?? 0).filter((red) => red > 128);
      return bright.length / length;
    },
  };
}
