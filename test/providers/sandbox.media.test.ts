import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Generation } from '../../contract/generation.js';
import type { VideoProvider } from '../../contract/provider.js';
import type { Providers } from '../../providers/registry.js';
import { startImageServer } from '../support/image-server.js';
import { startSandbox } from '../support/sandbox.js';
import { until } from '../support/until.js';
import { aGeneration, never, openAccount, submitOptions } from './conformance.js';
import { anImage } from './permitted-generations.js';

// The first run draws the clips.
jest.setTimeout(60_000);

const frame = anImage('image/png', { width: 1280, height: 720 });

type StandIn = [adapter: string, path: string, model: string, seconds: number, settings?: Record<string, string>];

const standIns: StandIn[] = [
  ['omixa', '/omixa', 'sora', 1],
  ['apixo', '/apixo', 'sora-2', 10],
  ['pixazo', '/pixazo', 'sora-2-pro', 4],
  ['globalaiopc', '/globalaiopc', 'sora-2-stable', 10, { queryPath: '/v1/sora/videos' }],
  ['openai-videos', '/openai/v1', 'sora-2', 4],
];

describe.each(standIns)('%s and its stand-in at %s', (adapter, path, upstreamModel, seconds, settings) => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  let images: Awaited<ReturnType<typeof startImageServer>>;
  let providers: Providers;
  let provider: VideoProvider;

  beforeAll(async () => {
    sandbox = await startSandbox();
    images = await startImageServer({ '/frame.png': (_, response) => void response.end(frame.bytes) });
    ({ providers, provider } = openAccount(adapter, `${sandbox.url}${path}`, settings));
  });
  afterAll(() => Promise.all([providers.close(), images.close(), sandbox.close()]));

  type Plan = Omit<Parameters<typeof sandbox.control.script>[0], 'promptIncludes'>;

  const submit = async ({ plan, ...given }: Partial<Generation> & { plan?: Plan } = {}) => {
    const prompt = `a boat ${randomUUID()}`;
    if (plan) await sandbox.control.script({ ...plan, promptIncludes: prompt });
    return provider.submit(aGeneration({ upstreamModel, durationSeconds: seconds, ...given, prompt }), submitOptions());
  };
  const accepted = async (given: Parameters<typeof submit>[0]) => {
    const submission = await submit(given);
    if (submission.outcome !== 'accepted') throw new Error(`not accepted: ${JSON.stringify(submission)}`);
    return submission.task;
  };
  const ended = async (given: Parameters<typeof submit>[0]) => {
    const task = await accepted(given);
    const look = await until(async () => {
      const found = await provider.look(task, { signal: never() });
      return found.status !== 'pending' && found;
    }, 20);
    return { task, look };
  };

  it.each([
    ['landscape', { width: 1280, height: 720 }],
    ['portrait', { width: 720, height: 1280 }],
  ])('make a %s clip of the length that was asked for', async (_, size) => {
    const { task, look } = await ended({ size });
    if (look.status !== 'succeeded') throw new Error(`not made: ${JSON.stringify(look)}`);
    const [file = { url: '' }] = look.files;

    const { url, headers } = provider.openResult(task, file);
    const facts = await sandbox.factsOf(await fetch(url, { headers }));

    expect(facts).toMatchObject(size);
    expect(facts.durationSeconds).toBeCloseTo(seconds, 0);
  });

  it('make a clip of an image', async () => {
    const firstFrame = { ...frame, url: images.url('/frame.png') };
    const { look } = await ended({ operation: 'image_to_video', inputs: { firstFrame, references: [] } });
    expect(look).toMatchObject({ status: 'succeeded' });
  });

  it.each([
    ['invalid', 'INPUT_INVALID'],
    ['auth', 'AUTH'],
    ['balance', 'BALANCE'],
    ['model_gone', 'MODEL_RETIRED'],
    ['moderation', 'CONTENT_REFUSED'],
  ])('agree on a refusal for the reason %s', async (reason, errorClass) => {
    const submission = await submit({ plan: { call: 'submit', fault: 'refuse', reason } });
    expect(submission).toMatchObject({ outcome: 'refused', error: { class: errorClass } });
  });

  it.each([
    ['internal', 'PROVIDER_INTERNAL'],
    ['moderation', 'CONTENT_REFUSED'],
  ])('agree on a task that is lost for the reason %s', async (reason, errorClass) => {
    const { look } = await ended({ plan: { call: 'submit', fault: 'fail_after_accept', reason } });
    expect(look).toMatchObject({ status: 'failed', error: { class: errorClass } });
  });

  it('agree that too many requests are refused for as long as is said', async () => {
    const submission = await submit({ plan: { call: 'submit', fault: 'rate_limit', retryAfterSeconds: 7 } });
    expect(submission).toMatchObject({ outcome: 'refused', error: { class: 'RATE_LIMITED', retryAfterMs: 7_000 } });
  });

  it.each(['accept_then_drop', 'accept_without_id', 'server_error', 'garbage'])(
    'leave a submit unknown after %s',
    async (fault) => {
      expect(await submit({ plan: { call: 'submit', fault } })).toMatchObject({ outcome: 'unknown' });
    },
  );

  // That vendor's results lie at an address that needs no telling.
  if (adapter !== 'openai-videos') {
    it('wait for an address that comes late', async () => {
      const task = await accepted({ plan: { call: 'submit', fault: 'succeed_without_url', looks: 1 } });
      const seen: string[] = [];
      await until(async () => {
        const { status } = await provider.look(task, { signal: never() });
        return seen.push(status) > 0 && status === 'succeeded';
      }, 20);
      expect(seen).toContain('pending');
    });
  }

  if (adapter === 'openai-videos') {
    it('list what was taken, so that it is known again although its answer was lost', async () => {
      const since = new Date(Date.now() - 60_000);
      const prompt = `a boat ${randomUUID()}`;
      await sandbox.control.script({ call: 'submit', fault: 'accept_then_drop', promptIncludes: prompt });
      const generation = aGeneration({ upstreamModel, durationSeconds: seconds, prompt });
      expect(await provider.submit(generation, submitOptions())).toMatchObject({ outcome: 'unknown' });

      const listed = await provider.list?.(since, { signal: never() });
      const found = listed?.filter((one) => one.prompt === prompt) ?? [];
      expect(found).toEqual([
        {
          task: { account: 'account', upstreamModel, id: expect.stringMatching(/^video_/) },
          createdAt: expect.any(Date),
          prompt,
          durationSeconds: seconds,
          size: { width: 1280, height: 720 },
          status: expect.stringMatching(/^(open|succeeded)$/),
        },
      ]);
    });
  }

  it('take a status word that no page names for a task that runs', async () => {
    const task = await accepted({ plan: { call: 'look', fault: 'unknown_status' } });
    expect(await provider.look(task, { signal: never() })).toMatchObject({
      status: 'pending',
      providerStatus: 'warming_up',
    });
  });
});
