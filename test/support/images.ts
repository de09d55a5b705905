import { createHash } from 'node:crypto';

/** A white PNG of one pixel. */
const base64 = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mP8/x8AAwMCAO+ip1sAAAAASUVORK5CYII=';
const bytes = Buffer.from(base64, 'base64');

export const anImage = {
  dataUrl: `data:image/png;base64,${base64}`,
  bytes,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  width: 1,
  height: 1,
};
