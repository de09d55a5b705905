import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ClipSpec } from '../../media/messages.js';
import { createMediaProcess, type MediaProcess } from '../../media/process.js';
import { findProjectRoot } from '../../runtime/root.js';
import { until } from '../support/until.js';
import { aHeaderBomb } from './header-bomb.js';

/** Runs the compiled child, so it needs a build. */
describe('the media process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'reelay-media-'));
  const clip = (given: Partial<ClipSpec> = {}): ClipSpec => ({
    path: join(folder, 'clip.mp4'),
    width: 320,
    height: 180,
    seconds: 1.5,
    framesPerSecond: 24,
    title: 'text_to_video',
    prompt: 'A paper boat on a stream',
    detail: 'test',
    ...given,
  });
  let media: MediaProcess;
  const start = (settings: Parameters<typeof createMediaProcess>[0] = {}) => {
    media = createMediaProcess(settings);
    return media;
  };

  beforeAll(async () => {
    const drawing = createMediaProcess();
    await drawing.drawClip(clip());
    await drawing.close();
  }, 30_000);
  afterEach(() => media.close());
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('draws a clip of exactly the size, length and rate that were asked for, its header first', async () => {
    start();
    const shapes = [
      clip({ path: join(folder, 'a.mp4') }),
      clip({ path: join(folder, 'b.mp4'), width: 180, height: 320, seconds: 2, framesPerSecond: 30 }),
    ];
    for (const shape of shapes) {
      await media.drawClip(shape);
      const { width, height, seconds: durationSeconds, framesPerSecond } = shape;
      expect(await media.probeVideo(shape.path)).toEqual({
        width,
        height,
        durationSeconds: expect.closeTo(durationSeconds, 3),
        framesPerSecond: expect.closeTo(framesPerSecond, 3),
      });
      const text = readFileSync(shape.path).toString('latin1');
      expect(text).toContain('avc1');
      expect(text.indexOf('moov')).toBeLessThan(text.indexOf('mdat'));
    }
  }, 30_000);

  it('draws a long clip in the memory of a short one', async () => {
    // All of its pictures at once would be four times as much.
    start({ residentLimitMb: 400 });
    const long = clip({ path: join(folder, 'long-drawn.mp4'), width: 1280, height: 720, seconds: 8 });
    await media.drawClip(long);
    expect((await media.probeVideo(long.path)).durationSeconds).toBeCloseTo(8, 2);
  }, 60_000);

  it('refuses what is no video, by name', async () => {
    start();
    const whole = readFileSync(join(folder, 'clip.mp4'));
    const files: Record<string, Buffer | string> = {
      page: '<!doctype html><title>no</title>',
      empty: '',
      noise: Buffer.from(Array.from({ length: 5_000 }, (_, index) => (index * 7919) % 256)),
      beginning: whole.subarray(0, 200),
    };
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, name);
      writeFileSync(path, content);
      await expect(media.probeVideo(path)).rejects.toMatchObject({ name: 'MediaError', reason: 'not_a_video' });
    }
  }, 30_000);

  it('tells a file that it could not read from one that is no video', async () => {
    await expect(start().probeVideo(join(folder, 'none.mp4'))).rejects.toMatchObject({ reason: 'failed' });
  });

  it('ends a child that hangs, fails that call alone, and goes on with the next', async () => {
    start({ timeoutMs: 5_000, maxConcurrent: 2 });
    const pipe = join(folder, 'pipe.mp4');
    // Opening a pipe that nobody writes to never returns.
    execFileSync('mkfifo', [pipe]);
    const hanging = media.probeVideo(pipe);
    const others = [media.probeVideo(clip().path), media.probeVideo(clip().path)];
    await expect(hanging).rejects.toMatchObject({ reason: 'timed_out' });
    for (const facts of await Promise.all(others)) expect(facts.width).toBe(320);
    expect((await media.probeVideo(clip().path)).height).toBe(180);
  }, 30_000);

  it('outlives a file whose header eats the memory of the child', async () => {
    start({ memoryLimitMb: 40, maxConcurrent: 1, limits: { maxFrames: 1e9 } });
    const path = join(folder, 'bomb.mp4');
    writeFileSync(path, aHeaderBomb({ entries: 2_000_000 }));
    await expect(media.probeVideo(path)).rejects.toMatchObject({ reason: 'out_of_memory' });
    expect((await media.probeVideo(clip().path)).width).toBe(320);
  }, 30_000);

  it('ends a child that takes more memory than it may, also outside its heap, and goes on with the next', async () => {
    // Enough to read a header; an encoder of pictures of this size takes more.
    start({ residentLimitMb: 200, maxConcurrent: 1 });
    const drawing = media.drawClip(clip({ path: join(folder, 'large.mp4'), width: 3840, height: 2160 }));
    await expect(drawing).rejects.toMatchObject({ name: 'MediaError', reason: 'out_of_memory' });
    expect((await media.probeVideo(clip().path)).width).toBe(320);
  }, 30_000);

  it('lets go of a child that holds on to memory when its work is done', async () => {
    start({ residentLimitMb: 400, maxConcurrent: 1 });
    await media.probeVideo(clip().path);
    const child = childOf(process.pid);
    expect(child).toBeDefined();
    await media.probeVideo(clip().path);
    expect(childOf(process.pid)).toBe(child);
    await media.drawClip(clip({ path: join(folder, 'wide.mp4'), width: 1280, height: 720, seconds: 1 }));
    await until(() => childOf(process.pid) === undefined);
    expect((await media.probeVideo(clip().path)).width).toBe(320);
  }, 30_000);

  it('does not outlive its parent, also in the middle of its work', async () => {
    const compiled = pathToFileURL(join(findProjectRoot(), 'dist', 'media', 'process.js')).href;
    const endless = JSON.stringify(clip({ path: join(folder, 'endless.mp4'), seconds: 600 }));
    const script = `import { createMediaProcess } from '${compiled}'; createMediaProcess().drawClip(${endless});`;
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], { env: {}, stdio: 'ignore' });
    const child = await until(
      () => readdirSync(folder).some((name) => name.startsWith('endless')) && childOf(parent.pid),
    );
    parent.kill('SIGKILL');
    await until(() => !mediaProcesses().has(child));
  }, 30_000);

  it('rejects what is under way and what is waiting when it is closed, and leaves no half of a clip', async () => {
    start({ maxConcurrent: 1 });
    const drawing = media.drawClip(clip({ path: join(folder, 'half.mp4'), seconds: 60 }));
    const waiting = media.probeVideo(clip().path);
    const ended = Promise.allSettled([drawing, waiting]);
    await media.close();
    const closed = { status: 'rejected', reason: expect.objectContaining({ reason: 'closed' }) };
    expect(await ended).toEqual([closed, closed]);
    await expect(media.probeVideo(clip().path)).rejects.toMatchObject({ reason: 'closed' });
    expect(readdirSync(folder).filter((name) => name.startsWith('half'))).toEqual([]);
  }, 30_000);

  it('gives the child none of our environment', async () => {
    // A preload that does not exist would end any Node process that inherited this.
    const before = process.env.NODE_OPTIONS;
    process.env.NODE_OPTIONS = `--import ${join(folder, 'none.mjs')}`;
    try {
      expect((await start().probeVideo(clip().path)).width).toBe(320);
    } finally {
      process.env.NODE_OPTIONS = before;
    }
  });
});

/** The media processes that run, with the one that started each. */
function mediaProcesses(): Map<number, number> {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).trim().split('\n');
  // One that has ended, and is not yet buried, has no arguments.
  const rows = lines.filter((line) => line.includes(join('media', 'child.js'))).map((line) => line.trim().split(/\s+/));
  return new Map(rows.map(([pid, parent]) => [Number(pid), Number(parent)]));
}

function childOf(parent: number | undefined): number | undefined {
  return [...mediaProcesses()].find(([, started]) => started === parent)?.[0];
}
