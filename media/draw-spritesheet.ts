import { writeFile } from 'node:fs/promises';
import { type Canvas, createCanvas } from '@napi-rs/canvas';
import { fitInto, framesAt } from './frames.js';
import { MediaError } from './media-error.js';
import type { Drawing } from './messages.js';
import { type VideoFile, withVideo } from './open-video.js';

const COLUMNS = 5;
const ROWS = 4;
const CELL_LONG_SIDE = 320;
const JPEG_QUALITY = 80;

/** The middle of each of as many equal parts of the length as there are cells. */
const SHARES = Array.from({ length: COLUMNS * ROWS }, (_, cell) => (cell + 0.5) / (COLUMNS * ROWS));

/**
 * Twenty frames as one JPEG: 5 columns and 4 rows of equal cells without gaps, from left to right and from top to bottom. The cell of a
 * moment `t` of a video of length `d` is `floor(20 × t / d)`. A cell has the video's shape, its long side at most 320 pixels.
 */
export async function drawSpritesheet({ path, to, limits }: Drawing & VideoFile): Promise<void> {
  const canvas = await withVideo({ path, limits }, async ({ track }) => {
    let sheet: Canvas | undefined;
    let cell = { width: 0, height: 0 };
    let index = 0;
    for await (const frame of framesAt(track, { shares: SHARES, limits })) {
      if (!sheet) {
        cell = fitInto(CELL_LONG_SIDE, frame);
        sheet = createCanvas(cell.width * COLUMNS, cell.height * ROWS);
      }
      const left = (index % COLUMNS) * cell.width;
      const top = Math.floor(index / COLUMNS) * cell.height;
      frame.draw(sheet.getContext('2d'), { left, top, ...cell });
      index += 1;
    }
    if (!sheet) throw new MediaError('not_a_video', 'no frame of the video can be decoded');
    return sheet;
  });
  await writeFile(to, await canvas.encode('jpeg', JPEG_QUALITY));
}
