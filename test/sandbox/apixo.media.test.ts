import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startSandbox } from '../support/sandbox.js';
import { until } from '../support/until.js';
import { type ApixoAnswer, apixoCaller, apixoTask, bodyOf } from './callers.js';

// The first run draws the ten seconds that are the least APIXO makes.
jest.setTimeout(60_000);

describe('the stand-in for APIXO', () => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  let apixo: ReturnType<typeof apixoCaller>;
  beforeAll(async () => {
    sandbox = await startSandbox({ speed: 20 });
    apixo = apixoCaller(sandbox.url);
  });
  afterAll(() => sandbox.close());

  const ended = (taskId: string) =>
    until(async () => {
      const data = await apixo.looked(taskId);
      return ['success', 'failed'].includes(data.state) && data;
    }, 20);

  it('carries a task from pending over processing to success, with the addresses in a JSON text', async () => {
    await sandbox.control.speed(0.01);
    const { code, message, data } = await bodyOf<ApixoAnswer>(apixo.submit(apixoTask()));
    expect({ code, message }).toEqual({ code: 200, message: 'success' });
    // Slow enough to be seen, then fast enough to be waited for.
    expect(await apixo.looked(data.taskId)).toMatchObject({ state: 'pending' });
    await sandbox.control.speed(2);
    await until(async () => (await apixo.looked(data.taskId)).state === 'processing', 20);
    await sandbox.control.speed(40);
    const { resultJson, createTime, completeTime, costTime } = await ended(data.taskId);
    expect(completeTime - createTime).toBe(costTime);
    const { resultUrls } = JSON.parse(resultJson);
    expect(resultUrls).toEqual([expect.stringContaining(`${sandbox.url}/apixo/files/`)]);
    expect((await fetch(resultUrls[0])).headers.get('content-type')).toBe('video/mp4');
  });

  it.each<[string, object, object, RegExp]>([
    ['eight seconds', { duration: 8 }, {}, /duration/],
    ['a square', { aspect_ratio: '1:1' }, {}, /aspect_ratio/],
    ['another mode', { mode: 'remix' }, {}, /mode/],
    ['an unknown field', { seed: 1 }, {}, /seed/],
    ['a prompt that is too long', { prompt: 'x'.repeat(10_001) }, {}, /prompt/],
    ['image-to-video without images', { mode: 'image-to-video' }, {}, /image_urls/],
    ['text-to-video with images', { image_urls: ['https://example.com/a.png'] }, {}, /image_urls/],
    ['a data URL', { mode: 'image-to-video', image_urls: ['data:image/png;base64,AAAA'] }, {}, /image_urls/],
    ['a callback without an address', {}, { request_type: 'callback' }, /callback_url/],
    ['an unknown route', {}, { provider: 'cheapest' }, /provider/],
  ])('refuses %s', async (_, input, given, message) => {
    const response = await apixo.submit(apixoTask(input, given));
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ code: 400, message: expect.stringMatching(message), data: null });
  });

  it('knows a task by its model and its id', async () => {
    const taskId = await apixo.submitted(apixoTask());
    expect((await apixo.look(taskId, 'veo-3')).status).toBe(404);
    expect(await (await apixo.look('task_none')).json()).toMatchObject({ code: 404, data: null });
    expect(await (await apixo.submit(apixoTask(), 'veo-3')).json()).toMatchObject({ code: 404, data: null });
  });

  it('tells a failure inside a successful answer', async () => {
    const body = apixoTask({ prompt: 'a boat that sinks' });
    await sandbox.control.script({
      call: 'submit',
      fault: 'fail_after_accept',
      reason: 'moderation',
      promptIncludes: 'a boat that sinks',
    });
    expect(await ended(await apixo.submitted(body))).toMatchObject({ state: 'failed', failCode: 'CONTENT_VIOLATION' });
  });

  it('fetches the images, and fails with INVALID_IMAGE_URL what is none', async () => {
    const images = createServer((request, response) => {
      response.end(request.url === '/good.png' ? Buffer.from('\x89PNG\r\n\x1a\n----', 'latin1') : '<html>');
    }).listen(0, '127.0.0.1');
    await once(images, 'listening');
    const { port } = images.address() as AddressInfo;
    const withImage = (name: string) =>
      apixoTask({ mode: 'image-to-video', image_urls: [`http://127.0.0.1:${port}/${name}`] });

    expect(await ended(await apixo.submitted(withImage('good.png')))).toMatchObject({ state: 'success' });
    expect(await ended(await apixo.submitted(withImage('page.png')))).toMatchObject({ failCode: 'INVALID_IMAGE_URL' });
    images.close();
  });

  it('calls back when the task has ended', async () => {
    const bodies: string[] = [];
    const receiver = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => bodies.push(text));
      response.writeHead(204).end();
    }).listen(0, '127.0.0.1');
    await once(receiver, 'listening');
    const { port } = receiver.address() as AddressInfo;
    const callback = { request_type: 'callback', callback_url: `http://127.0.0.1:${port}/` };
    const taskId = await apixo.submitted(apixoTask({}, callback));

    const body = await until(() => bodies[0], 20);
    expect(JSON.parse(body)).toMatchObject({ code: 200, data: { taskId, state: 'success' } });
    receiver.close();
  });
});
