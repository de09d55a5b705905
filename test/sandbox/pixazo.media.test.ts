import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startSandbox } from '../support/sandbox.js';
import { until } from '../support/until.js';
import { bodyOf, type PixazoAnswer, pixazoCaller, pixazoTask } from './callers.js';
import { dataUrlOf, pictureOf, startWeb } from './web.js';

jest.setTimeout(60_000);

describe('the stand-in for Pixazo', () => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  let web: Awaited<ReturnType<typeof startWeb>>;
  let pixazo: ReturnType<typeof pixazoCaller>;
  beforeAll(async () => {
    sandbox = await startSandbox({ speed: 20 });
    web = await startWeb({ '/wide.png': pictureOf(1280, 720), '/tiny.png': pictureOf(64, 64), '/page.png': '<html>' });
    pixazo = pixazoCaller(sandbox.url);
  });
  afterAll(async () => {
    web.close();
    await sandbox.close();
  });

  it('carries a request from QUEUED over PROCESSING to COMPLETED, with a file that does not say what it is', async () => {
    await sandbox.control.speed(0.01);
    const response = await pixazo.submit(pixazoTask());
    expect(response.status).toBe(202);
    const { request_id: id, ...rest } = await bodyOf<PixazoAnswer>(response);
    expect(id).toMatch(/^sora-video_[0-9a-f-]{36}$/);
    expect(rest).toEqual({ status: 'QUEUED', polling_url: `${sandbox.url}/pixazo/v2/requests/status/${id}` });
    // Slow enough to be seen, then fast enough to be waited for.
    expect(await pixazo.looked(id)).toEqual({
      request_id: id,
      status: 'QUEUED',
      model_id: 'sora-video',
      error: null,
      output: null,
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
      updated_at: expect.stringMatching(/^\d{4}-.*Z$/),
      completed_at: null,
    });
    await sandbox.control.speed(2);
    await until(async () => (await pixazo.looked(id)).status === 'PROCESSING', 20);
    await sandbox.control.speed(20);
    const { status, output, created_at: createdAt, completed_at: completedAt } = await pixazo.ended(id);
    expect(status).toBe('COMPLETED');
    expect(Date.parse(completedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(createdAt));
    expect(output).toEqual({
      media_url: [expect.stringContaining(`${sandbox.url}/pixazo/files/`)],
      media_type: 'application/octet-stream',
    });
    const facts = await sandbox.factsOf(await fetch(output?.media_url[0] ?? ''));
    expect(facts).toMatchObject({ width: 1280, height: 720 });
    expect(facts.durationSeconds).toBeCloseTo(4, 1);
  });

  it('bills thirty cents a second', async () => {
    const prompt = 'a boat with a bill';
    await pixazo.submit(pixazoTask({ prompt }));
    expect(await sandbox.control.counts({ promptIncludes: prompt })).toMatchObject({
      accepted: 1,
      billedMicros: 1_200_000,
    });
  });

  it.each<[string, object, RegExp]>([
    ['seconds as a text', { seconds: '4' }, /seconds/],
    ['six seconds', { seconds: 6 }, /seconds/],
    ['a size that no page names', { size: '1920x1080' }, /size/],
    ['another model', { model: 'sora-2' }, /model/],
    ['no prompt', { prompt: '' }, /prompt/],
    ['an image where only text is taken', { image: 'https://example.com/a.png' }, /image/],
    ['a callback that is no address', { callback_url: 'soon' }, /callback_url/],
  ])('refuses %s', async (_, given, message) => {
    const response = await pixazo.submit(pixazoTask(given));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: 'Bad Request', message: expect.stringMatching(message) });
  });

  describe('with an image', () => {
    const anImage = (image: unknown, given: object = {}) => ({ prompt: 'a paper boat', seconds: 4, image, ...given });

    it('takes the size from the image, by address and as a data URL', async () => {
      const byAddress = await bodyOf<PixazoAnswer>(pixazo.submitImage(anImage(`${web.url}/wide.png`)));
      const { output } = await pixazo.ended(byAddress.request_id);
      const facts = await sandbox.factsOf(await fetch(output?.media_url[0] ?? ''));
      expect(facts).toMatchObject({ width: 1280, height: 720 });
      const inline = dataUrlOf(pictureOf(1024, 1792, 'jpeg'), 'jpeg');
      expect((await pixazo.submitImage(anImage(inline, { size: '1024x1792' }))).status).toBe(202);
    });

    it.each<[string, () => unknown, object, RegExp]>([
      ['none', () => undefined, {}, /image/],
      ['another number of pixels', () => `${web.url}/tiny.png`, {}, /64x64/],
      ['other pixels than the size', () => `${web.url}/wide.png`, { size: '720x1280' }, /size: .*1280x720/],
      ['an address without a picture', () => `${web.url}/page.png`, {}, /image/],
      ['an address that is dead', () => `${web.url}/none.png`, {}, /image/],
      ['a data URL that is no picture', () => 'data:image/png;base64,AAAA', {}, /image/],
      ['something else', () => 'a boat', {}, /image/],
    ])('refuses %s', async (_, image, given, message) => {
      const response = await pixazo.submitImage(anImage(image(), given));
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual({ error: 'Bad Request', message: expect.stringMatching(message) });
    });
  });

  it('fails a request in its status: FAILED and paid for by its content, ERROR and free by its own fault', async () => {
    const lost = async (reason: string) => {
      const prompt = `a boat lost by ${reason}`;
      await sandbox.control.script({ call: 'submit', fault: 'fail_after_accept', reason, promptIncludes: prompt });
      const answer = await pixazo.ended(await pixazo.submitted(pixazoTask({ prompt })));
      return { answer, counts: await sandbox.control.counts({ promptIncludes: prompt }) };
    };
    expect(await lost('moderation')).toMatchObject({
      answer: { status: 'FAILED', error: expect.stringMatching(/moderation/), output: null },
      counts: { accepted: 1, billedMicros: 1_200_000 },
    });
    expect(await lost('internal')).toMatchObject({
      answer: { status: 'ERROR', error: expect.stringMatching(/./), output: null },
      counts: { accepted: 1, billedMicros: 0 },
    });
  });

  it.each(['header', 'body'])('calls back at the address in the %s', async (channel) => {
    const address = `${web.url}/hook`;
    const id =
      channel === 'header'
        ? await pixazo.submitted(pixazoTask(), { 'X-Webhook-URL': address })
        : await pixazo.submitted(pixazoTask({ callback_url: address }));
    const body = await until(() => web.posted.find((text) => text.includes(id)), 20);
    expect(JSON.parse(body)).toEqual(await pixazo.looked(id));
  });

  it('calls back where the header says when both channels are named, and refuses a header that is no address', async () => {
    const callback_url = `${web.url}/hook`;
    const other = await startWeb();
    const id = await pixazo.submitted(pixazoTask({ callback_url }), { 'X-Webhook-URL': `${other.url}/hook` });
    expect(JSON.parse(await until(() => other.posted[0], 20))).toMatchObject({ request_id: id, status: 'COMPLETED' });
    expect(web.posted.filter((text) => text.includes(id))).toEqual([]);
    other.close();
    expect((await pixazo.submit(pixazoTask(), { 'X-Webhook-URL': 'soon' })).status).toBe(400);
  });

  it('finds nothing by the ids that its result call takes', async () => {
    const id = await pixazo.submitted(pixazoTask());
    for (const videoId of ['video_1', id]) {
      const response = await pixazo.result(videoId);
      expect([response.status, await response.json()]).toEqual([404, { error: 'Not Found', message: 'not found' }]);
    }
    expect((await pixazo.look('sora-video_none')).status).toBe(404);
  });

  it('wants its own key header', async () => {
    const keyless = await pixazo.submit(pixazoTask(), { 'Ocp-Apim-Subscription-Key': '', authorization: 'Bearer key' });
    expect([keyless.status, await keyless.json()]).toMatchObject([401, { error: 'Unauthorized' }]);
    expect((await pixazo.submit(pixazoTask(), { 'Ocp-Apim-Subscription-Key': 'bad-key' })).status).toBe(401);
  });
});
