import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import OpenAI from 'openai';
import { startSandbox } from '../support/sandbox.js';
import { until } from '../support/until.js';
import { bodyOf, type OpenaiVideo, openaiCaller, openaiVideo } from './callers.js';
import { dataUrlOf, pictureOf, startWeb } from './web.js';

jest.setTimeout(60_000);

const anError = (message: RegExp, more: object = {}) => ({
  error: {
    message: expect.stringMatching(message),
    type: 'invalid_request_error',
    param: expect.anything(),
    code: expect.any(String),
    ...more,
  },
});

describe('the stand-in for OpenAI’s Videos', () => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  let web: Awaited<ReturnType<typeof startWeb>>;
  let openai: ReturnType<typeof openaiCaller>;
  const picture = pictureOf(1280, 720);
  beforeAll(async () => {
    sandbox = await startSandbox({ speed: 20 });
    web = await startWeb({ '/wide.png': picture, '/tiny.png': pictureOf(64, 64), '/page.png': '<html>' });
    openai = openaiCaller(sandbox.url);
  });
  afterAll(async () => {
    web.close();
    await sandbox.close();
  });

  const completed = async (given: object = {}) => {
    const { id } = await openai.submitted(openaiVideo(given));
    const video = await openai.ended(id);
    expect(video.status).toBe('completed');
    return video;
  };

  it('carries a video from queued over in_progress to completed, with its file behind the key', async () => {
    await sandbox.control.speed(0.01);
    const created = await openai.submitted(openaiVideo());
    expect(created).toEqual({
      id: expect.stringMatching(/^video_[0-9a-f]+$/),
      object: 'video',
      model: 'sora-2',
      status: 'queued',
      progress: 0,
      prompt: 'a paper boat',
      created_at: expect.any(Number),
      completed_at: null,
      expires_at: null,
      seconds: '4',
      size: '1280x720',
      remixed_from_video_id: null,
      error: null,
    });
    expect(await openai.looked(created.id)).toEqual(created);
    await sandbox.control.speed(2);
    await until(async () => (await openai.looked(created.id)).status === 'in_progress', 20);
    await sandbox.control.speed(20);
    const done = await openai.ended(created.id);
    expect(done).toMatchObject({ status: 'completed', progress: 100, created_at: created.created_at });
    expect(done.completed_at).toBeGreaterThanOrEqual(done.created_at);
    expect(done.expires_at).toBe((done.completed_at ?? 0) + 3_600);

    const file = await openai.content(created.id, '?variant=video');
    expect(file.headers.get('content-type')).toBe('video/mp4');
    const facts = await sandbox.factsOf(file);
    expect(facts).toMatchObject({ width: 1280, height: 720 });
    expect(facts.durationSeconds).toBeCloseTo(4, 1);
    expect((await fetch(`${openai.videos}/${created.id}/content`)).status).toBe(401);
  });

  it('makes four seconds in portrait of a prompt alone', async () => {
    const response = await openai.submit({ prompt: 'a paper boat' });
    expect(await response.json()).toMatchObject({ model: 'sora-2', seconds: '4', size: '720x1280' });
  });

  it.each<[string, object, RegExp, string]>([
    ['seconds as a number', { seconds: 4 }, /seconds/, 'seconds'],
    ['six seconds', { seconds: '6' }, /seconds/, 'seconds'],
    ['a size that no page names', { size: '640x480' }, /size/, 'size'],
    ['a size of the other model', { size: '1792x1024' }, /size 1792x1024/, 'size'],
    ['another model', { model: 'sora-9' }, /model/, 'model'],
    ['no prompt', { prompt: '' }, /prompt/, 'prompt'],
    ['a prompt that is too long', { prompt: 'x'.repeat(32_001) }, /prompt/, 'prompt'],
    ['a field that it does not have', { seed: 1 }, /Unknown parameter: 'seed'/, 'seed'],
    ['an image as a bare text', { input_reference: 'https://example.com/a.png' }, /input_reference/, 'input_reference'],
  ])('refuses %s', async (_, given, message, param) => {
    const response = await openai.submit(openaiVideo(given));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual(anError(message, { param }));
  });

  describe('with an image', () => {
    const mismatch = /^Inpaint image must match the requested width and height$/;
    const withImage = (image_url: string) => openaiVideo({ input_reference: { image_url } });

    it('takes it by address, as a data URL, and as a file of a form', async () => {
      expect((await openai.submit(withImage(`${web.url}/wide.png`))).status).toBe(200);
      expect((await openai.submit(withImage(dataUrlOf(pictureOf(1280, 720, 'webp'), 'webp')))).status).toBe(200);
      const response = await openai.submitForm(formOf(openaiVideo(), picture));
      expect([response.status, await response.json()]).toMatchObject([200, { seconds: '4', size: '1280x720' }]);
    });

    it.each<[string, () => object, RegExp]>([
      ['other pixels than the size', () => ({ image_url: `${web.url}/tiny.png` }), mismatch],
      ['the pixels of the other orientation', () => ({ image_url: dataUrlOf(pictureOf(720, 1280)) }), mismatch],
      ['what is no picture', () => ({ image_url: `${web.url}/page.png` }), /image_url/],
      ['an address that is dead', () => ({ image_url: `${web.url}/none.png` }), /image_url/],
      ['neither an address nor a data URL', () => ({ image_url: 'a boat' }), /image_url/],
      ['an address and a file id', () => ({ image_url: `${web.url}/wide.png`, file_id: 'file-1' }), /Exactly one/],
      ['neither of the two', () => ({}), /Exactly one/],
      ['a file that was never uploaded', () => ({ file_id: 'file-1' }), /file-1/],
    ])('refuses %s', async (_, reference, message) => {
      const response = await openai.submit(openaiVideo({ input_reference: reference() }));
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual(anError(message, { param: 'input_reference' }));
    });

    it('refuses forms with a wrong picture, a bare text, or a file of another name', async () => {
      const refused = async (form: FormData) => {
        const response = await openai.submitForm(form);
        expect(response.status).toBe(400);
        return (await bodyOf<{ error: { message: string } }>(response)).error.message;
      };
      expect(await refused(formOf(openaiVideo(), pictureOf(64, 64)))).toMatch(mismatch);
      expect(await refused(formOf(openaiVideo(), Buffer.from('a boat')))).toMatch(/Invalid image/);
      expect(await refused(formOf(openaiVideo({ input_reference: 'a.png' })))).toMatch(/input_reference/);
      const misnamed = formOf(openaiVideo());
      misnamed.append('image', new Blob([new Uint8Array(picture)]), 'a.png');
      expect(await refused(misnamed)).toMatch(/Unknown parameter: 'image'/);
      const headers = { authorization: 'Bearer key', 'content-type': 'multipart/form-data; boundary=x' };
      const broken = await fetch(openai.videos, { method: 'POST', headers, body: '--x\r\nContent-Disp' });
      expect([broken.status, await broken.json()]).toMatchObject([400, { error: { type: 'invalid_request_error' } }]);
    });
  });

  it('serves the package that callers of the real one have', async () => {
    const client = new OpenAI({ apiKey: 'key', baseURL: `${sandbox.url}/openai-9/v1`, maxRetries: 0 });
    const file = new File([new Uint8Array(picture)], 'a.png', { type: 'image/png' });
    const video = await client.videos.create({
      prompt: 'a boat',
      seconds: '4',
      size: '1280x720',
      input_reference: file,
    });
    await until(async () => (await client.videos.retrieve(video.id)).status === 'completed', 20);
    expect((await sandbox.factsOf(await client.videos.downloadContent(video.id))).width).toBe(1280);
    const remix = await client.videos.remix(video.id, { prompt: 'at night' });
    const listed: string[] = [];
    for await (const { id } of client.videos.list({ limit: 1 })) listed.push(id);
    expect(listed).toEqual([remix.id, video.id]);
    expect(await client.videos.delete(video.id)).toEqual({ id: video.id, object: 'video.deleted', deleted: true });
    await expect(client.videos.retrieve(video.id)).rejects.toMatchObject({ status: 404 });
  });

  describe('of a video', () => {
    it('makes a remix and an edit of its length, size and model', async () => {
      const source = await completed({ model: 'sora-2-pro' });
      const same = { model: 'sora-2-pro', seconds: '4', size: '1280x720', prompt: 'at night' };
      const remix = await openai.derive(`/${source.id}/remix`, { prompt: 'at night' });
      expect(await remix.json()).toMatchObject({ ...same, remixed_from_video_id: source.id });
      const edit = await openai.derive('/edits', { prompt: 'at night', video: { id: source.id } });
      expect(await edit.json()).toMatchObject({ ...same, remixed_from_video_id: null });
    });

    it('makes an extension that shows its source too, and bills what is new', async () => {
      const source = await completed();
      const prompt = 'a boat that sails on';
      const response = await openai.derive('/extensions', { prompt, seconds: '4', video: { id: source.id } });
      const extension = await bodyOf<OpenaiVideo>(response);
      expect(extension).toMatchObject({ seconds: '8', size: '1280x720' });
      expect((await openai.ended(extension.id)).seconds).toBe('8');
      expect((await sandbox.factsOf(await openai.content(extension.id))).durationSeconds).toBeCloseTo(8, 1);
      expect(await sandbox.control.counts({ promptIncludes: prompt })).toMatchObject({ billedMicros: 400_000 });
    });

    it('refuses other seconds, other fields, a video that it never had, and one that is not finished', async () => {
      const { id } = await completed();
      const statusOf = async (path: string, body: object) => (await openai.derive(path, body)).status;
      const video = { id };
      expect(await statusOf('/extensions', { prompt: 'on', seconds: '6', video })).toBe(400);
      expect(await statusOf('/extensions', { prompt: 'on', video })).toBe(400);
      expect(await statusOf('/edits', { prompt: 'on', seconds: '4', video })).toBe(400);
      expect(await statusOf(`/${id}/remix`, { prompt: 'on', size: '1280x720' })).toBe(400);
      expect(await statusOf('/video_none/remix', { prompt: 'on' })).toBe(404);
      expect(await statusOf('/edits', { prompt: 'on', video: { id: 'video_none' } })).toBe(404);
      await sandbox.control.speed(0.01);
      const unfinished = await openai.submitted(openaiVideo());
      expect(await statusOf(`/${unfinished.id}/remix`, { prompt: 'on' })).toBe(400);
      await sandbox.control.speed(20);
    });
  });

  it('lists by pages in both orders, one account at a time', async () => {
    const mine = openaiCaller(sandbox.url, 'openai-2');
    const ids: string[] = [];
    for (const prompt of ['one', 'two', 'three']) ids.push((await mine.submitted(openaiVideo({ prompt }))).id);
    const [one, two, three] = ids;
    const listed = async (query: string) => {
      const { data, ...page } = await bodyOf<{ data: OpenaiVideo[] }>(mine.call(query));
      return { ...page, ids: data.map(({ id }) => id) };
    };
    const object = 'list';
    expect(await listed('')).toEqual({
      object,
      ids: [three, two, one],
      first_id: three,
      last_id: one,
      has_more: false,
    });
    const first = await listed('?limit=2&order=asc');
    expect(first).toEqual({ object, ids: [one, two], first_id: one, last_id: two, has_more: true });
    expect(await listed(`?limit=2&order=asc&after=${two}`)).toMatchObject({ ids: [three], has_more: false });
    expect(await listed('?limit=0')).toEqual({ object, ids: [], first_id: null, last_id: null, has_more: true });
    for (const query of ['?limit=101', '?order=newest', '?after=video_none']) {
      expect((await mine.call(query)).status).toBe(400);
    }
    expect((await fetch(mine.videos)).status).toBe(401);
    const outcomes = (await sandbox.control.ledger({ account: 'openai-2', call: 'list' })).map(
      ({ outcome }) => outcome,
    );
    expect(outcomes).toEqual(['listed', 'listed', 'listed', 'listed', 'refused', 'refused', 'refused', 'refused']);
  });

  it('deletes what is finished, and nothing else', async () => {
    const { id } = await completed();
    expect(await (await openai.call(`/${id}`, 'DELETE')).json()).toEqual({
      id,
      object: 'video.deleted',
      deleted: true,
    });
    expect((await openai.look(id)).status).toBe(404);
    expect((await openai.content(id)).status).toBe(404);
    expect((await openai.call(`/${id}`, 'DELETE')).status).toBe(404);
    await sandbox.control.speed(0.01);
    const running = await openai.submitted(openaiVideo());
    const refused = await openai.call(`/${running.id}`, 'DELETE');
    expect([refused.status, await refused.json()]).toEqual([400, anError(/completed or failed/)]);
    expect((await openai.content(running.id)).status).toBe(404);
    await sandbox.control.speed(20);
    const deletes = await sandbox.control.ledger({ account: 'openai', call: 'delete' });
    expect(deletes.map(({ outcome, taskId }) => [outcome, taskId])).toEqual([
      ['deleted', id],
      ['not_found', id],
      ['refused', running.id],
    ]);
  });

  it('fails a video in its status, with a code', async () => {
    const prompt = 'a boat that sinks';
    await sandbox.control.script({
      call: 'submit',
      fault: 'fail_after_accept',
      reason: 'moderation',
      promptIncludes: prompt,
    });
    const { id } = await openai.submitted(openaiVideo({ prompt }));
    const { error, ...video } = await openai.ended(id);
    expect(error).toEqual({ code: 'moderation_blocked', message: expect.stringMatching(/./) });
    expect(video).toMatchObject({ status: 'failed', completed_at: null, expires_at: null });
    expect((await openai.content(id)).status).toBe(404);
  });

  it('has the variant video only', async () => {
    const { id } = await completed();
    expect((await openai.content(id, '?variant=thumbnail')).status).toBe(400);
  });

  it('refuses a bad key, a body that is no JSON, and ids that it does not know', async () => {
    const key = await openai.submit(openaiVideo(), { authorization: 'Bearer bad-key' });
    expect([key.status, await key.json()]).toEqual([401, anError(/key/, { param: null, code: 'invalid_api_key' })]);
    const headers = { authorization: 'Bearer key', 'content-type': 'application/json' };
    const json = await fetch(openai.videos, { method: 'POST', headers, body: '{' });
    expect([json.status, await json.json()]).toEqual([400, anError(/./, { param: null })]);
    expect(await (await openai.look('video_none')).json()).toEqual(anError(/not found/, { param: null }));
    const { id } = await openai.submitted(openaiVideo());
    const other = openaiCaller(sandbox.url, 'openai-2');
    expect([(await other.look(id)).status, (await other.content(id)).status]).toEqual([404, 404]);
  });
});

function formOf(fields: object, picture?: Buffer): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, String(value));
  if (picture) form.append('input_reference', new Blob([new Uint8Array(picture)]), 'a.png');
  return form;
}
