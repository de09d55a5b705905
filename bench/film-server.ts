import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Serves one film of as many bytes as it is told, of which only the boxes are true: a server with nothing else to do. */
const filmBytes = Number(process.argv[2]);
const PIECE_BYTES = 1024 * 1024;
const LONG_HEADER_BYTES = 16;

const head = Buffer.concat([
  aBox('ftyp', Buffer.from('isom\0\0\x02\0isomiso2avc1mp41', 'latin1')),
  aBox('moov', Buffer.alloc(1_000)),
]);
const mediaBytes = filmBytes - head.length - LONG_HEADER_BYTES;
const mediaHeader = Buffer.alloc(LONG_HEADER_BYTES);
mediaHeader.writeUInt32BE(1);
mediaHeader.write('mdat', 4, 'latin1');
mediaHeader.writeBigUInt64BE(BigInt(mediaBytes + LONG_HEADER_BYTES), 8);
const piece = randomBytes(PIECE_BYTES);

const server = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': filmBytes });
  send(response).catch(() => response.destroy());
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.on('disconnect', () => process.exit(0));
process.send?.({ port: (server.address() as AddressInfo).port });

async function send(response: ServerResponse): Promise<void> {
  response.write(head);
  response.write(mediaHeader);
  for (let sent = 0; sent < mediaBytes; sent += PIECE_BYTES) {
    const hasRoom = response.write(piece.subarray(0, Math.min(PIECE_BYTES, mediaBytes - sent)));
    if (!hasRoom) await once(response, 'drain');
  }
  response.end();
}

function aBox(type: string, payload: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(payload.length + header.length);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, payload]);
}
