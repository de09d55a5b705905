import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { ModelAbilities } from '../../contract/abilities.js';
import type { Generation } from '../../contract/generation.js';
import { abilitiesOf, type Providers } from '../../providers/registry.js';
import { aGeneration, describeConformance, never, openAccount, readFixtures, submitOptions } from './conformance.js';
import { answerWith, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const fixtures = readFixtures('openai-videos');
const refused = (code: string | null, message: string, type = 'invalid_request_error') => ({
  error: { message, type, param: null, code },
});

const prompt = z.string().min(1).max(32_000);
const inlineImage = z.string().regex(/^data:image\/(jpeg|png|webp);base64,[A-Za-z0-9+/]+={0,2}$/);
const smallSizes = ['720x1280', '1280x720'];
const pageOf = (model: string, sizes: string[]) =>
  z.union([
    z.strictObject({
      path: z.literal('/videos'),
      body: z.strictObject({
        model: z.literal(model),
        prompt,
        seconds: z.enum(['4', '8', '12']),
        size: z.enum(sizes),
        input_reference: z.strictObject({ image_url: inlineImage }).optional(),
      }),
    }),
    z.strictObject({
      path: z.literal('/videos/extensions'),
      body: z.strictObject({
        prompt,
        seconds: z.enum(['4', '8', '12', '16', '20']),
        video: z.strictObject({ id: z.string().min(1) }),
      }),
    }),
    z.strictObject({ path: z.string().regex(/^\/videos\/[^/?#]+\/remix$/), body: z.strictObject({ prompt }) }),
  ]);

describe.each([
  ['sora-2', smallSizes],
  ['sora-2-pro', [...smallSizes, '1024x1792', '1792x1024']],
])('%s', (upstreamModel, sizes) => {
  describeConformance({
    adapter: 'openai-videos',
    upstreamModel,
    page: pageOf(upstreamModel, sizes),
    generation: { durationSeconds: 8 },
    acceptance: (id) => ({ ...fixtures.submitted, id }),
    lookPath: (id) => `/videos/${encodeURIComponent(id)}`,
    successWord: 'completed',
    contentPath: (id) => `/videos/${encodeURIComponent(id)}/content`,
    refusals: [
      [400, refused('invalid_value', "Invalid value: '5'."), 'INPUT_INVALID'],
      [400, refused(null, 'Inpaint image must match the requested width and height'), 'INPUT_INVALID'],
      [400, refused('moderation_blocked', 'Your request was blocked.'), 'CONTENT_REFUSED'],
      [400, refused('content_policy_violation', 'No.'), 'CONTENT_REFUSED'],
      [429, refused('insufficient_quota', 'You exceeded your quota.', 'insufficient_quota'), 'BALANCE'],
      [429, refused(null, 'You exceeded your quota.', 'insufficient_quota'), 'BALANCE'],
      [400, refused('billing_hard_limit_reached', 'Billing hard limit has been reached'), 'BALANCE'],
      [429, refused('rate_limit_exceeded', 'Slow down.', 'rate_limit_error'), 'RATE_LIMITED'],
      [404, refused('model_not_found', "The model 'sora-2' does not exist"), 'MODEL_RETIRED'],
      [400, refused(null, 'The model sora-2 is no longer available'), 'MODEL_RETIRED'],
      [404, { error: { code: 'DeploymentNotFound', message: 'gone' } }, 'MODEL_RETIRED'],
      [400, { error: { code: 'x', inner_error: { code: 'ResponsibleAIPolicyViolation' } } }, 'CONTENT_REFUSED'],
      [400, { code: 'moderation_blocked', message: 'without the wrapper' }, 'CONTENT_REFUSED'],
    ],
  });
});

const opened: { server: ScriptedServer; providers: Providers }[] = [];
afterEach(async () => {
  for (const { server, providers } of opened.splice(0)) {
    await server.close();
    await providers.close();
  }
});

type Settings = Record<string, string>;

async function serve(answer: unknown, { path = '/v1', settings = {}, status = 200 }: ServeOptions = {}) {
  const server = await startScriptedServer(answerWith(status, answer));
  const { provider, providers } = openAccount('openai-videos', `${server.url}${path}`, settings);
  opened.push({ server, providers });
  return { server, provider };
}
type ServeOptions = { path?: string; settings?: Settings; status?: number };

async function sent(generation: Partial<Generation>, settings: Settings = {}) {
  const { server, provider } = await serve(fixtures.submitted, { settings });
  const given = aGeneration({ upstreamModel: 'sora-2', durationSeconds: 8, ...generation });
  expect(await provider.submit(given, submitOptions())).toMatchObject({ outcome: 'accepted' });
  const [{ path, body, headers } = { path: '', body: '', headers: {} }] = server.requests;
  return { path, body: JSON.parse(body), headers };
}

const image = { contentType: 'image/png', bytes: new Uint8Array(Buffer.from('xxPNGxx')).subarray(2, 5) };
const task = { account: 'account', upstreamModel: 'sora-2', id: 'video_1' };
const withSource = { references: [], sourceVideo: { task, durationSeconds: 8.04 } };

describe('openai-videos: what a submit sends', () => {
  it('is JSON with seconds and size as words', async () => {
    expect(await sent({})).toMatchObject({
      path: '/v1/videos',
      headers: { 'content-type': 'application/json' },
      body: { model: 'sora-2', prompt: 'A paper boat on a stream', seconds: '8', size: '1280x720' },
    });
  });

  it('is nothing but what the page knows', async () => {
    const { body } = await sent({ aspectRatio: '16:9', variants: 1 });
    expect(Object.keys(body)).toEqual(['model', 'prompt', 'seconds', 'size']);
  });

  it('names the size that a model draws when nothing is asked for, whichever its reseller would choose', async () => {
    expect((await sent({ size: undefined })).body).toMatchObject({ size: '720x1280' });
    expect((await sent({ size: undefined }, { sizes: '1280x720' })).body).toMatchObject({ size: '1280x720' });
  });

  it('takes the first frame along as a data URL of exactly its bytes', async () => {
    const { body } = await sent({ operation: 'image_to_video', inputs: { firstFrame: image, references: [] } });
    const url = `data:image/png;base64,${Buffer.from('PNG').toString('base64')}`;
    expect(body).toMatchObject({ input_reference: { image_url: url } });
  });

  it('extends a video by seconds, with no word on model and size', async () => {
    expect(await sent({ operation: 'extend', durationSeconds: 20, inputs: withSource })).toMatchObject({
      path: '/v1/videos/extensions',
      body: { prompt: 'A paper boat on a stream', seconds: '20', video: { id: 'video_1' } },
    });
  });

  it('remixes a video with the prompt alone, and lets its id lead nowhere else', async () => {
    const source = { task: { ...task, id: 'a/../b?c' }, durationSeconds: 8.04 };
    const remix = await sent({ operation: 'remix', inputs: { references: [], sourceVideo: source } });
    expect(remix.path).toBe('/v1/videos/a%2F..%2Fb%3Fc/remix');
    expect(remix.body).toEqual({ prompt: 'A paper boat on a stream' });
  });

  it.each(['extend', 'remix'] as const)('is nothing for an %s without a source', async (operation) => {
    const { server, provider } = await serve(fixtures.submitted);
    const generation = aGeneration({ upstreamModel: 'sora-2', operation });
    expect(await provider.submit(generation, submitOptions())).toMatchObject({ outcome: 'not_sent' });
    expect(server.requests).toEqual([]);
  });
});

describe('openai-videos: what the settings change', () => {
  it('writes seconds as a number', async () => {
    const settings = { secondsType: 'integer' };
    expect((await sent({}, settings)).body).toMatchObject({ seconds: 8 });
    const extension = { operation: 'extend', inputs: withSource } as const;
    expect((await sent(extension, settings)).body).toMatchObject({ seconds: 8 });
  });

  it('takes another path, for the content too', async () => {
    const { server, provider } = await serve(fixtures.succeeded, { settings: { videosPath: '/sora/v2/videos' } });
    const files = [{ url: `${server.url}/v1/sora/v2/videos/video_1/content` }];
    expect(await provider.look(task, { signal: never() })).toEqual({ status: 'succeeded', files });
    expect(server.requests[0]?.path).toBe('/v1/sora/v2/videos/video_1');
  });

  it('sends the key in the header of Azure', async () => {
    const { headers } = await sent({}, { keyHeader: 'api-key' });
    expect(headers).toMatchObject({ 'api-key': expect.stringContaining('canary') });
    expect(headers).not.toHaveProperty('authorization');
  });

  it('gives the address of an image instead of its bytes', async () => {
    const inputs = { firstFrame: { ...image, url: 'https://reelay.example/i.png?sig=1' }, references: [] };
    const { body } = await sent({ operation: 'image_to_video', inputs }, { imageForm: 'url' });
    expect(body).toMatchObject({ input_reference: { image_url: 'https://reelay.example/i.png?sig=1' } });
  });

  it('sends nothing where an image has no address to give', async () => {
    const { server, provider } = await serve(fixtures.submitted, { settings: { imageForm: 'url' } });
    const without = aGeneration({ upstreamModel: 'sora-2', inputs: { firstFrame: image, references: [] } });
    expect(await provider.submit(without, submitOptions())).toMatchObject({ outcome: 'not_sent' });
    expect(server.requests).toEqual([]);
  });

  const abilities = (model: string, settings: Settings = {}) => abilitiesOf('openai-videos', model, settings);
  const sizesOf = (known: ModelAbilities | undefined) =>
    known?.geometry.shapes.map(({ width, height }) => `${width}x${height}`);

  it('knows the large sizes of pro, under its dated name too, and narrows them', () => {
    const large = ['1024x1792', '1792x1024'];
    expect(sizesOf(abilities('sora-2-pro'))).toEqual(expect.arrayContaining(large));
    expect(sizesOf(abilities('sora-2-pro-2025-10-06'))).toEqual(expect.arrayContaining(large));
    expect(sizesOf(abilities('sora-2-2025-12-08'))).toEqual(['720x1280', '1280x720']);
    const narrow = { sizes: '1792x1024, 1280x720' };
    expect(sizesOf(abilities('sora-2', narrow))).toEqual(['1280x720']);
    expect(sizesOf(abilities('sora-2-pro', narrow))).toEqual(['1280x720', '1792x1024']);
    expect(abilities('sora-2', { sizes: '1792x1024' })).toBeUndefined();
  });

  it('asks for frames of the very pixels, within the request unless the settings say by address', () => {
    expect(abilities('sora-2')?.inputs).toMatchObject({ framePixels: 'exact', form: 'bytes' });
    expect(abilities('sora-2', { imageForm: 'url' })?.inputs).toMatchObject({ framePixels: 'exact', form: 'url' });
  });

  it('looks at another pace', () => {
    const known = abilities('sora-2', { firstLookMs: '0', lookIntervalMs: '50' });
    expect(known?.polling).toEqual({ firstLookMs: 0, intervalMs: 50 });
  });

  it('knows a model of another name only where it is listed', () => {
    expect(abilities('sora2-hd')).toBeUndefined();
    expect(abilities('sora2-hd', { models: 'video-x, sora2-hd' })).toEqual(abilities('sora-2'));
  });

  it('narrows lengths, and leaves out what a reseller does not have', () => {
    const narrowed = abilities('sora-2', { seconds: '10, 15', extendSeconds: '4', remix: 'false' });
    expect(narrowed).toMatchObject({
      operations: ['text_to_video', 'image_to_video', 'extend'],
      duration: { kind: 'set', values: [10, 15] },
      extendDuration: { kind: 'set', values: [4] },
    });
    expect(abilities('sora-2', { extend: 'false' })?.operations).not.toContain('extend');
  });

  it.each<Settings>([
    { seconds: '4,,8' },
    { seconds: '4.5' },
    { sizes: '640x480' },
    { videosPath: 'videos' },
    { videosPath: '/videos/../admin' },
    { remix: 'no' },
    { models: '' },
    { secondsKind: 'string' },
  ])('are refused: %j', (settings) => {
    expect(() => abilities('sora-2', settings)).toThrow(z.ZodError);
  });
});

describe('openai-videos: answers', () => {
  it('keeps the id of an accepted video and nothing else', async () => {
    const { provider } = await serve(fixtures.submitted);
    const accepted = await provider.submit(aGeneration({ upstreamModel: 'sora-2' }), submitOptions());
    expect(accepted).toEqual({
      outcome: 'accepted',
      task: { account: 'account', upstreamModel: 'sora-2', id: 'video_69612d2a9d3c8190a9a1b6c0f2b7d5e4' },
    });
  });

  it.each([
    ["Video with id 'video_1' is no longer available", 'NOT_FOUND'],
    ['The model sora-2 is no longer available', 'MODEL_RETIRED'],
  ])('tells a source that is gone from a model that is: %j', async (message, errorClass) => {
    const { provider } = await serve(refused('not_found', message), { status: 404 });
    const generation = aGeneration({ upstreamModel: 'sora-2', operation: 'remix', inputs: withSource });
    expect(await provider.submit(generation, submitOptions())).toMatchObject({
      outcome: 'refused',
      error: { class: errorClass },
    });
  });

  it('knows a video that is finished when it is accepted', async () => {
    const { provider, server } = await serve({ ...fixtures.succeeded, id: 'video_9' });
    const accepted = await provider.submit(aGeneration({ upstreamModel: 'sora-2' }), submitOptions());
    const files = [{ url: `${server.url}/v1/videos/video_9/content` }];
    expect(accepted).toMatchObject({ outcome: 'accepted', finished: { status: 'succeeded', files } });
  });

  it.each([
    [
      { status: 'queued', progress: 0 },
      { status: 'pending', providerStatus: 'queued', progress: 0 },
    ],
    [
      { status: 'in_progress', progress: 33.4 },
      { status: 'pending', providerStatus: 'in_progress', progress: 33.4 },
    ],
    [
      { status: 'in_progress', progress: 250 },
      { status: 'pending', providerStatus: 'in_progress', progress: 100 },
    ],
    [
      { status: 'in_progress', progress: 'half' },
      { status: 'pending', providerStatus: 'in_progress' },
    ],
  ])('reads %j as %j', async (video, look) => {
    const { provider } = await serve(video);
    expect(await provider.look(task, { signal: never() })).toEqual(look);
  });

  it.each([
    [{ status: 'failed', error: { code: 'moderation_blocked', message: 'no' } }, 'CONTENT_REFUSED', 'no'],
    [
      { status: 'failed', error: { code: 'x', type: 'x', message: 'by our content policy' } },
      'CONTENT_REFUSED',
      /policy/,
    ],
    [{ status: 'failed', error: { code: 'invalid_image', message: 'bad' } }, 'INPUT_INVALID', 'bad'],
    [{ status: 'failed', error: { code: 'insufficient_quota', message: 'paid?' } }, 'BALANCE', 'paid?'],
    [{ status: 'failed', error: 'it broke' }, 'PROVIDER_INTERNAL', 'it broke'],
    [{ status: 'failed', error: null }, 'PROVIDER_INTERNAL', 'the task is failed'],
    [{ status: 'expired' }, 'PROVIDER_INTERNAL', 'the task is expired'],
    [{ status: 'Cancelled' }, 'PROVIDER_INTERNAL', 'the task is cancelled'],
  ])('reads the end %j as %s', async (video, errorClass, message) => {
    const { provider } = await serve(video);
    expect(await provider.look(task, { signal: never() })).toMatchObject({
      status: 'failed',
      charged: 'unknown',
      error: { class: errorClass, message: expect.stringMatching(message) },
    });
  });

  it('shows the key of a file to the provider’s own origin only', async () => {
    const { provider, server } = await serve(fixtures.running);
    const url = `${server.url}/v1/videos/video_1/content`;
    expect(provider.openResult(task, { url })).toEqual({
      url,
      headers: { authorization: expect.stringMatching(/^Bearer .*canary/) },
      credentialOrigin: server.url,
    });
  });
});
