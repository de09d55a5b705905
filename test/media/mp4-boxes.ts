/** A box of an MP4 file: bytes, or boxes within. */
export type Mp4Box = { type: string; data: Buffer; children: Mp4Box[] };

const CONTAINERS = new Set(['moov', 'trak', 'mdia', 'minf', 'stbl']);
const HEADER_BYTES = 8;
const MAX_SHORT = 2 ** 32;

/**
 * The same file with its header changed: `change` gets the `moov` box. Its tables stay true to the media where it stands before these and
 * becomes longer or shorter.
 */
export function withMovie(file: Buffer, change: (movie: Mp4Box) => void): Buffer {
  const boxes = parse(file);
  const movie = boxes.find(({ type }) => type === 'moov');
  if (!movie) throw new Error('the file has no header');
  const before = write(movie).length;
  change(movie);
  const isFirst = boxes.indexOf(movie) < boxes.findIndex(({ type }) => type === 'mdat');
  const longer = isFirst ? write(movie).length - before : 0;
  for (const { data } of all(movie, 'stco')) {
    for (let at = 8; at + 4 <= data.length; at += 4) {
      data.writeUInt32BE((data.readUInt32BE(at) + longer + MAX_SHORT) % MAX_SHORT, at);
    }
  }
  return Buffer.concat(boxes.map(write));
}

/** Every box of that type, however deep. */
export function all(box: Mp4Box, type: string): Mp4Box[] {
  return [...(box.type === type ? [box] : []), ...box.children.flatMap((child) => all(child, type))];
}

export function only(box: Mp4Box, type: string): Mp4Box {
  const [found] = all(box, type);
  if (!found) throw new Error(`there is no box ${type}`);
  return found;
}

/** A table of 32-bit words behind its version and flags. */
export function table(...words: number[]): Buffer {
  const data = Buffer.alloc(4 + words.length * 4);
  for (const [index, word] of words.entries()) data.writeUInt32BE((word + MAX_SHORT) % MAX_SHORT, 4 + index * 4);
  return data;
}

function parse(bytes: Buffer): Mp4Box[] {
  const boxes: Mp4Box[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const isLong = bytes.readUInt32BE(at) === 1;
    const length = isLong ? Number(bytes.readBigUInt64BE(at + 8)) : bytes.readUInt32BE(at);
    const type = bytes.toString('latin1', at + 4, at + 8);
    const data = Buffer.from(bytes.subarray(at + (isLong ? 16 : HEADER_BYTES), at + length));
    boxes.push(
      CONTAINERS.has(type) ? { type, data: Buffer.alloc(0), children: parse(data) } : { type, data, children: [] },
    );
    at += length;
  }
  return boxes;
}

function write({ type, data, children }: Mp4Box): Buffer {
  const body = Buffer.concat([data, ...children.map(write)]);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(body.length + HEADER_BYTES, 0);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, body]);
}
