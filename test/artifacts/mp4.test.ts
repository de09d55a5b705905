import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createBoxWalk } from '../../artifacts/mp4.js';
import { aBox, aFastStartVideo, ftyp, moov } from './builders.js';

const media = Buffer.alloc(1_000, 3);

function problemOf(file: Buffer, cuts: number[] = []): string | undefined {
  const walk = createBoxWalk();
  let start = 0;
  for (const cut of [...cuts, file.length].toSorted((one, other) => one - other)) {
    walk.push(file.subarray(start, cut));
    start = cut;
  }
  return walk.problem();
}

describe('the walk over the boxes', () => {
  it.each([
    ['the index in front', [ftyp, moov, aBox('mdat', media)]],
    ['the index at the end', [ftyp, aBox('mdat', media), moov]],
    ['a 64-bit size', [ftyp, moov, aBox('mdat', media, 'long')]],
    ['a last box without a size', [ftyp, moov, aBox('mdat', media, 'open')]],
    [
      'boxes nobody knows and an empty one',
      [ftyp, aBox('free', Buffer.alloc(0)), moov, aBox('mdat', media), aBox('uuid', media)],
    ],
  ])('takes a whole file with %s', (_, boxes) => {
    expect(problemOf(Buffer.concat(boxes))).toBeUndefined();
  });

  it.each([
    ['no index', /moov/, [ftyp, aBox('mdat', media)]],
    ['no media', /mdat/, [ftyp, moov]],
    ['no word of what it is', /ftyp/, [moov, aBox('mdat', media)]],
    ['bytes after its last box', /within the header/, [ftyp, moov, aBox('mdat', media), Buffer.alloc(3)]],
    ['a box smaller than its header', /smaller/, [ftyp, Buffer.from('\0\0\0\x04free'), moov, aBox('mdat', media)]],
    [
      'a long box smaller than its header',
      /smaller/,
      [ftyp, Buffer.from('\0\0\0\x01free\0\0\0\0\0\0\0\x09'), moov, aBox('mdat', media)],
    ],
    ['a box without a type', /readable type/, [ftyp, moov, aBox('mdat', media), Buffer.alloc(16)]],
  ])('refuses a file with %s', (_, message, boxes) => {
    expect(problemOf(Buffer.concat(boxes))).toMatch(message);
  });

  it('says the same however the bytes are cut into pieces, and refuses every shorter file', () => {
    const file = aFastStartVideo(600);
    fc.assert(
      fc.property(fc.array(fc.nat(file.length)), fc.nat(file.length - 1), (cuts, length) => {
        expect(problemOf(file, cuts)).toBeUndefined();
        expect(
          problemOf(
            file.subarray(0, length),
            cuts.filter((cut) => cut <= length),
          ),
        ).toEqual(expect.any(String));
      }),
    );
  });
});
