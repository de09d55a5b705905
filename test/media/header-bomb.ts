/** An MP4 file that is all header: a table of frame times so long that reading it fills the memory of a careless reader. */
export function aHeaderBomb({ entries }: { entries: number }): Buffer {
  const times = Buffer.alloc(entries * 8);
  for (let entry = 0; entry < entries; entry += 1) {
    times.writeUInt32BE(1, entry * 8);
    times.writeUInt32BE(1 + (entry % 2), entry * 8 + 4);
  }
  const sample = box('avc1', zeros(6), Buffer.from([0, 1]), zeros(16), Buffer.from([1, 64, 0, 180]), zeros(50));
  const table = box(
    'stbl',
    box('stsd', words(0, 1), sample),
    box('stts', words(0, entries), times),
    box('stsc', words(0, 1, 1, 1, 1)),
    box('stsz', words(0, 100, entries)),
    box('stco', words(0, 1, 40)),
  );
  const media = box(
    'mdia',
    box('mdhd', words(0, 0, 0, 1_000, entries), zeros(4)),
    box('hdlr', words(0, 0), Buffer.from('vide'), zeros(14)),
    box('minf', table),
  );
  const track = box('trak', box('tkhd', words(3, 0, 0, 1, 0, entries), zeros(60)), media);
  return Buffer.concat([
    box('ftyp', Buffer.from('isom'), words(0), Buffer.from('isom')),
    box('moov', box('mvhd', words(0, 0, 0, 1_000, entries), zeros(80)), track),
    box('mdat', zeros(100)),
  ]);
}

function box(type: string, ...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([words(body.length + 8), Buffer.from(type), body]);
}

function words(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) buffer.writeUInt32BE(value, index * 4);
  return buffer;
}

function zeros(bytes: number): Buffer {
  return Buffer.alloc(bytes);
}
