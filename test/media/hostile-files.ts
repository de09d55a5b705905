import { all, type Mp4Box, only, table, withMovie } from './mp4-boxes.js';
import { aParameterSet } from './parameter-set.js';

/** Where width and height stand, counted from the name of the sample entry. */
const SIZE_OFFSET = 28;

/** Files that mean harm, or are badly broken, made of a good clip with its header first; by what is wrong with them. */
export function hostileFiles(clip: Buffer): Record<string, Buffer> {
  const moovAt = clip.indexOf('moov') - 4;
  const change = (edit: (movie: Mp4Box) => void) => withMovie(clip, edit);
  const bytes = (edit: (copy: Buffer) => void) => {
    const copy = Buffer.from(clip);
    edit(copy);
    return copy;
  };
  const sized = (width: number, height: number) =>
    change((movie) => {
      const { data } = only(movie, 'stsd');
      const entry = data.indexOf('avc1');
      data.writeUInt16BE(width, entry + SIZE_OFFSET);
      data.writeUInt16BE(height, entry + SIZE_OFFSET + 2);
    });
  const framesOf = (movie: Mp4Box) => only(movie, 'stsz').data.readUInt32BE(8);

  return {
    'an empty file': Buffer.alloc(0),
    'a page': Buffer.from('<!doctype html><html><title>404</title><body>Not found</body></html>'.repeat(50)),
    'a header cut off': clip.subarray(0, moovAt + 200),
    'a file cut off in its middle': clip.subarray(0, Math.round(clip.length * 0.6)),
    'a header without media': clip.subarray(0, clip.indexOf('mdat') - 4),
    'media of noise': bytes((copy) => copy.fill(0x5a, clip.indexOf('mdat') + 4)),
    'media of zeros': bytes((copy) => copy.fill(0, clip.indexOf('mdat') + 4)),
    'frames of 16384x16384 pixels': sized(16_384, 16_384),
    'frames of 65535x65535 pixels': sized(65_535, 65_535),
    'frames of 0x0 pixels': sized(0, 0),
    'a codec told of 16384x16384 pixels': change((movie) => {
      const { data } = only(movie, 'stsd');
      replaceParameterSet(movie, data, aParameterSet({ width: 16_384, height: 16_384 }));
    }),
    'a header of 500 MB by its length': bytes((copy) => void copy.writeUInt32BE(500 * 1_048_576, moovAt)),
    'a header of 2^63 bytes by its length': Buffer.concat([
      clip.subarray(0, moovAt),
      Buffer.from([0, 0, 0, 1]),
      Buffer.from('moov'),
      Buffer.from([0x7f, 255, 255, 255, 255, 255, 255, 255]),
      clip.subarray(moovAt + 8),
    ]),
    'a header of 500 MB': Buffer.concat([clip.subarray(0, moovAt), headerOf(500 * 1_048_576)]),
    'a box shorter than itself': bytes((copy) => void copy.writeUInt32BE(4, moovAt)),
    'a box within that ends beyond its parent': bytes((copy) => void copy.writeUInt32BE(1e9, clip.indexOf('trak') - 4)),
    'boxes without end': Buffer.concat([
      clip.subarray(0, moovAt),
      ...Array.from({ length: 100_000 }, () => headerOf(8, 'free')),
      clip.subarray(moovAt),
    ]),
    'a codec that nobody knows': bytes((copy) => void copy.write('zzzz', clip.indexOf('avc1', moovAt))),
    'the name of another codec': bytes((copy) => {
      copy.write('hvc1', clip.indexOf('avc1', moovAt));
      copy.write('hvcC', clip.indexOf('avcC', moovAt));
    }),
    'a codec told nothing': change((movie) => {
      const { data } = only(movie, 'stsd');
      data.fill(0, data.indexOf('avcC') + 4, data.indexOf('avcC') + 40);
    }),
    'no frames': change((movie) => {
      only(movie, 'stsz').data = table(0, 0);
      only(movie, 'stts').data = table(0);
      only(movie, 'stco').data = table(0);
      only(movie, 'stsc').data = table(0);
      for (const sync of all(movie, 'stss')) sync.data = table(0);
    }),
    'no tables': change((movie) => {
      only(movie, 'stbl').children = only(movie, 'stbl').children.filter(({ type }) => type === 'stsd');
    }),
    'no key frame': change((movie) => {
      only(movie, 'stbl').children = only(movie, 'stbl').children.filter(({ type }) => type !== 'stss');
      only(movie, 'stbl').children.push({ type: 'stss', data: table(0), children: [] });
    }),
    'times of 2^31 frames': change((movie) => {
      only(movie, 'stts').data = table(1, 2 ** 31, 1);
    }),
    'sizes of 2^31 frames': change((movie) => {
      only(movie, 'stsz').data = table(100, 2 ** 31);
    }),
    'shifts of 2^31 frames': change((movie) => {
      only(movie, 'stbl').children.push({ type: 'ctts', data: table(1, 2 ** 31, 5), children: [] });
    }),
    'times and shifts of 2^31 frames': change((movie) => {
      only(movie, 'stts').data = table(1, 2 ** 31, 1);
      only(movie, 'stbl').children.push({ type: 'ctts', data: table(1, 2 ** 31, 5), children: [] });
    }),
    'a thousand tracks': change((movie) => {
      const track = only(movie, 'trak');
      movie.children.push(...Array.from({ length: 1_000 }, () => structuredCopy(track)));
    }),
    'times going back': change((movie) => {
      const count = framesOf(movie);
      const shifts = Array.from({ length: count }, (_, index) => [1, -index * 5_000]).flat();
      only(movie, 'stbl').children.push({ type: 'ctts', data: versioned(table(count, ...shifts)), children: [] });
    }),
    'all frames at once': change((movie) => {
      only(movie, 'stts').data = table(1, framesOf(movie), 0);
    }),
    'a frame of one hour': change((movie) => {
      const ticks = only(movie, 'mdhd').data.readUInt32BE(12);
      only(movie, 'stts').data = table(1, 1, 3_600 * ticks);
      only(movie, 'stsz').data = table(0, 1, only(movie, 'stsz').data.readUInt32BE(12));
      only(movie, 'stsc').data = table(1, 1, 1, 1);
    }),
    'a length of years': change((movie) => {
      only(movie, 'stts').data = table(1, framesOf(movie), 2 ** 31);
    }),
    'frames beyond the end of the file': change((movie) => {
      only(movie, 'stco').data = table(1, 2 ** 31);
    }),
    'a clock of zero ticks a second': change((movie) => void only(movie, 'mdhd').data.writeUInt32BE(0, 12)),
  };
}

function structuredCopy({ type, data, children }: Mp4Box): Mp4Box {
  return { type, data: Buffer.from(data), children: children.map(structuredCopy) };
}

/** Shifts below zero need the table's version 1. */
function versioned(data: Buffer): Buffer {
  data[0] = 1;
  return data;
}

function headerOf(bytes: number, type = 'moov'): Buffer {
  const box = Buffer.alloc(bytes);
  box.writeUInt32BE(bytes, 0);
  box.write(type, 4, 'latin1');
  return box;
}

/** Puts another sequence parameter set into the decoder's configuration, and mends the lengths around it. */
function replaceParameterSet(movie: Mp4Box, data: Buffer, set: Buffer): void {
  const configuration = data.indexOf('avcC') + 4;
  const oldLength = data.readUInt16BE(configuration + 6);
  const changed = Buffer.concat([
    data.subarray(0, configuration + 8),
    set,
    data.subarray(configuration + 8 + oldLength),
  ]);
  changed.writeUInt16BE(set.length, configuration + 6);
  const longer = set.length - oldLength;
  changed.writeUInt32BE(changed.readUInt32BE(configuration - 8) + longer, configuration - 8);
  const entry = changed.indexOf('avc1') - 4;
  changed.writeUInt32BE(changed.readUInt32BE(entry) + longer, entry);
  only(movie, 'stsd').data = changed;
}
