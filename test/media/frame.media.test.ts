import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import { createMediaProcess, type MediaProcess } from '../../media/process.js';
import { only, table, withMovie } from './mp4-boxes.js';
import { lookAtPicture } from './picture.js';
import { writeVideo } from './write-video.js';

jest.setTimeout(30_000);

/** Runs the compiled child, so it needs a build. */
describe('a frame of a video', () => {
  const folder = mkdtempSync(join(tmpdir(), 'reelay-frame-'));
  const file = (name: string) => join(folder, name);
  const to = file('frame.png');
  let media: MediaProcess;
  const start = (settings: Parameters<typeof createMediaProcess>[0] = {}) => {
    media = createMediaProcess(settings);
    return media;
  };
  /** Its frames are ever brighter, by 20 each. */
  const aBrighteningVideo = async (path: string, count = 12) => {
    const frames = Array.from({ length: count }, (_, index) => {
      const grey = [20 * index, 20 * index, 20 * index] as const;
      return { above: grey, below: grey };
    });
    await writeVideo({ path, frames, width: 200, height: 120 });
  };
  const brightness = async () => (await lookAtPicture(to)).colourAt(100, 60).green / 20;

  afterEach(() => media.close());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is the first, the very last, or the one on show at a time, as PNG in full size', async () => {
    const path = file('brighter.mp4');
    await aBrighteningVideo(path);
    start();
    for (const [at, frame] of [
      ['first', 0],
      ['last', 11],
      [0, 0],
      [0.55, 5],
      [0.99, 9],
      [1, 10],
      [600, 11],
    ] as const) {
      const facts = await media.extractFrame({ path, at, to, format: 'png' });
      expect(facts).toEqual({ width: 200, height: 120, atSeconds: expect.closeTo(frame / 10, 3) });
      expect(await lookAtPicture(to)).toMatchObject({ type: 'png', width: 200, height: 120 });
      expect(await brightness()).toBeCloseTo(frame, 0);
    }
  });

  it('is the last that can be decoded when the end of the video cannot, whatever the header says', async () => {
    const path = file('broken-end.mp4');
    await aBrighteningVideo(path);
    const whole = readFileSync(path);
    const sizes = whole.indexOf('stsz') + 16;
    const begin = whole.readUInt32BE(whole.indexOf('stco') + 12);
    // All frames are in one chunk, one after the other; the last three become noise.
    const lengths = Array.from({ length: 12 }, (_, index) => whole.readUInt32BE(sizes + index * 4));
    const noise = begin + lengths.slice(0, 9).reduce((sum, length) => sum + length, 0);
    const end = begin + lengths.reduce((sum, length) => sum + length, 0);
    writeFileSync(path, Buffer.from(whole).fill(0xff, noise, end));
    const { atSeconds } = await start().extractFrame({ path, at: 'last', to, format: 'png' });
    expect(atSeconds).toBeCloseTo(0.8, 3);
    expect(await brightness()).toBeCloseTo(8, 0);
  });

  it('is the last frame there is, though the header promises hours', async () => {
    const path = file('promises.mp4');
    await aBrighteningVideo(path);
    const whole = readFileSync(path);
    const promising = withMovie(whole, (movie) => {
      only(movie, 'mvhd').data.writeUInt32BE(1e9, 16);
      only(movie, 'tkhd').data.writeUInt32BE(1e9, 20);
      only(movie, 'mdhd').data.writeUInt32BE(1e9, 16);
    });
    writeFileSync(path, promising);
    const { atSeconds } = await start().extractFrame({ path, at: 'last', to, format: 'png' });
    expect(atSeconds).toBeCloseTo(1.1, 3);
    expect(await brightness()).toBeCloseTo(11, 0);
  });

  it('counts from the beginning of a video that begins late', async () => {
    const path = file('late.mp4');
    await aBrighteningVideo(path);
    const late = withMovie(readFileSync(path), (movie) => {
      const track = only(movie, 'trak');
      const seconds = only(movie, 'mvhd').data.readUInt32BE(12);
      const edits = table(2, 3 * seconds, -1, 65_536, seconds, 0, 65_536);
      const box = Buffer.alloc(8);
      box.writeUInt32BE(edits.length + 8);
      box.write('elst', 4);
      track.children = track.children.filter(({ type }) => type !== 'edts');
      track.children.push({ type: 'edts', data: Buffer.concat([box, edits]), children: [] });
    });
    writeFileSync(path, late);
    start();
    const facts = await media.extractFrame({ path, at: 0.5, to, format: 'png' });
    expect(facts.atSeconds).toBeCloseTo(0.5, 3);
    expect(await brightness()).toBeCloseTo(5, 0);
  });

  it('stands upright', async () => {
    const path = file('turned.mp4');
    const frames = Array.from({ length: 3 }, () => ({ above: [255, 0, 0], below: [0, 0, 255] }) as const);
    await writeVideo({ path, width: 160, height: 80, rotation: 90, frames });
    expect(await start().extractFrame({ path, at: 'last', to, format: 'png' })).toMatchObject({
      width: 80,
      height: 160,
    });
    const picture = await lookAtPicture(to);
    expect(picture.colourAt(60, 80).red).toBeGreaterThan(240);
    expect(picture.colourAt(20, 80).blue).toBeGreaterThan(240);
  });

  it('has the colours that the video says its numbers mean', async () => {
    const frames = Array.from({ length: 3 }, () => ({ above: [200, 40, 40], below: [200, 40, 40] }) as const);
    const labels = { smpte170m: [200, 40, 40], bt709: [214, 55, 38] } as const;
    start();
    for (const [matrix, [red, green, blue]] of Object.entries(labels)) {
      const path = file(`${matrix}.mp4`);
      // The encoder writes the numbers of BT.601 in any case: brightness 91, towards blue 104, towards red 198.
      const colorSpace = { primaries: 'bt709', transfer: 'bt709', matrix, fullRange: false } as VideoColorSpaceInit;
      await writeVideo({ path, frames, colorSpace });
      await media.extractFrame({ path, at: 'first', to, format: 'png' });
      const near = (value: number) => expect.closeTo(value, -0.8);
      expect((await lookAtPicture(to)).colourAt(80, 40)).toEqual({
        red: near(red),
        green: near(green),
        blue: near(blue),
      });
    }
  });

  it('is refused where it would be too large, and leaves no file', async () => {
    const path = file('brighter.mp4');
    await aBrighteningVideo(path);
    rmSync(to, { force: true });
    for (const limits of [{ maxPixels: 200 * 119 }, { maxSeconds: 1.1 }, { maxFrames: 11 }, { maxOutputBytes: 100 }]) {
      const extracting = start({ limits }).extractFrame({ path, at: 'last', to, format: 'png' });
      await expect(extracting).rejects.toMatchObject({ name: 'MediaError', reason: 'too_large' });
      await media.close();
    }
    expect(readdirSync(folder).filter((name) => name.startsWith('frame.png'))).toEqual([]);
  });
});
