import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { Generation } from '../../contract/generation.js';
import { abilitiesOf, type Providers } from '../../providers/registry.js';
import { aGeneration, describeConformance, never, openAccount, readFixtures, submitOptions } from './conformance.js';
import { anImage } from './permitted-generations.js';
import { answerWith, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const settings = { queryPath: '/sora/videos', proLongClips: 'true' };

const httpsAddress = z.url({ protocol: /^https$/ });
const fields = {
  prompt: z.string().min(1),
  // The page: what is left out becomes portrait, whatever was meant.
  size: z.enum(['720x1280', '1280x720']),
};
const images = [
  {},
  { input_reference: z.array(httpsAddress).min(1).max(3) },
  { image_urls: z.array(httpsAddress).min(1).max(3) },
];
const models = [
  { model: z.enum(['sora-2', 'sora-2-stable']), duration: z.literal([10, 15]) },
  { model: z.literal('sora-2-pro'), duration: z.literal([10, 15, 25]) },
];

describe.each(['sora-2', 'sora-2-stable', 'sora-2-pro'])('%s', (upstreamModel) => {
  describeConformance({
    adapter: 'globalaiopc',
    upstreamModel,
    settings,
    acceptance: (id) => ({ ...readFixtures('globalaiopc').submitted, id }),
    lookPath: (id) => `/sora/videos/${encodeURIComponent(id)}`,
    successWord: 'completed',
    page: z.strictObject({
      path: z.literal('/sora/videos'),
      body: z.union(models.flatMap((model) => images.map((slot) => z.strictObject({ ...fields, ...model, ...slot })))),
    }),
    refusals: [
      [400, { error: { message: 'unsupported duration', type: 'invalid_request_error' } }, 'INPUT_INVALID'],
      [400, { msg: 'Your prompt violates the content policy' }, 'CONTENT_REFUSED'],
      [403, { error: { code: 'insufficient_quota', message: 'top up' } }, 'BALANCE'],
      [404, { code: 404, message: 'The model `sora-2` does not exist' }, 'MODEL_RETIRED'],
      [404, 'page not found', 'NOT_FOUND'],
    ],
  });
});

const fixtures = readFixtures('globalaiopc');
const opened: { server?: ScriptedServer; providers?: Providers } = {};
const generation = aGeneration({ upstreamModel: 'sora-2' });
const task = { account: 'account', upstreamModel: 'sora-2', id: 'sora_1' };

afterEach(async () => {
  await opened.server?.close();
  await opened.providers?.close();
});

async function serve(answer: unknown, more: Record<string, string> = {}) {
  const server = await startScriptedServer(answerWith(200, answer));
  const { provider, providers } = openAccount('globalaiopc', server.url, { ...settings, ...more });
  Object.assign(opened, { server, providers });
  return { server, provider };
}

async function lookAt(answer: unknown) {
  const { provider } = await serve(answer);
  return provider.look(task, { signal: never() });
}

describe('globalaiopc: what a submit sends', () => {
  const image = anImage('image/png', { width: 640, height: 480 }, 'url');

  async function sentBody(given: Partial<Generation>) {
    const { server, provider } = await serve(fixtures.submitted);
    await provider.submit({ ...generation, ...given }, submitOptions());
    return JSON.parse(server.requests[0]?.body ?? '');
  }

  it('is text, a size and a duration under one name', async () => {
    expect(await sentBody({})).toEqual({
      model: 'sora-2',
      prompt: 'A paper boat on a stream',
      size: '1280x720',
      duration: 10,
    });
  });

  it('writes portrait out where no size was asked for', async () => {
    expect(await sentBody({ size: undefined })).toMatchObject({ size: '720x1280' });
  });

  it.each([
    ['a first frame', 'image_to_video', { firstFrame: image, references: [] }, { image_urls: [image.url] }],
    ['references', 'text_to_video', { references: [image, image] }, { input_reference: [image.url, image.url] }],
  ] as const)('names %s by address', async (_, operation, { references, ...frame }, expected) => {
    expect(await sentBody({ operation, inputs: { ...frame, references: [...references] } })).toMatchObject(expected);
  });

  it('is nothing for an image without an address', async () => {
    const { server, provider } = await serve(fixtures.submitted);
    const inputs = { references: [image, { ...image, url: undefined }] };

    const submission = await provider.submit({ ...generation, inputs }, submitOptions());

    expect(submission).toMatchObject({ outcome: 'not_sent', error: { class: 'NOT_FOUND' } });
    expect(server.requests).toHaveLength(0);
  });

  it('is nothing for a first frame beside references, between which the gateway would choose', async () => {
    const { server, provider } = await serve(fixtures.submitted);
    const inputs = { firstFrame: image, references: [image] };

    const submission = await provider.submit({ ...generation, inputs }, submitOptions());

    expect(submission).toMatchObject({ outcome: 'not_sent', error: { class: 'INPUT_INVALID' } });
    expect(server.requests).toHaveLength(0);
  });
});

describe('globalaiopc: settings', () => {
  it('name the paths of both calls', async () => {
    const paths = { createPath: '/v1/sora/videos', queryPath: '/v2/model-center/tasks' };
    const { server, provider } = await serve({ ...fixtures.running, id: 'sora_1' }, paths);

    await provider.submit(generation, submitOptions());
    await provider.look(task, { signal: never() });

    expect(server.requests.map(({ path }) => path)).toEqual(['/v1/sora/videos', '/v2/model-center/tasks/sora_1']);
  });

  it.each([
    ['sora-2-pro', 'true', true],
    ['sora-2-pro', 'false', false],
    ['sora-2', 'true', false],
  ])('let %s make long clips when proLongClips is %s: %s', (model, proLongClips, isPossible) => {
    const { duration } = abilitiesOf('globalaiopc', model, { ...settings, proLongClips }) ?? {};
    expect(duration?.kind === 'set' && duration.values.includes(25)).toBe(isPossible);
  });
});

describe('globalaiopc: answers', () => {
  it('knows a task that was lost when it was created, and may have been charged', async () => {
    const { provider } = await serve({ ...fixtures.failed, id: 'sora_1' });
    expect(await provider.submit(generation, submitOptions())).toMatchObject({
      outcome: 'accepted',
      task,
      finished: { status: 'failed', charged: 'unknown', error: { message: 'The generation failed' } },
    });
  });

  it.each(['completed', 'Succeeded', 'SUCCESS', 'done'])('takes %j for success', async (status) => {
    expect(await lookAt({ status, url: 'https://x.example/1.mp4' })).toMatchObject({ status: 'succeeded' });
  });

  const at = (name: string) => `https://x.example/${name}.mp4`;

  it.each([
    [{ video_url: at('a'), url: at('b'), output: at('c') }, ['a']],
    [{ video_url: '', url: at('b'), result_url: at('c') }, ['b']],
    [{ result_url: at('c'), output: at('d') }, ['c']],
    [{ output: at('d'), data: [{ url: at('e') }] }, ['d']],
    [{ output: [at('d'), { url: at('e') }, 7] }, ['d', 'e']],
    [{ output: { frames: 240 }, data: [{ url: at('e') }, { url: at('f') }], video: { url: at('g') } }, ['e', 'f']],
    [{ output: 'see data', data: {}, video: { url: at('g') } }, ['g']],
  ])('finds the result in %j', async (answer, names) => {
    const files = names.map((name) => ({ url: at(name) }));
    expect(await lookAt({ status: 'completed', ...answer })).toEqual({ status: 'succeeded', files });
  });

  it.each(['error', 'cancelled', 'expired'])('takes %j for the end of the task', async (status) => {
    const found = await lookAt({ status, error: { code: 7, message: 'gone' } });
    expect(found).toMatchObject({ status: 'failed', error: { message: 'gone', providerCode: '7' } });
  });

  it('shows no key to the host of a result', async () => {
    const { provider } = await serve(fixtures.running);
    expect(provider.openResult(task, { url: 'https://x.example/1.mp4' })).toMatchObject({ headers: {} });
  });
});
