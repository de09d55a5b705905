import type { VideoSample } from 'mediabunny';

/** How much red and blue weigh in the brightness of a pixel; the rest is green. */
const weights = {
  bt601: { red: 0.299, blue: 0.114 },
  bt709: { red: 0.2126, blue: 0.0722 },
  bt2020: { red: 0.2627, blue: 0.0593 },
};

export type Colour = { matrix: keyof typeof weights; isFullRange: boolean };
export type Picture = { width: number; height: number; data: Uint8Array | Uint8ClampedArray };

/** From this height on, a video that says nothing of its colours means those of high definition. */
const HIGH_DEFINITION = 720;

/** What the numbers of a frame mean. The codecs' own conversion takes everything for BT.601, which turns the reds of most videos. */
export function colourOf({ colorSpace, visibleRect }: VideoSample): Colour {
  const isFullRange = colorSpace.fullRange === true;
  switch (colorSpace.matrix) {
    case 'bt709':
      return { matrix: 'bt709', isFullRange };
    case 'bt470bg':
    case 'smpte170m':
      return { matrix: 'bt601', isFullRange };
    case 'bt2020-ncl':
      return { matrix: 'bt2020', isFullRange };
    case 'rgb':
      // An encoder was given pictures in red, green and blue and kept their label; it had turned them by the codecs' own conversion.
      return { matrix: 'bt601', isFullRange: false };
    default:
      return { matrix: visibleRect.height >= HIGH_DEFINITION ? 'bt709' : 'bt601', isFullRange };
  }
}

/** What the file is to say of frames made by `toI420`. */
export function labelOf(matrix: 'bt601' | 'bt709'): VideoColorSpaceInit {
  const name = matrix === 'bt601' ? 'smpte170m' : 'bt709';
  return { primaries: name, transfer: name, matrix: name, fullRange: false };
}

/** Turns planes of brightness and colour, these at half the width and height, into red, green, blue and a full alpha. */
export function toRgba(
  { width, height, data }: Picture,
  { matrix, isFullRange }: Colour,
  rgba: Uint8ClampedArray,
): void {
  const { red, blue } = weights[matrix];
  const luma = isFullRange ? 1 : 255 / 219;
  const chroma = isFullRange ? 1 : 255 / 224;
  const black = isFullRange ? 0 : 16;
  const redFromV = 2 * (1 - red) * chroma;
  const blueFromU = 2 * (1 - blue) * chroma;
  const greenFromV = (-redFromV * red) / (1 - red - blue);
  const greenFromU = (-blueFromU * blue) / (1 - red - blue);
  const halfWidth = (width + 1) >> 1;
  const u = width * height;
  const v = u + halfWidth * ((height + 1) >> 1);
  for (let row = 0, pixel = 0; row < height; row += 1) {
    const line = (row >> 1) * halfWidth;
    for (let column = 0; column < width; column += 1, pixel += 1) {
      const at = line + (column >> 1);
      const brightness = ((data[pixel] ?? 0) - black) * luma;
      const towardsBlue = (data[u + at] ?? 0) - 128;
      const towardsRed = (data[v + at] ?? 0) - 128;
      rgba[4 * pixel] = brightness + redFromV * towardsRed;
      rgba[4 * pixel + 1] = brightness + greenFromU * towardsBlue + greenFromV * towardsRed;
      rgba[4 * pixel + 2] = brightness + blueFromU * towardsBlue;
      rgba[4 * pixel + 3] = 255;
    }
  }
}

/** The way back, in the limited range that every player expects. Width and height are even. */
export function toI420({ width, height, data: rgba }: Picture, matrix: 'bt601' | 'bt709'): Uint8Array<ArrayBuffer> {
  const { red, blue } = weights[matrix];
  const green = 1 - red - blue;
  const luma = 219 / 255;
  const chroma = 224 / 255;
  const data = new Uint8Array((width * height * 3) / 2);
  const halfWidth = width / 2;
  const u = width * height;
  const v = u + u / 4;
  const [yRed, yGreen, yBlue] = [red * luma, green * luma, blue * luma];
  const towardsBlue = chroma / (2 * (1 - blue)) / 4;
  const towardsRed = chroma / (2 * (1 - red)) / 4;
  for (let row = 0; row < height; row += 2) {
    for (let column = 0; column < width; column += 2) {
      let [sumRed, sumGreen, sumBlue] = [0, 0, 0];
      for (let corner = 0; corner < 4; corner += 1) {
        const pixel = (row + (corner >> 1)) * width + column + (corner & 1);
        const r = rgba[4 * pixel] ?? 0;
        const g = rgba[4 * pixel + 1] ?? 0;
        const b = rgba[4 * pixel + 2] ?? 0;
        data[pixel] = 16.5 + yRed * r + yGreen * g + yBlue * b;
        sumRed += r;
        sumGreen += g;
        sumBlue += b;
      }
      const brightness = red * sumRed + green * sumGreen + blue * sumBlue;
      const at = (row >> 1) * halfWidth + (column >> 1);
      data[u + at] = 128.5 + (sumBlue - brightness) * towardsBlue;
      data[v + at] = 128.5 + (sumRed - brightness) * towardsRed;
    }
  }
  return data;
}
