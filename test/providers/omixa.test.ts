import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import type { Generation } from '../../contract/generation.js';
import { abilitiesOf, type Providers } from '../../providers/registry.js';
import { aGeneration, describeConformance, never, openAccount, readFixtures, submitOptions } from './conformance.js';
import { answerWith, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const inlineImage = z.string().regex(/^data:image\/(png|jpeg|webp);base64,[A-Za-z0-9+/]+={0,2}$/);
const anyJob = {
  model: z.literal('sora'),
  prompt: z.string().min(1),
  seed: z.int().optional(),
  generate_audio: z.boolean().optional(),
  enhance_prompt: z.boolean().optional(),
  reference_images: z.array(inlineImage).min(1).optional(),
};
const measured = {
  duration_seconds: z.number().min(1).max(30),
  size: z.enum(['1280x720', '720x1280', '1920x1080']).optional(),
};
const source = { source_video: z.string().min(1) };

describeConformance({
  adapter: 'omixa',
  upstreamModel: 'sora',
  acceptance: (id) => ({ ...readFixtures('omixa').submitted, operation: id }),
  lookPath: (id) => `/api/v1/videos/jobs/status?${new URLSearchParams({ operation: id }).toString()}`,
  successWord: 'succeeded',
  page: z.strictObject({
    path: z.literal('/api/v1/videos/jobs'),
    body: z.discriminatedUnion('video_operation', [
      z.strictObject({ ...anyJob, ...measured, video_operation: z.literal('text_to_video') }),
      z.strictObject({
        ...anyJob,
        ...measured,
        video_operation: z.literal('image_to_video'),
        start_frame: inlineImage,
        last_frame: inlineImage.optional(),
      }),
      z.strictObject({ ...anyJob, ...measured, ...source, video_operation: z.literal('extend') }),
      z.strictObject({ ...anyJob, ...source, video_operation: z.literal('remix') }),
    ]),
  }),
});

const fixtures = readFixtures('omixa');
const opened: { server?: ScriptedServer; providers?: Providers } = {};

afterEach(async () => {
  await opened.server?.close();
  await opened.providers?.close();
});

async function serve(answer: unknown, { path = '', settings = {}, status = 200 } = {}) {
  const server = await startScriptedServer(answerWith(status, answer));
  const { provider, providers } = openAccount('omixa', `${server.url}${path}`, settings);
  Object.assign(opened, { server, providers });
  return { server, provider };
}

async function sentBody(generation: Generation): Promise<unknown> {
  const { server, provider } = await serve(fixtures.submitted);
  await provider.submit(generation, submitOptions());
  return JSON.parse(server.requests[0]?.body ?? '');
}

const sourceVideo = {
  task: { account: 'account', upstreamModel: 'sora', id: 'azure_video_jobs/task_01HZX' },
  durationSeconds: 8.04,
};
const image = { contentType: 'image/png', bytes: new Uint8Array(Buffer.from('xxPNGxx')).subarray(2, 5) };

describe('omixa: what a submit sends', () => {
  it('is any of the four operations', () => {
    const operations = ['text_to_video', 'image_to_video', 'extend', 'remix'];
    expect(abilitiesOf('omixa', 'sora')?.operations).toEqual(operations);
  });

  it('sends a text job with pixels, each thing under one name, and nothing that was not asked for', async () => {
    expect(await sentBody(aGeneration({ durationSeconds: 4.5 }))).toEqual({
      model: 'sora',
      prompt: 'A paper boat on a stream',
      video_operation: 'text_to_video',
      duration_seconds: 4.5,
      size: '1280x720',
    });
  });

  it('sends images as data URLs of exactly their bytes', async () => {
    const inputs = { firstFrame: image, lastFrame: image, references: [image] };
    const url = `data:image/png;base64,${Buffer.from('PNG').toString('base64')}`;

    expect(await sentBody(aGeneration({ operation: 'image_to_video', inputs }))).toMatchObject({
      video_operation: 'image_to_video',
      start_frame: url,
      last_frame: url,
      reference_images: [url],
    });
  });

  it('names the task to extend under one name, with the seconds to add', async () => {
    const inputs = { references: [], sourceVideo };
    expect(await sentBody(aGeneration({ operation: 'extend', durationSeconds: 4, inputs }))).toEqual({
      model: 'sora',
      prompt: 'A paper boat on a stream',
      video_operation: 'extend',
      duration_seconds: 4,
      size: '1280x720',
      source_video: 'azure_video_jobs/task_01HZX',
    });
  });

  it('names the task to remix, and leaves length and size to it', async () => {
    const inputs = { references: [], sourceVideo };
    expect(await sentBody(aGeneration({ operation: 'remix', durationSeconds: 8.04, inputs }))).toEqual({
      model: 'sora',
      prompt: 'A paper boat on a stream',
      video_operation: 'remix',
      source_video: 'azure_video_jobs/task_01HZX',
    });
  });

  it('keeps the path of the base address in front', async () => {
    const { server, provider } = await serve(fixtures.submitted, { path: '/omixa/' });
    await provider.submit(aGeneration(), submitOptions());
    expect(server.requests[0]?.path).toBe('/omixa/api/v1/videos/jobs');
  });
});

describe('omixa: answers', () => {
  it('keeps the operation and the hint of an accepted job', async () => {
    const { provider } = await serve(fixtures.submitted);
    expect(await provider.submit(aGeneration(), submitOptions())).toEqual({
      outcome: 'accepted',
      task: { account: 'account', upstreamModel: 'sora', id: 'azure_video_jobs/task_01HZX' },
      lookAgainInMs: 5_000,
    });
  });

  it('knows a job that is finished when it is accepted', async () => {
    const { provider } = await serve(fixtures.succeeded);
    expect(await provider.submit(aGeneration(), submitOptions())).toMatchObject({
      outcome: 'accepted',
      finished: { status: 'succeeded', files: [{ url: 'https://media.example.com/task_01HZX.mp4?sig=abc' }] },
    });
  });

  it.each([
    [{ error: 'content policy violation' }, 'CONTENT_REFUSED'],
    [{ error: { type: 'moderation_blocked' } }, 'CONTENT_REFUSED'],
    [{ message: 'Insufficient balance' }, 'BALANCE'],
    [{ error: { code: 'DeploymentNotFound', message: 'gone' } }, 'MODEL_RETIRED'],
    [{ error: 'The model sora is no longer available' }, 'MODEL_RETIRED'],
    [{ error: { message: 'duration_seconds must be 4, 8 or 12' } }, 'INPUT_INVALID'],
    ['not even JSON', 'INPUT_INVALID'],
  ])('reads the refusal %j as %s', async (body, errorClass) => {
    const { provider } = await serve(body, { status: 400 });
    expect(await provider.submit(aGeneration(), submitOptions())).toMatchObject({
      outcome: 'refused',
      error: { class: errorClass },
    });
  });

  it('does not take a source that is gone for a model that is', async () => {
    const { provider } = await serve({ error: 'the source video is no longer available' }, { status: 404 });
    const inputs = { references: [], sourceVideo };
    expect(await provider.submit(aGeneration({ operation: 'remix', inputs }), submitOptions())).toMatchObject({
      outcome: 'refused',
      error: { class: 'NOT_FOUND' },
    });
  });

  it.each(['error', 'cancelled', 'canceled', 'expired', ' FAILED '])(
    'takes %j as the end of the task',
    async (status) => {
      const { provider } = await serve({ status, error: 'gone' });
      const task = { account: 'account', upstreamModel: 'sora', id: '1' };
      expect(await provider.look(task, { signal: never() })).toMatchObject({
        status: 'failed',
        error: { message: 'gone' },
      });
    },
  );
});

describe('omixa: the status call', () => {
  const task = { account: 'account', upstreamModel: 'sora', id: 'a/b c' };

  it('is a GET with the operation unless the settings say otherwise', async () => {
    const { server, provider } = await serve(fixtures.running);
    expect(await provider.look(task, { signal: never() })).toEqual({
      status: 'pending',
      providerStatus: 'running',
      lookAgainInMs: 5_000,
    });
    expect(server.requests[0]).toMatchObject({ method: 'GET', path: '/api/v1/videos/jobs/status?operation=a%2Fb+c' });
  });

  it('is a POST with another name when the settings say so', async () => {
    const { server, provider } = await serve(fixtures.running, {
      settings: { statusMethod: 'POST', statusParameter: 'job_id' },
    });
    await provider.look(task, { signal: never() });
    expect(server.requests[0]).toMatchObject({
      method: 'POST',
      path: '/api/v1/videos/jobs/status',
      body: '{"job_id":"a/b c"}',
    });
  });

  it('shows the key of a result to its own origin only', async () => {
    const { server, provider } = await serve(fixtures.running);
    const source = provider.openResult(task, { url: 'https://media.example.com/x.mp4' });
    expect(source).toMatchObject({ url: 'https://media.example.com/x.mp4', credentialOrigin: server.url });
  });
});
