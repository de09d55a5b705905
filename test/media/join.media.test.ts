import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { JoinSource } from '../../media/messages.js';
import { createMediaProcess, type MediaProcess } from '../../media/process.js';
import { findProjectRoot } from '../../runtime/root.js';
import { until } from '../support/until.js';
import { listenTo } from './listen.js';
import { lookAtPicture } from './picture.js';
import { writeVideo } from './write-video.js';

jest.setTimeout(120_000);

const clips = {
  wide: { width: 320, height: 180, seconds: 2, framesPerSecond: 20 },
  alike: { width: 320, height: 180, seconds: 1.5, framesPerSecond: 20 },
  tall: { width: 180, height: 320, seconds: 1, framesPerSecond: 30 },
  slow: { width: 240, height: 240, seconds: 1.25, framesPerSecond: 12 },
  film: { width: 320, height: 180, seconds: 1, framesPerSecond: 24_000 / 1_001 },
};
const sounding = {
  low: { seconds: 2, framesPerSecond: 10, sound: { hertz: 400, sampleRate: 48_000, channels: 2 } },
  high: { seconds: 1, framesPerSecond: 25, sound: { hertz: 1_000, sampleRate: 44_100, channels: 1 } },
};
type Name = keyof typeof clips | keyof typeof sounding;
const facts = { ...clips, ...sounding };

const grey = { above: [90, 90, 90], below: [200, 200, 200] } as const;

/** Runs the compiled child, so it needs a build. */
describe('joined videos', () => {
  const folder = mkdtempSync(join(tmpdir(), 'reelay-join-'));
  const file = (name: string) => join(folder, name);
  const source = (name: Name, part: Omit<JoinSource, 'path'> = {}): JoinSource => ({
    path: file(`${name}.mp4`),
    ...part,
  });
  const to = file('joined.mp4');
  let media: MediaProcess;
  const start = (settings: Parameters<typeof createMediaProcess>[0] = {}) => {
    media = createMediaProcess(settings);
    return media;
  };
  /** The bar along the lower edge of a drawn clip is as long as the share of the clip that has passed. */
  const shareAt = async (seconds: number, { y, length }: { y: number; length: number }) => {
    await media.extractFrame({ path: to, at: seconds, to: file('frame.png'), format: 'png' });
    return (await lookAtPicture(file('frame.png'))).brightShare({ x: 0, y, length });
  };

  beforeAll(async () => {
    start();
    const words = { title: 'text_to_video', prompt: 'A paper boat', detail: 'test' };
    for (const [name, clip] of Object.entries(clips)) {
      await media.drawClip({ path: file(`${name}.mp4`), ...clip, ...words });
    }
    for (const [name, { seconds, ...video }] of Object.entries(sounding)) {
      const frames = Array.from({ length: seconds * video.framesPerSecond }, () => grey);
      await writeVideo({ path: file(`${name}.mp4`), frames, ...video });
    }
    await media.close();
  });
  afterEach(() => media.close());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are copied, one after the other, where all are alike', async () => {
    const joined = await start().joinVideos({ sources: [source('wide'), source('alike')], to });
    expect(joined).toEqual({
      width: 320,
      height: 180,
      durationSeconds: expect.closeTo(3.5, 3),
      framesPerSecond: expect.closeTo(20, 2),
      reencoded: false,
    });
    expect(await media.probeVideo(to)).toMatchObject({ durationSeconds: expect.closeTo(3.5, 3) });
    const text = readFileSync(to).toString('latin1');
    expect(text.indexOf('moov')).toBeLessThan(text.indexOf('mdat'));
    const bar = { y: 179, length: 320 };
    expect(await shareAt(1, bar)).toBeCloseTo(0.5, 1);
    expect(await shareAt(2.75, bar)).toBeCloseTo(0.5, 1);
    expect(readdirSync(folder).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('take the size and rate of the first where they differ, between black bars', async () => {
    const joined = await start().joinVideos({ sources: [source('wide'), source('tall'), source('slow')], to });
    expect(joined).toEqual({
      width: 320,
      height: 180,
      durationSeconds: expect.closeTo(4.25, 2),
      framesPerSecond: expect.closeTo(20, 2),
      reencoded: true,
    });
    // The tall one is 101 pixels wide now, in the middle of 320.
    await media.extractFrame({ path: to, at: 2.5, to: file('frame.png'), format: 'png' });
    const picture = await lookAtPicture(file('frame.png'));
    const beside = [picture.colourAt(20, 90), picture.colourAt(300, 90)];
    for (const { red, green, blue } of beside) expect(Math.max(red, green, blue)).toBeLessThan(10);
    const { red, green, blue } = picture.colourAt(160, 150);
    expect(Math.max(red, green, blue)).toBeGreaterThan(20);
    expect(picture.brightShare({ x: 110, y: 179, length: 101 })).toBeCloseTo(0.5, 0.6);
  });

  it('leave out the last frame of a source, and are copied where nothing is decoded after it', async () => {
    const sources = [source('wide', { withoutLastFrame: true }), source('alike')];
    const joined = await start().joinVideos({ sources, to });
    expect(joined).toMatchObject({ reencoded: false, durationSeconds: expect.closeTo(1.95 + 1.5, 3) });
    expect(joined.framesPerSecond).toBeCloseTo(20, 2);
    // The share of each frame about the seam: 39 of 40 frames, then all of 30.
    const bar = { y: 179, length: 320 };
    for (const [frame, share] of [
      [37, 37 / 40],
      [38, 38 / 40],
      [39, 0],
      [40, 1 / 30],
      [68, 29 / 30],
    ] as const) {
      expect([frame, await shareAt((frame + 0.5) / 20, bar)]).toEqual([frame, expect.closeTo(share, 1.6)]);
    }
  });

  it('are made anew where the last frame is needed by others', async () => {
    const path = join(findProjectRoot(), 'test', 'media', 'fixtures', 'reordered.mp4');
    start();
    // Its last frame is decoded last; the one before is not, which is so the last of this copy.
    const cut = file('cut.mp4');
    await media.joinVideos({ sources: [{ path, withoutLastFrame: true }], to: cut });
    for (const { first, left, reencoded } of [
      { first: path, left: 35, reencoded: false },
      { first: cut, left: 34, reencoded: true },
    ]) {
      const joined = await media.joinVideos({ sources: [{ path: first, withoutLastFrame: true }, { path }], to });
      expect(joined).toMatchObject({ reencoded, durationSeconds: expect.closeTo((left + 36) / 24, 3) });
      for (const frame of [1, 30, 31, 32, 33, 34, 35, 36, 50]) {
        const shown = frame < left ? frame : frame - left;
        const share = await shareAt((frame + 0.5) / 24, { y: 85, length: 160 });
        expect([frame, share]).toEqual([frame, expect.closeTo((shown + 1) / 36, 1.6)]);
      }
    }
  });

  it('keep a last frame that is the only one', async () => {
    const path = file('still.mp4');
    await writeVideo({ path, frames: [grey] });
    const joined = await start().joinVideos({ sources: [{ path, withoutLastFrame: true }, { path }], to });
    expect(joined.durationSeconds).toBeCloseTo(0.2, 3);
  });

  it('keep their sound in step with pictures of which one is left out', async () => {
    start();
    const path = file('silent.mp4');
    await writeVideo({ path, frames: Array.from({ length: 20 }, () => grey) });
    const alone = await listenTo(source('low').path);
    for (const [first, heardUntil] of [
      [path, 0],
      [source('low').path, 1.85],
    ] as const) {
      const joined = await media.joinVideos({ sources: [{ path: first, withoutLastFrame: true }, source('low')], to });
      expect(joined).toMatchObject({ reencoded: false, durationSeconds: expect.closeTo(3.9, 3) });
      const sound = await listenTo(to);
      expect(Math.abs((sound?.seconds ?? 0) - 3.9)).toBeLessThan(0.05);
      const loudness = expect.closeTo(0.35, 1);
      expect(sound?.between(2, 3.8)).toEqual({ loudness, hertz: expect.closeTo(400, -1) });
      if (heardUntil > 0) expect(sound?.between(0.1, heardUntil).loudness).toEqual(loudness);
      else expect((sound?.beginsAtSeconds ?? 0) - (alone?.beginsAtSeconds ?? 0)).toBeCloseTo(1.9, 2);
    }
  });

  it('keep their frames in order where these were written in another', async () => {
    // 36 frames of x264 with a key frame at 0 and 18, others that refer to later ones, and a tone of 500 hertz.
    const path = join(findProjectRoot(), 'test', 'media', 'fixtures', 'reordered.mp4');
    start();
    const joined = await media.joinVideos({ sources: [{ path }, { path }], to });
    expect(joined).toMatchObject({ reencoded: false, durationSeconds: expect.closeTo(72 / 24, 3) });
    for (const frame of [1, 17, 18, 35, 36, 37, 46, 53]) {
      const share = await shareAt((frame + 0.5) / 24, { y: 85, length: 160 });
      expect([frame, share]).toEqual([frame, expect.closeTo(((frame % 36) + 1) / 36, 1.6)]);
    }
    const sound = await listenTo(to);
    expect(sound?.between(0.1, joined.durationSeconds - 0.1).hertz).toBeCloseTo(500, -1.3);
  });

  it('sound as their sources do, and are silent where a source is', async () => {
    const joined = await start().joinVideos({ sources: [source('slow'), source('high'), source('low')], to });
    expect(joined.durationSeconds).toBeCloseTo(4.25, 1);
    const sound = await listenTo(to);
    expect(sound).toMatchObject({ sampleRate: 44_100, channels: 1, seconds: expect.closeTo(4.25, 1) });
    expect(sound?.seconds).toBeLessThanOrEqual(joined.durationSeconds);
    expect(sound?.between(0.1, 1.2).loudness).toBeLessThan(0.001);
    const loudness = expect.closeTo(0.35, 1);
    expect(sound?.between(1.35, 2.15)).toEqual({ loudness, hertz: expect.closeTo(1_000, -1) });
    expect(sound?.between(2.35, 4.15)).toEqual({ loudness, hertz: expect.closeTo(400, -1) });
    // The tone begins with the pictures of its source.
    const alone = await listenTo(source('high').path);
    expect((sound?.beginsAtSeconds ?? 0) - (alone?.beginsAtSeconds ?? 0)).toBeCloseTo(1.25, 2);
  });

  it('keep their sound when pictures are copied', async () => {
    const joined = await start().joinVideos({ sources: [source('low'), source('low')], to });
    expect(joined).toMatchObject({ reencoded: false, durationSeconds: expect.closeTo(4, 3) });
    const sound = await listenTo(to);
    expect(sound).toMatchObject({ sampleRate: 48_000, channels: 2 });
    expect(sound?.between(0.1, 3.9)).toEqual({ loudness: expect.closeTo(0.35, 1), hertz: expect.closeTo(400, -1) });
  });

  it('keep their colours, whatever these are called', async () => {
    const colour = { above: [200, 40, 40], below: [40, 60, 200] } as const;
    const frames = Array.from({ length: 10 }, () => colour);
    const bt601 = { primaries: 'smpte170m', transfer: 'smpte170m', matrix: 'smpte170m', fullRange: false } as const;
    const high = { primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', fullRange: false } as const;
    await writeVideo({ path: file('bt601.mp4'), frames, colorSpace: bt601 });
    await writeVideo({ path: file('bt709.mp4'), frames, width: 240, colorSpace: high });
    start();
    for (const [first, second] of [
      ['bt601', 'bt709'],
      ['bt709', 'bt601'],
    ]) {
      await media.joinVideos({ sources: [{ path: file(`${first}.mp4`) }, { path: file(`${second}.mp4`) }], to });
      for (const [name, seconds] of [
        [first, 0.5],
        [second, 1.5],
      ] as const) {
        await media.extractFrame({ path: file(`${name}.mp4`), at: 0.5, to: file('before.png'), format: 'png' });
        await media.extractFrame({ path: to, at: seconds, to: file('after.png'), format: 'png' });
        const before = await lookAtPicture(file('before.png'));
        const after = await lookAtPicture(file('after.png'));
        const was = before.colourAt(before.width / 2, 20);
        const near = (value: number) => expect.closeTo(value, -1);
        expect(after.colourAt(after.width / 2, 30)).toEqual({
          red: near(was.red),
          green: near(was.green),
          blue: near(was.blue),
        });
      }
    }
  });

  it('are as long as what went in, whatever went in', async () => {
    start();
    const names = Object.keys(facts) as Name[];
    const anySource = fc.record({
      name: fc.constantFrom(...names),
      withoutLastFrame: fc.boolean(),
    });
    const anySources = fc.array(anySource, { minLength: 1, maxLength: 20 });
    const property = fc.asyncProperty(anySources, async (sources) => {
      const joined = await media.joinVideos({
        sources: sources.map(({ name, ...part }) => source(name, part)),
        to,
      });
      const wanted = sources.reduce((sum, { name, withoutLastFrame }) => {
        const { seconds, framesPerSecond } = facts[name];
        const left = Math.round(seconds * framesPerSecond) - (withoutLastFrame ? 1 : 0);
        return sum + left / framesPerSecond;
      }, 0);
      const first = facts[sources[0]?.name ?? 'wide'];
      expect(joined.framesPerSecond).toBeCloseTo(first.framesPerSecond, 1);
      expect(Math.abs(joined.durationSeconds - wanted)).toBeLessThan(1 / first.framesPerSecond);
      const sound = await listenTo(to);
      expect(sound !== undefined).toBe(sources.some(({ name }) => name in sounding));
      if (sound) expect(Math.abs(sound.seconds - joined.durationSeconds)).toBeLessThan(0.1);
    });
    await fc.assert(property, { seed: 7, numRuns: 8 });
  });

  it('are one, when there is one', async () => {
    const joined = await start().joinVideos({ sources: [source('tall')], to });
    expect(joined).toMatchObject({ width: 180, height: 320, reencoded: false, durationSeconds: expect.closeTo(1, 3) });
  });

  it('are refused, and leave no file, when there is no source or too much comes of all', async () => {
    rmSync(to, { force: true });
    start({ limits: { maxSeconds: 3, maxOutputBytes: 20_000 } });
    const attempts = [
      { sources: [], reason: 'unsupported' },
      { sources: [source('wide'), source('alike')], reason: 'too_large' },
      { sources: [source('wide')], reason: 'too_large' },
    ];
    for (const { sources, reason } of attempts) {
      await expect(media.joinVideos({ sources, to })).rejects.toMatchObject({ name: 'MediaError', reason });
    }
    const nowhere = join(folder, 'nowhere', 'joined.mp4');
    await expect(media.joinVideos({ sources: [source('alike')], to: nowhere })).rejects.toMatchObject({
      reason: 'failed',
    });
    expect(readdirSync(folder).filter((name) => name.startsWith('joined'))).toEqual([]);
  });

  it('are given up at once when the caller gives up', async () => {
    rmSync(to, { force: true });
    start({ maxConcurrent: 1 });
    const controller = new AbortController();
    const sources = Array.from({ length: 20 }, (_, index) => source(index % 2 === 0 ? 'tall' : 'wide'));
    const joining = media.joinVideos({ sources, to }, { signal: controller.signal });
    const waiting = media.probeVideo(file('wide.mp4'), { signal: controller.signal });
    const next = media.probeVideo(file('wide.mp4'));
    const reason = new Error('cancelled');
    await until(() => readdirSync(folder).some((name) => name.startsWith('joined')), 5);
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(joining).rejects.toBe(reason);
    expect(await next).toMatchObject({ width: 320 });
    await expect(media.probeVideo(file('wide.mp4'), { signal: controller.signal })).rejects.toBe(reason);
    expect(readdirSync(folder).filter((name) => name.startsWith('joined'))).toEqual([]);
  });
});
