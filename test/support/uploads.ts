import { request as send } from 'node:http';
import { anImage } from './images.js';

/** The header of a PNG of these pixels, and as many bytes as wanted; nobody unpacks it here. */
export function aPng({ width = 1280, height = 720, bytes = 2_000, seed = 0 } = {}): Buffer {
  const png = Buffer.alloc(bytes, seed);
  anImage.bytes.copy(png);
  png.writeUInt32BE(width, 16);
  png.writeUInt32BE(height, 20);
  return png;
}

/** The beginning of an MP4 file. */
export function anMp4({ bytes = 2_000, seed = 0 } = {}): Buffer {
  const mp4 = Buffer.alloc(bytes, seed);
  Buffer.from('\0\0\0\x1cftypisom\0\0\x02\0isomiso2mp41', 'latin1').copy(mp4);
  return mp4;
}

export function formOf(bytes: Uint8Array, { name = 'boat.png', type = 'image/png', field = 'file' } = {}): FormData {
  const form = new FormData();
  form.append(field, new Blob([new Uint8Array(bytes)], { type }), name);
  return form;
}

/** Sends the beginning of a body, waits until `isEnough`, and hangs up. */
export async function cutUpload(
  url: string,
  {
    headers,
    beginning,
    isEnough,
  }: { headers: Record<string, string>; beginning: Uint8Array; isEnough: () => Promise<boolean> },
): Promise<void> {
  const request = send(url, { method: 'POST', headers });
  request.on('error', () => undefined);
  request.write(beginning);
  while (!(await isEnough())) await new Promise((resolve) => setTimeout(resolve, 10));
  request.destroy();
}
