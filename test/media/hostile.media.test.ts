import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { MediaError } from '../../media/media-error.js';
import { createMediaProcess, type MediaProcess } from '../../media/process.js';
import { aDrawnClip } from './drawn-clip.js';
import { hostileFiles } from './hostile-files.js';
import { writeSound, writeVideo } from './write-video.js';

jest.setTimeout(600_000);

const works = ['probe', 'first', 'last', 'alone', 'after'] as const;
type Work = (typeof works)[number];

/** What comes of a file in each kind of work; `made` where a reader need not notice what is wrong with it. */
const outcomes: Record<string, Partial<Record<Work, string>>> = {
  'frames of 16384x16384 pixels': all('too_large'),
  'frames of 65535x65535 pixels': all('too_large'),
  'frames of 0x0 pixels': { ...all('unsupported'), probe: 'not_a_video' },
  'a header of 500 MB': all('too_large'),
  'boxes without end': all('too_large'),
  'times of 2^31 frames': all('too_large'),
  'sizes of 2^31 frames': all('too_large'),
  'shifts of 2^31 frames': all('too_large'),
  'times and shifts of 2^31 frames': all('too_large'),
  'a thousand tracks': all('too_large'),
  'a frame of one hour': all('too_large'),
  'a length of years': all('too_large'),
  'a header without media': { probe: 'made' },
  'media of noise': { probe: 'made' },
  'media of zeros': { probe: 'made' },
  'a codec told of 16384x16384 pixels': { probe: 'made' },
  'the name of another codec': { probe: 'made' },
  'frames beyond the end of the file': { probe: 'made' },
  'a codec that nobody knows': { ...all('unsupported'), probe: 'made' },
  'a codec told nothing': { ...all('unsupported'), probe: 'made' },
  'no key frame': all('made'),
  'all frames at once': { first: 'made', last: 'made' },
  'times going back': all('made'),
  'sound of noise': { probe: 'made', first: 'made', last: 'made' },
  'sound of 65535 channels': all('made'),
  'sound of a codec that nobody knows': {
    probe: 'made',
    first: 'made',
    last: 'made',
    alone: 'unsupported',
    after: 'unsupported',
  },
};

function all(outcome: string): Record<Work, string> {
  return { probe: outcome, first: outcome, last: outcome, alone: outcome, after: outcome };
}

/** Runs the compiled child, so it needs a build. */
describe('a hostile file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'reelay-hostile-'));
  const file = (name: string) => join(folder, name);
  const good = file('good.mp4');
  /** What comes after it has to be decoded. */
  const narrow = file('narrow.mp4');
  const files: Record<string, Buffer> = {};
  let media: MediaProcess;

  beforeAll(async () => {
    // Far less than the machine has: what would take gigabytes is found out.
    media = createMediaProcess({ maxConcurrent: 1, timeoutMs: 60_000, residentLimitMb: 600, memoryLimitMb: 200 });
    const clip = await aDrawnClip();
    writeFileSync(good, clip);
    await writeVideo({ path: narrow, frames: [{ above: [90, 90, 90], below: [200, 200, 200] }], width: 240 });
    Object.assign(files, hostileFiles(clip));
    await writeSound(file('sound.mp4'));
    files['only sound'] = readFileSync(file('sound.mp4'));
    Object.assign(files, await filesWithSound(file('sounding.mp4')));
  });
  afterAll(async () => {
    await media.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const worksOn = (path: string): Record<Work, () => Promise<unknown>> => ({
    probe: () => media.probeVideo(path),
    first: () => media.extractFrame({ path, at: 'first', to: file('made.png'), format: 'png' }),
    last: () => media.extractFrame({ path, at: 'last', to: file('made.png'), format: 'png' }),
    alone: () => media.joinVideos({ sources: [{ path }, { path }], to: file('made.mp4') }),
    after: () => media.joinVideos({ sources: [{ path: narrow }, { path }], to: file('made.mp4') }),
  });
  const outcomeOf = async (work: () => Promise<unknown>) => {
    try {
      await work();
      return 'made';
    } catch (error) {
      return error instanceof MediaError ? error.reason : String(error);
    }
  };

  it('ends in a reason that says what is wrong, and leaves nothing but a process that can go on', async () => {
    expect(Object.keys(outcomes).filter((name) => !(name in files))).toEqual([]);
    for (const [name, content] of Object.entries(files)) {
      const path = file('hostile.mp4');
      writeFileSync(path, content);
      const found: Partial<Record<Work, string>> = {};
      for (const [work, run] of Object.entries(worksOn(path))) Object.assign(found, { [work]: await outcomeOf(run) });
      expect([name, found]).toEqual([name, { ...all('not_a_video'), ...outcomes[name] }]);
      expect(await media.probeVideo(good)).toMatchObject({ width: 320 });
    }
    expect(readdirSync(folder).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('is a video or ends in a reason, whichever bytes of it are changed', async () => {
    const clip = readFileSync(good);
    const anyChange = fc.record({
      // Most of the harm is in the header.
      at: fc.oneof(
        { weight: 4, arbitrary: fc.nat(clip.indexOf('mdat')) },
        { weight: 1, arbitrary: fc.nat(clip.length - 1) },
      ),
      to: fc.oneof(fc.constantFrom(0, 0x7f, 0x80, 0xff), fc.nat(255)),
    });
    const property = fc.asyncProperty(fc.array(anyChange, { minLength: 1, maxLength: 4 }), async (changes) => {
      const changed = Buffer.from(clip);
      for (const { at, to } of changes) changed[at] = to;
      const path = file('changed.mp4');
      writeFileSync(path, changed);
      for (const run of Object.values(worksOn(path))) {
        expect(await outcomeOf(run)).toMatch(/^(made|not_a_video|too_large|unsupported)$/);
      }
    });
    await fc.assert(property, { seed: 4, numRuns: 25 });
    expect(await media.probeVideo(good)).toMatchObject({ width: 320 });
  });
});

/** Bad sound beside good pictures. */
async function filesWithSound(path: string): Promise<Record<string, Buffer>> {
  const frames = Array.from({ length: 10 }, () => ({ above: [90, 90, 90], below: [200, 200, 200] }) as const);
  await writeVideo({ path, frames, sound: { hertz: 400, sampleRate: 48_000, channels: 2 } });
  const clip = readFileSync(path);
  const changed = (edit: (copy: Buffer) => void) => {
    const copy = Buffer.from(clip);
    edit(copy);
    return copy;
  };
  const entry = clip.lastIndexOf('mp4a');
  return {
    'sound of noise': changed((copy) => {
      // The first chunk of the second track.
      const begin = copy.readUInt32BE(clip.lastIndexOf('stco') + 12);
      copy.fill(0x5a, begin, begin + 400);
    }),
    'sound of 65535 channels': changed((copy) => void copy.writeUInt16BE(65_535, entry + 20)),
    'sound of a codec that nobody knows': changed((copy) => {
      // Of the descriptor: MPEG-4 audio, a stream of sound.
      copy[copy.indexOf(Buffer.from([0x40, 0x15]), entry)] = 0xfe;
    }),
  };
}
