import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { Providers } from '../../providers/registry.js';
import { aGeneration, describeConformance, never, openAccount, readFixtures, submitOptions } from './conformance.js';
import { answerWith, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const httpsAddress = z.url({ protocol: /^https$/ });
const inputFields = {
  prompt: z.string().min(1).max(10_000),
  duration: z.literal([10, 15]),
  aspect_ratio: z.enum(['landscape', 'portrait']).optional(),
  remove_watermark: z.boolean().optional(),
};

describeConformance({
  adapter: 'apixo',
  upstreamModel: 'sora-2',
  acceptance: (id) => ({ code: 200, message: 'success', data: { taskId: id } }),
  lookPath: (id) => `/api/v1/statusTask/sora-2?${new URLSearchParams({ taskId: id }).toString()}`,
  successWord: 'success',
  page: z.strictObject({
    path: z.literal('/api/v1/generateTask/sora-2'),
    body: z.strictObject({
      request_type: z.literal('async'),
      provider: z.enum(['auto', 'value', 'official']),
      input: z.discriminatedUnion('mode', [
        z.strictObject({ mode: z.literal('text-to-video'), ...inputFields }),
        z.strictObject({ mode: z.literal('image-to-video'), ...inputFields, image_urls: z.tuple([httpsAddress]) }),
      ]),
    }),
  }),
  refusals: [
    [200, { code: 400, message: 'Invalid parameters', data: null }, 'INPUT_INVALID'],
    [200, { code: 400, message: 'Insufficient credits', data: null }, 'BALANCE'],
    [200, { code: 401, message: 'Unauthorized', data: null }, 'AUTH'],
    [200, { code: 429, message: 'Too many requests', data: null }, 'RATE_LIMITED'],
    [200, { code: 404, message: 'Model sora-2 is no longer available', data: null }, 'MODEL_RETIRED'],
  ],
});

const fixtures = readFixtures('apixo');
const opened: { server?: ScriptedServer; providers?: Providers } = {};
const generation = aGeneration({ upstreamModel: 'sora-2' });
const task = { account: 'account', upstreamModel: 'sora-2', id: 'task_12345678' };

afterEach(async () => {
  await opened.server?.close();
  await opened.providers?.close();
});

async function serve(answer: unknown, { path = '', settings = {}, status = 200 } = {}) {
  const server = await startScriptedServer(answerWith(status, answer));
  const { provider, providers } = openAccount('apixo', `${server.url}${path}`, settings);
  Object.assign(opened, { server, providers });
  return { server, provider };
}

describe('apixo: what is sent', () => {
  it('names the model in the path and asks for an orientation', async () => {
    const { server, provider } = await serve(fixtures.submitted, { path: '/apixo' });

    const submission = await provider.submit({ ...generation, size: { width: 720, height: 1280 } }, submitOptions());

    expect(submission).toEqual({ outcome: 'accepted', task });
    expect(server.requests[0]?.path).toBe('/apixo/api/v1/generateTask/sora-2');
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      request_type: 'async',
      provider: 'auto',
      input: {
        mode: 'text-to-video',
        prompt: 'A paper boat on a stream',
        duration: 10,
        aspect_ratio: 'portrait',
        remove_watermark: true,
      },
    });
  });

  it('names the model in the path of the status call too', async () => {
    const { server, provider } = await serve(fixtures.running);
    await provider.look(task, { signal: never() });
    expect(server.requests[0]).toMatchObject({ method: 'GET', path: '/api/v1/statusTask/sora-2?taskId=task_12345678' });
  });
});

describe('apixo: an image', () => {
  const firstFrame = { contentType: 'image/png', bytes: new Uint8Array([1]) };
  const asked = { ...generation, operation: 'image_to_video' as const };

  it('is sent by its address', async () => {
    const { server, provider } = await serve(fixtures.submitted);
    const url = 'https://reelay.example/inputs/art_1?signature=abc';

    await provider.submit(
      { ...asked, inputs: { firstFrame: { ...firstFrame, url }, references: [] } },
      submitOptions(),
    );

    expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({
      input: { mode: 'image-to-video', image_urls: [url] },
    });
  });

  it('without an address is not sent, and leaves the job to providers that take bytes', async () => {
    const { server, provider } = await serve(fixtures.submitted);

    const submission = await provider.submit({ ...asked, inputs: { firstFrame, references: [] } }, submitOptions());

    expect(submission).toMatchObject({ outcome: 'not_sent', error: { class: 'NOT_FOUND' } });
    expect(server.requests).toHaveLength(0);
  });
});

describe('apixo: the envelope', () => {
  it.each([
    [400, 'Invalid parameters', 'INPUT_INVALID'],
    [400, 'Insufficient credits', 'BALANCE'],
    [401, 'Unauthorized', 'AUTH'],
    [429, 'Too many requests', 'RATE_LIMITED'],
  ])('refuses with code %d %j as %s, whether HTTP says 200 or the same', async (code, message, errorClass) => {
    for (const status of [200, code]) {
      const { provider, server } = await serve({ code, message, data: null }, { status });
      expect(await provider.submit(generation, submitOptions())).toMatchObject({
        outcome: 'refused',
        error: { class: errorClass, providerCode: String(code) },
      });
      await server.close();
    }
    opened.server = undefined;
  });

  it.each([
    [200, { code: 500, message: 'oops', data: null }],
    [200, { code: 409, message: 'busy', data: null }],
    [200, { code: 400, message: 'no', data: { taskId: 'task_1' } }],
    [400, { code: 200, message: 'success', data: { taskId: 'task_1' } }],
    [400, { code: 500, message: 'oops', data: null }],
    [500, { code: 200, message: 'success', data: { taskId: 'task_1' } }],
    [200, { message: 'success', data: { taskId: 'task_1' } }],
  ])('leaves a submit unknown after HTTP %d with %j', async (status, body) => {
    const { provider } = await serve(body, { status });
    expect(await provider.submit(generation, submitOptions())).toMatchObject({ outcome: 'unknown' });
  });

  it('fails a look, and not the task, by its code', async () => {
    const { provider } = await serve({ code: 429, message: 'Too many requests', data: null });
    await expect(provider.look(task, { signal: never() })).rejects.toMatchObject({
      failure: { class: 'RATE_LIMITED' },
    });
  });
});

describe('apixo: a look whose code is not 200', () => {
  it('ends nothing, whatever the task in it says', async () => {
    const { provider } = await serve({ code: 500, message: 'oops', data: { state: 'failed', failCode: 'X' } });
    await expect(provider.look(task, { signal: never() })).rejects.toMatchObject({
      failure: { class: 'PROVIDER_INTERNAL' },
    });
  });
});

describe('apixo: the end of a task', () => {
  it('calls an image that cannot be fetched the caller’s input', async () => {
    const { provider } = await serve({ code: 200, data: { state: 'failed', failCode: 'INVALID_IMAGE_URL' } });
    expect(await provider.look(task, { signal: never() })).toMatchObject({
      status: 'failed',
      error: { class: 'INPUT_INVALID', providerCode: 'INVALID_IMAGE_URL' },
    });
  });

  it.each(['', 'null', '[]', '{"resultUrls":{}}', '{"resultUrls":[7,""]}'])(
    'waits on for a result that cannot be read: %j',
    async (resultJson) => {
      const { provider } = await serve({ code: 200, data: { state: 'success', resultJson } });
      expect(await provider.look(task, { signal: never() })).toEqual({ status: 'pending', providerStatus: 'success' });
    },
  );

  it('shows no key to the host of a result', async () => {
    const { provider } = await serve(fixtures.running);
    expect(provider.openResult(task, { url: 'https://r2.apixo.ai/x.mp4' })).toMatchObject({ headers: {} });
  });
});
