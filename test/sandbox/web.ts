import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createCanvas } from '@napi-rs/canvas';

type Format = 'png' | 'jpeg' | 'webp';

/** A real picture of so many pixels. */
export function pictureOf(width: number, height: number, format: Format = 'png'): Buffer {
  const canvas = createCanvas(width, height);
  canvas.getContext('2d').fillRect(0, 0, width / 2, height);
  if (format === 'png') return canvas.toBuffer('image/png');
  return format === 'jpeg' ? canvas.toBuffer('image/jpeg') : canvas.toBuffer('image/webp');
}

export const dataUrlOf = (picture: Buffer, format: Format = 'png') =>
  `data:image/${format};base64,${picture.toString('base64')}`;

/** A caller's own corner of the web: serves its files by path, and keeps what is posted to it. */
export async function startWeb(files: Record<string, Buffer | string> = {}) {
  const posted: string[] = [];
  const server = createServer((request, response) => {
    const file = files[request.url ?? ''];
    if (request.method === 'POST') {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (text: string) => {
        body += text;
      });
      request.on('end', () => {
        posted.push(body);
        response.writeHead(204).end();
      });
    } else if (file === undefined) response.writeHead(404).end();
    else response.end(file);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, posted, close: () => void server.close() };
}
