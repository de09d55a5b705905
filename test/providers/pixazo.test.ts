import { afterEach, describe, expect, it } from '@jest/globals';
import { imageSize } from 'image-size';
import { z } from 'zod';
import { abilitiesOf, type Providers } from '../../providers/registry.js';
import {
  aGeneration,
  describeConformance,
  never,
  openAccount,
  readFixture,
  readFixtures,
  submitOptions,
} from './conformance.js';
import { anImage } from './permitted-generations.js';
import { answerWith, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const sizes = ['1280x720', '720x1280', '1792x1024', '1024x1792'] as const;

const image = z.string().transform((text, context) => {
  const encoded = /^data:image\/(?:png|jpeg|webp);base64,([A-Za-z0-9+/]+={0,2})$/.exec(text)?.[1];
  if (encoded !== undefined) {
    const { width, height } = imageSize(Buffer.from(encoded, 'base64'));
    return `${width}x${height}`;
  }
  context.addIssue('not an image as a data URL');
  return z.NEVER;
});

const fields = {
  prompt: z.string().min(1),
  model: z.literal('sora-2-pro').optional(),
  size: z.enum(sizes).optional(),
  seconds: z.literal([4, 8, 12]).optional(),
};

describeConformance({
  adapter: 'pixazo',
  upstreamModel: 'sora-2-pro',
  generation: { durationSeconds: 8 },
  credentialHeaders: (apiKey) => ({ 'ocp-apim-subscription-key': apiKey, 'cache-control': 'no-cache' }),
  acceptedStatus: 202,
  acceptance: (id) => ({ ...readFixtures('pixazo').submitted, request_id: id }),
  lookPath: (id) => `/v2/requests/status/${encodeURIComponent(id)}`,
  successWord: 'completed',
  page: z.union([
    z.strictObject({ path: z.literal('/sora-video/v1/video/generate'), body: z.strictObject(fields) }),
    z.strictObject({
      path: z.literal('/sora-video/v1/video/i2v/generate'),
      body: z
        .strictObject({ ...fields, image: image.pipe(z.enum(sizes)) })
        .refine((body) => body.size === undefined || body.size === body.image, 'the size is not that of the image'),
    }),
  ]),
  refusals: [
    [400, { error: 'Model not found', message: "Model 'sora-video' not found or is disabled" }, 'MODEL_RETIRED'],
    [400, { error: 'Invalid image size' }, 'INPUT_INVALID'],
    [400, { error: 'Bad request', message: 'The prompt was flagged by our moderation system' }, 'CONTENT_REFUSED'],
    [401, { statusCode: 401, message: 'Access denied due to invalid subscription key.' }, 'AUTH'],
    [402, { error: 'Insufficient Balance', message: 'Please top up your wallet' }, 'BALANCE'],
    [403, {}, 'AUTH'],
    [429, 'slow down', 'RATE_LIMITED'],
  ],
});

const fixtures = readFixtures('pixazo');
const opened: { server?: ScriptedServer; providers?: Providers } = {};
const generation = aGeneration({ upstreamModel: 'sora-2-pro', durationSeconds: 8 });
const task = { account: 'account', upstreamModel: 'sora-2-pro', id: 'sora-video_1' };

afterEach(async () => {
  await opened.server?.close();
  await opened.providers?.close();
});

async function serve(answer: unknown, settings: Record<string, string> = {}) {
  const server = await startScriptedServer(answerWith(200, answer));
  const { provider, providers } = openAccount('pixazo', server.url, settings);
  Object.assign(opened, { server, providers });
  return { server, provider };
}

async function lookAt(answer: unknown) {
  const { provider } = await serve(answer);
  return provider.look(task, { signal: never() });
}

describe('pixazo: what a submit sends', () => {
  async function sent(given: Partial<typeof generation>) {
    const { server, provider } = await serve(fixtures.submitted);
    await provider.submit({ ...generation, ...given }, submitOptions());
    return { path: server.requests[0]?.path, body: JSON.parse(server.requests[0]?.body ?? '') };
  }

  it('is text with a size and whole seconds as a number', async () => {
    expect(await sent({})).toEqual({
      path: '/sora-video/v1/video/generate',
      body: { model: 'sora-2-pro', prompt: 'A paper boat on a stream', seconds: 8, size: '1280x720' },
    });
  });

  it('writes the default shape out, which the page leaves open', async () => {
    const { default: shape } = abilitiesOf('pixazo', 'sora-2-pro')?.geometry ?? {};
    expect(await sent({ size: undefined })).toMatchObject({ body: { size: `${shape?.width}x${shape?.height}` } });
  });

  it('lets an image set the size that was not asked for', async () => {
    const inputs = { firstFrame: anImage('image/png', { width: 1792, height: 1024 }), references: [] };
    const { path, body } = await sent({ operation: 'image_to_video', size: undefined, inputs });
    expect(path).toBe('/sora-video/v1/video/i2v/generate');
    expect(body).not.toHaveProperty('size');
  });
});

describe('pixazo: a look', () => {
  it('asks the base address at the path of the settings, never the address that the submit was answered with', async () => {
    const polling_url = 'https://elsewhere.example/v2/requests/status/1';
    const { server, provider } = await serve(
      { ...fixtures.running, request_id: '1', polling_url },
      { statusPath: '/s' },
    );
    const submission = await provider.submit(generation, submitOptions());
    if (submission.outcome !== 'accepted') throw new Error('not accepted');

    await provider.look(submission.task, { signal: never() });

    expect(server.requests[1]?.path).toBe('/s/1');
    expect(JSON.stringify(submission)).not.toContain('elsewhere');
  });

  it('takes a single address for a list of one', async () => {
    const found = await lookAt({ status: 'completed', output: { media_url: 'https://pub-1.r2.dev/v1/1/output.ext' } });
    expect(found).toEqual({ status: 'succeeded', files: [{ url: 'https://pub-1.r2.dev/v1/1/output.ext' }] });
  });

  it.each([null, {}, { media_url: null }, { media_url: 'soon' }, { media_url: [7, ''] }, 'https://x.example/a.mp4'])(
    'waits on for an address after COMPLETED with the output %j',
    async (output) => {
      expect(await lookAt({ status: 'COMPLETED', output })).toEqual({ status: 'pending', providerStatus: 'completed' });
    },
  );

  it('takes ERROR for a fault of the gateway that costs nothing', async () => {
    expect(await lookAt(readFixture('pixazo', 'system-error'))).toMatchObject({
      status: 'failed',
      charged: false,
      error: { class: 'PROVIDER_INTERNAL', message: 'Internal system error' },
    });
  });

  it.each(['CANCELLED', 'canceled'])('takes %s for the end of a task that may have been charged', async (status) => {
    expect(await lookAt({ status, error: null })).toMatchObject({ status: 'failed', charged: 'unknown' });
  });

  it('shows no key to the host of a result', async () => {
    const { provider } = await serve(fixtures.running);
    expect(provider.openResult(task, { url: 'https://pub-1.r2.dev/x.mp4' })).toMatchObject({ headers: {} });
  });
});
