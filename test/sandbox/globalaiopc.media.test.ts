import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startSandbox } from '../support/sandbox.js';
import { until } from '../support/until.js';
import { bodyOf, globalaiopcCaller, globalaiopcTask } from './callers.js';
import { pictureOf, startWeb } from './web.js';

// The first run draws the ten seconds that are the least GlobalAIOPC makes.
jest.setTimeout(60_000);

describe('the stand-in for GlobalAIOPC', () => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  let web: Awaited<ReturnType<typeof startWeb>>;
  let globalaiopc: ReturnType<typeof globalaiopcCaller>;
  beforeAll(async () => {
    sandbox = await startSandbox({ speed: 20 });
    web = await startWeb({ '/a.png': pictureOf(64, 64), '/page.png': '<html>' });
    globalaiopc = globalaiopcCaller(sandbox.url);
  });
  afterAll(async () => {
    web.close();
    await sandbox.close();
  });

  it.each(['/sora/videos', '/v1/sora/videos'])('carries a video from queued to completed at %s', async (path) => {
    const caller = globalaiopcCaller(sandbox.url, { path });
    await sandbox.control.speed(0.01);
    const created = await caller.submitted(globalaiopcTask());
    const facts = { id: expect.stringMatching(/^sora_/), object: 'video.generation', model: 'sora-2' };
    expect(created).toEqual({ ...facts, created: expect.any(Number), status: 'queued' });
    expect(Math.abs(created.created - Date.now() / 1_000)).toBeLessThan(60);
    expect(await caller.looked(created.id)).toEqual(created);
    await sandbox.control.speed(2);
    await until(async () => (await caller.looked(created.id)).status === 'processing', 20);
    await sandbox.control.speed(40);
    const { video_url: url, ...done } = await caller.ended(created.id);
    expect(done).toEqual({ ...created, status: 'completed' });
    expect(url).toContain(`${sandbox.url}/globalaiopc/files/`);
    const file = await sandbox.factsOf(await fetch(url ?? ''));
    // Portrait, unless something else is asked for.
    expect(file).toMatchObject({ width: 720, height: 1280 });
    expect(file.durationSeconds).toBeCloseTo(10, 1);
  });

  it.each<[string, object, RegExp]>([
    ['size and aspect_ratio', { size: '720x1280', aspect_ratio: '9:16' }, /size and aspect_ratio/],
    ['seconds and duration', { seconds: 10, duration: 10 }, /duration and seconds/],
    [
      'input_reference and image_urls',
      { input_reference: ['https://example.com/a.png'], image_urls: ['https://example.com/a.png'] },
      /input_reference and image_urls/,
    ],
    ['a size that no page names', { size: '1024x1792' }, /size/],
    ['a square', { aspect_ratio: '1:1' }, /aspect_ratio/],
    ['seconds as a text', { seconds: '10' }, /seconds/],
    ['eight seconds', { seconds: 8 }, /seconds/],
    ['25 seconds by sora-2', { duration: 25 }, /25/],
    ['25 seconds by sora-2-stable', { model: 'sora-2-stable', seconds: 25 }, /25/],
    [
      'four images',
      { image_urls: ['a', 'b', 'c', 'd'].map((name) => `https://example.com/${name}.png`) },
      /image_urls/,
    ],
    ['a data URL', { input_reference: ['data:image/png;base64,AAAA'] }, /input_reference/],
    ['an image that is no list', { input_reference: 'https://example.com/a.png' }, /input_reference/],
    ['another model', { model: 'sora' }, /model/],
    ['no prompt', { prompt: '' }, /prompt/],
    ['an unknown field', { seed: 1 }, /seed/],
  ])('refuses %s', async (_, given, message) => {
    const response = await globalaiopc.submit(globalaiopcTask(given));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({
      error: { code: 'invalid_request', message: expect.stringMatching(message) },
    });
  });

  it.each(['input_reference', 'image_urls'])('fetches the images of %s, and fails what is none', async (field) => {
    const ended = async (...names: string[]) => {
      const images = names.map((name) => `${web.url}/${name}`);
      const { id } = await globalaiopc.submitted(globalaiopcTask({ [field]: images }));
      return globalaiopc.ended(id);
    };
    expect(await ended('a.png', 'a.png', 'a.png')).toMatchObject({ status: 'completed' });
    expect(await ended('a.png', 'page.png')).toMatchObject({ status: 'failed', error: expect.stringMatching(/image/) });
  });

  it('tells a failure in words', async () => {
    const prompt = 'a boat that sinks';
    await sandbox.control.script({
      call: 'submit',
      fault: 'fail_after_accept',
      reason: 'moderation',
      promptIncludes: prompt,
    });
    const { id } = await globalaiopc.submitted(globalaiopcTask({ prompt }));
    expect(await globalaiopc.ended(id)).toMatchObject({ status: 'failed', error: expect.stringMatching(/policy/) });
  });

  it('refuses a bad key, and ids that it does not know', async () => {
    const key = await globalaiopc.submit(globalaiopcTask(), { authorization: 'Bearer bad-key' });
    expect([key.status, await key.json()]).toMatchObject([401, { error: { code: 'invalid_api_key' } }]);
    expect((await globalaiopc.look('sora_none')).status).toBe(404);
    const { id } = await globalaiopc.submitted(globalaiopcTask());
    expect((await globalaiopcCaller(sandbox.url, { account: 'globalaiopc-2' }).look(id)).status).toBe(404);
  });

  // Last, so that nothing waits for long clips that nobody looks at.
  it.each<[object, object]>([
    [
      { aspect_ratio: '16:9', duration: 15 },
      { width: 1280, height: 720, seconds: 15 },
    ],
    [
      { size: '1280x720', seconds: 10 },
      { width: 1280, height: 720, seconds: 10 },
    ],
    [{ aspect_ratio: '9:16' }, { width: 720, height: 1280 }],
    [
      { model: 'sora-2-pro', seconds: 25 },
      { width: 720, height: 1280, seconds: 25 },
    ],
  ])('takes %j', async (given, expected) => {
    const prompt = `a boat of ${JSON.stringify(given)}`;
    expect((await globalaiopc.submit(globalaiopcTask({ ...given, prompt }))).status).toBe(200);
    const { data } = await bodyOf<{ data: { prompt: string }[] }>(fetch(`${sandbox.url}/_sandbox/tasks`));
    expect(data.find((task) => task.prompt === prompt)).toMatchObject(expected);
    const [entry] = await sandbox.control.ledger({ promptIncludes: prompt });
    const { seconds = 10 } = expected as { seconds?: number };
    expect(entry).toMatchObject({ outcome: 'accepted', billedMicros: seconds * 90_000 });
  });
});
