import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createMediaProcess, type MediaProcess } from '../../media/process.js';
import { aHeaderBomb } from './header-bomb.js';
import { lookAtPicture } from './picture.js';
import { writeSound, writeVideo } from './write-video.js';

const red = { red: expect.closeTo(255, -1.5), green: expect.closeTo(0, -1.5), blue: expect.closeTo(0, -1.5) };
const blue = { red: expect.closeTo(0, -1.5), green: expect.closeTo(0, -1.5), blue: expect.closeTo(255, -1.5) };
const kinds = ['drawThumbnail', 'drawSpritesheet'] as const;

jest.setTimeout(30_000);

/** Runs the compiled child, so it needs a build. */
describe('stills of a video', () => {
  const folder = mkdtempSync(join(tmpdir(), 'reelay-stills-'));
  const file = (name: string) => join(folder, name);
  const clip = file('clip.mp4');
  let media: MediaProcess;
  const start = (settings: Parameters<typeof createMediaProcess>[0] = {}) => {
    media = createMediaProcess(settings);
    return media;
  };
  const drawClip = async (path: string, { width, height }: { width: number; height: number }) => {
    const drawing = createMediaProcess();
    const words = { title: 'text_to_video', prompt: 'A paper boat', detail: 'test' };
    await drawing.drawClip({ path, width, height, seconds: 2, framesPerSecond: 20, ...words });
    await drawing.close();
  };
  /** The bar along the lower edge of a drawn clip is as long as the share of the clip that has passed. */
  const isAboutShare = (share: number) => expect.closeTo(share, 1.6);

  beforeAll(() => drawClip(clip, { width: 640, height: 360 }));
  afterEach(() => media.close());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are a thumbnail: the frame at a tenth of the length, as WebP of the size of the video', async () => {
    await start().drawThumbnail({ path: clip, to: file('clip.webp') });
    const picture = await lookAtPicture(file('clip.webp'));
    expect(picture).toMatchObject({ type: 'webp', width: 640, height: 360 });
    expect(picture.brightShare({ x: 0, y: 358, length: 640 })).toEqual(isAboutShare(0.1));
  });

  it('are a thumbnail no longer than 1280 pixels, however large the video', async () => {
    await drawClip(file('large.mp4'), { width: 900, height: 1600 });
    await start().drawThumbnail({ path: file('large.mp4'), to: file('large.webp') });
    expect(await lookAtPicture(file('large.webp'))).toMatchObject({ width: 720, height: 1280 });
  });

  it('are a spritesheet: 5 by 4 cells as JPEG, in each the frame of its part of the length', async () => {
    await start().drawSpritesheet({ path: clip, to: file('clip.jpg') });
    const picture = await lookAtPicture(file('clip.jpg'));
    expect(picture).toMatchObject({ type: 'jpg', width: 5 * 320, height: 4 * 180 });
    const shares = Array.from({ length: 20 }, (_, cell) =>
      picture.brightShare({ x: (cell % 5) * 320, y: Math.floor(cell / 5) * 180 + 178, length: 320 }),
    );
    expect(shares).toEqual(shares.map((_, cell) => isAboutShare((cell + 0.5) / 20)));
  });

  it('show no black beginning, and stand upright when the video is to be turned', async () => {
    const black = { above: [0, 0, 0], below: [0, 0, 0] } as const;
    const colours = { above: [255, 0, 0], below: [0, 0, 255] } as const;
    const frames = Array.from({ length: 20 }, (_, index) => (index < 6 ? black : colours));
    await writeVideo({ path: file('turned.mp4'), width: 160, height: 80, rotation: 90, frames });
    start();
    await media.drawThumbnail({ path: file('turned.mp4'), to: file('turned.webp') });
    await media.drawSpritesheet({ path: file('turned.mp4'), to: file('turned.jpg') });

    // What was above is to the right after a quarter turn clockwise.
    const thumbnail = await lookAtPicture(file('turned.webp'));
    expect(thumbnail).toMatchObject({ width: 80, height: 160 });
    expect([thumbnail.colourAt(60, 80), thumbnail.colourAt(20, 80)]).toEqual([red, blue]);
    const sheet = await lookAtPicture(file('turned.jpg'));
    expect(sheet).toMatchObject({ width: 5 * 80, height: 4 * 160 });
    expect([sheet.colourAt(4 * 80 + 60, 3 * 160 + 80), sheet.colourAt(4 * 80 + 20, 3 * 160 + 80)]).toEqual([red, blue]);
  });

  it('show black where there is nothing else', async () => {
    const frames = Array.from({ length: 5 }, () => ({ above: [0, 0, 0], below: [0, 0, 0] }) as const);
    await writeVideo({ path: file('black.mp4'), frames });
    await start().drawThumbnail({ path: file('black.mp4'), to: file('black.webp') });
    const { red, green, blue } = (await lookAtPicture(file('black.webp'))).colourAt(80, 40);
    expect(Math.max(red, green, blue)).toBeLessThan(12);
  });

  it.each(kinds)('of what is no whole video are refused by %s, by name, and leave no file', async (draw) => {
    await writeSound(file('sound.mp4'));
    const whole = readFileSync(clip);
    const giant = Buffer.from(whole);
    // Width and height in the sample entry: 6000 by 6000 pixels.
    giant.writeUInt32BE(0x1770_1770, giant.indexOf('avc1', giant.indexOf('stsd')) + 28);
    const files: Record<string, Buffer | string> = {
      page: '<!doctype html><title>no</title>',
      beginning: whole.subarray(0, 200),
      truncated: whole.subarray(0, whole.length * 0.1),
      noise: Buffer.concat([whole.subarray(0, whole.indexOf('mdat') + 4), Buffer.alloc(whole.length, 7)]),
      sound: readFileSync(file('sound.mp4')),
      giant,
    };
    start();
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(file(name), content);
      const drawn = media[draw]({ path: file(name), to: file(`${name}.out`) });
      const reason = name === 'giant' ? 'too_large' : 'not_a_video';
      await expect(drawn).rejects.toMatchObject({ name: 'MediaError', reason });
    }
    expect(readdirSync(folder).filter((name) => name.includes('.out'))).toEqual([]);
  });

  it.each(kinds)('end their child, and nothing else, when the file hangs or bombs it in %s', async (draw) => {
    const pipe = file(`${draw}.pipe`);
    // Opening a pipe that nobody writes to never returns.
    execFileSync('mkfifo', [pipe]);
    writeFileSync(file('bomb.mp4'), aHeaderBomb({ entries: 2_000_000 }));
    start({ timeoutMs: 5_000, memoryLimitMb: 40, maxConcurrent: 1, limits: { maxFrames: 1e9 } });
    await expect(media[draw]({ path: pipe, to: file('none') })).rejects.toMatchObject({ reason: 'timed_out' });
    const bombed = media[draw]({ path: file('bomb.mp4'), to: file('none') });
    await expect(bombed).rejects.toMatchObject({ reason: expect.stringMatching(/out_of_memory|timed_out/) });
    await media.close();
    await start()[draw]({ path: clip, to: file('after') });
    expect([existsSync(file('after')), existsSync(file('none'))]).toEqual([true, false]);
  });

  it('tell a file that could not be read, or a place that could not be written, from one that is no video', async () => {
    start();
    const noFile = media.drawThumbnail({ path: file('none.mp4'), to: file('none.webp') });
    await expect(noFile).rejects.toMatchObject({ reason: 'failed' });
    const noPlace = media.drawThumbnail({ path: clip, to: join(folder, 'nowhere', 'clip.webp') });
    await expect(noPlace).rejects.toMatchObject({ reason: 'failed' });
  });
});
