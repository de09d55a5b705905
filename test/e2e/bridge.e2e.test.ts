import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Stack, startStack } from '../../bench/support/stack.js';
import type { VideoFacts } from '../../contract/artifact.js';
import { createMediaProcess, type MediaProcess } from '../../media/process.js';
import { createCaller } from '../support/caller.js';
import { createFilmCaller, stepOf } from '../support/film.js';
import { sandboxControl } from '../support/sandbox.js';

jest.setTimeout(90_000);

let stack: Stack;
let caller: ReturnType<typeof createCaller>;
let sandbox: ReturnType<typeof sandboxControl>;
let media: MediaProcess;
let folder: string;
beforeAll(async () => {
  // What befalls one job must not send the next one elsewhere.
  stack = await startStack({ SANDBOX_SPEED: '0', BREAKER_STOPPED_MS: '0' });
  caller = createCaller(stack);
  sandbox = sandboxControl(stack.sandboxUrl);
  media = createMediaProcess();
  folder = mkdtempSync(join(tmpdir(), 'reelay-bridge-'));
}, 120_000);
afterAll(async () => {
  await media.close();
  await stack.stop();
  rmSync(folder, { recursive: true });
}, 60_000);

const FRAME_SECONDS = 1 / 24;

async function videoOf({ data }: { data: { url: string }[] }): Promise<VideoFacts> {
  const response = await fetch(String(data[0]?.url));
  const file = join(folder, `${crypto.randomUUID()}.mp4`);
  await writeFile(file, Buffer.from(await response.arrayBuffer()));
  return media.probeVideo(file);
}

const make = async (request: object) => {
  const job = await caller.create({ model: 'sora', size: '1280x720', wait_seconds: 0, ...request });
  return caller.untilEnded(job.id);
};
const isOutOfMoney = (account: string, prompt: string) =>
  sandbox.script({ account, call: 'submit', fault: 'refuse', reason: 'balance', promptIncludes: prompt });

describe('an extension whose provider fails', () => {
  it('is animated from the last frame by another, joined without a repeated frame, and charged for what it adds', async () => {
    const source = await make({ prompt: 'a boat', seconds: 4 });
    await isOutOfMoney('omixa', 'it sails on');
    const extended = await make({
      prompt: 'it sails on',
      video_operation: 'extend',
      source_video: source.id,
      seconds: 3,
    });

    expect(extended).toMatchObject({
      status: 'succeeded',
      provider: 'omixa-2',
      extension: 'bridged',
      cost: { captured: '0.300000' },
    });
    const { durationSeconds, width, height } = await videoOf(extended);
    expect(durationSeconds).toBeCloseTo(7 - FRAME_SECONDS, 2);
    expect([width, height]).toEqual([1280, 720]);

    const submits = await sandbox.ledger({ promptIncludes: 'it sails on', call: 'submit' });
    expect(submits.map(({ account, outcome }) => [account, outcome])).toEqual([
      ['omixa', 'refused'],
      ['omixa-2', 'accepted'],
    ]);
  });

  it('goes on from what no provider made whole', async () => {
    const source = await make({ prompt: 'a kite', seconds: 2 });
    await isOutOfMoney('omixa', 'it climbs');
    const once = await make({ prompt: 'it climbs', video_operation: 'extend', source_video: source.id, seconds: 2 });
    const twice = await make({ prompt: 'it falls', video_operation: 'extend', source_video: once.id, seconds: 2 });

    expect(twice).toMatchObject({ status: 'succeeded', extension: 'bridged' });
    expect((await videoOf(twice)).durationSeconds).toBeCloseTo(6 - 2 * FRAME_SECONDS, 1);
  });
});

describe('a remix whose provider fails', () => {
  it('is animated from the first frame, as long as its source', async () => {
    const source = await make({ prompt: 'a lamp', seconds: 3 });
    await isOutOfMoney('omixa', 'in winter');
    const remix = await make({ prompt: 'in winter', video_operation: 'remix', source_video: source.id });

    expect(remix).toMatchObject({ status: 'succeeded', provider: 'omixa-2', extension: 'bridged' });
    expect((await videoOf(remix)).durationSeconds).toBeCloseTo(3, 1);
  });
});

describe('steps that go on from joined videos', () => {
  it('are bridged, an extension being as long as all of it less the frame that would come twice', async () => {
    const films = createFilmCaller(caller);
    const job = (name: string, kind: string, more: object) => ({
      name,
      kind,
      model: 'sora',
      prompt: `a mill: ${name}`,
      wait_seconds: 0,
      ...more,
    });
    const { id } = await films.create({
      steps: [
        job('one', 'text_to_video', { seconds: 2, size: '1280x720' }),
        job('two', 'text_to_video', { seconds: 1, size: '1280x720' }),
        { name: 'film', kind: 'concat', sources: ['one', 'two'] },
        job('longer', 'extend', { source: 'film', seconds: 2 }),
        job('painted', 'remix', { source: 'film' }),
      ],
    });
    const film = await films.untilEnded(id);
    expect([film.status, film.error]).toEqual(['succeeded', null]);

    expect((await videoOf(stepOf(film, 'longer'))).durationSeconds).toBeCloseTo(5 - FRAME_SECONDS, 2);
    expect((await videoOf(stepOf(film, 'painted'))).durationSeconds).toBeCloseTo(3, 1);
    expect(stepOf(film, 'longer')).toMatchObject({ job: { extension: 'bridged' }, cost: { captured: '0.200000' } });
    expect(stepOf(film, 'painted')).toMatchObject({ job: { extension: 'bridged' }, cost: { captured: '0.300000' } });
  });
});

describe('a follow-up whose provider serves it', () => {
  it('is no bridge', async () => {
    const source = await make({ prompt: 'a clock', seconds: 2 });
    const extended = await make({ prompt: 'it ticks', video_operation: 'extend', source_video: source.id, seconds: 2 });
    expect(extended).toMatchObject({ status: 'succeeded', extension: 'native', attempts: 1 });
  });
});
