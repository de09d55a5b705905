import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { VideoProvider } from '../../contract/provider.js';
import { abilitiesOf, createProviders, type Providers } from '../../providers/registry.js';
import { aGeneration, openAccount, readFixtures, submitOptions } from './conformance.js';
import { answerWith, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const opened: { server?: ScriptedServer; providers?: Providers } = {};
afterEach(async () => {
  await opened.server?.close();
  await opened.providers?.close();
});

const generation = aGeneration({ upstreamModel: 'sora-2' });
const callbackUrl = 'https://reelay.test/callbacks/account/aTokenOfThisAttempt_-0123456789';
const raw = (body: unknown, headers: Record<string, string> = {}) => ({
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  header: (name: string) => headers[name],
});

/** Without which an account does not open. */
const needed: Record<string, object> = { globalaiopc: { queryPath: '/sora/videos' } };

async function sent(adapter: string, { settings = {}, url = callbackUrl }: { settings?: object; url?: string } = {}) {
  const server = await startScriptedServer(
    answerWith(adapter === 'pixazo' ? 202 : 200, readFixtures(adapter).submitted),
  );
  opened.server = server;
  const { provider, providers } = openAccount(adapter, server.url, { ...needed[adapter], ...settings });
  opened.providers = providers;
  const upstreamModel = adapter === 'pixazo' ? 'sora-2-pro' : 'sora-2';
  await provider.submit({ ...generation, upstreamModel }, { ...submitOptions(), callbackUrl: url });
  const [request] = server.requests;
  return { headers: request?.headers, body: JSON.parse(request?.body ?? '{}') as Record<string, unknown> };
}

/** An account whose address is not on this machine; nothing is sent to it. */
function farAccount(adapter: string, settings: Record<string, string> = {}): VideoProvider {
  const { provider, providers } = openAccount(adapter, 'https://provider.test', settings);
  opened.providers = providers;
  return provider;
}

function claimed(provider: VideoProvider, callback: ReturnType<typeof raw>) {
  const claim = provider.callbacks?.readCallback(callback);
  if (!claim) throw new Error('the account does not call back');
  return claim;
}

describe('a submit that may be called back', () => {
  it('tells APIXO so in the body', async () => {
    const { body } = await sent('apixo');
    expect(body).toMatchObject({ request_type: 'callback', callback_url: callbackUrl });
  });

  it('tells Pixazo so in the queue’s header, and leaves the body alone', async () => {
    const { headers, body } = await sent('pixazo');
    expect(headers).toMatchObject({ 'x-webhook-url': callbackUrl });
    expect(body).not.toHaveProperty('callback_url');
  });

  it.each(['omixa', 'globalaiopc', 'openai-videos'])('tells nothing to %s', async (adapter) => {
    const { headers, body } = await sent(adapter);
    expect(JSON.stringify({ headers, body })).not.toContain('/callbacks/');
  });

  it.each(['apixo', 'pixazo'])('tells nothing to %s where that is switched off', async (adapter) => {
    const { headers, body } = await sent(adapter, { settings: { callbacks: 'false' } });
    expect(JSON.stringify({ headers, body })).not.toContain('/callbacks/');
    expect(farAccount(adapter, { callbacks: 'false' }).callbacks).toBeUndefined();
  });

  it('may be called back over plain http by who is on this machine', async () => {
    const { body } = await sent('apixo', { url: 'http://127.0.0.1:8080/callbacks/account/token' });
    expect(body).toMatchObject({ request_type: 'callback' });
  });

  it('is known to be one by the abilities', () => {
    expect(abilitiesOf('apixo', 'sora-2')?.callsBack).toBe(true);
    expect(abilitiesOf('pixazo', 'sora-2-pro')?.callsBack).toBe(true);
    expect(abilitiesOf('pixazo', 'sora-2-pro', { callbacks: 'false' })?.callsBack).toBe(false);
    expect(abilitiesOf('openai-videos', 'sora-2')?.callsBack).toBe(false);
  });
});

describe('what a callback names', () => {
  it.each<[string, string, unknown, string | null]>([
    ['apixo', 'the envelope', { code: 200, data: { taskId: 'task_1', state: 'success' } }, 'task_1'],
    ['apixo', 'what is in the envelope', { taskId: 'task_1', state: 'failed' }, 'task_1'],
    ['apixo', 'a number', { data: { taskId: 17 } }, '17'],
    ['apixo', 'no task', { code: 200, data: null }, null],
    ['apixo', 'an id that cannot be kept', { data: { taskId: 'a\u0000b' } }, null],
    ['apixo', 'no JSON', '<html>', null],
    ['apixo', 'nothing', '', null],
    ['pixazo', 'the status call’s answer', { request_id: 'sora-video_1', status: 'COMPLETED' }, 'sora-video_1'],
    ['pixazo', 'an error', { request_id: 'sora-video_1', status: 'ERROR', error: 'oh', output: null }, 'sora-video_1'],
    ['pixazo', 'the id of another call', { id: 'video_1', status: 'completed' }, null],
    ['pixazo', 'a list', [], null],
  ])('%s: %s', (adapter, _, body, taskId) => {
    expect(claimed(farAccount(adapter), raw(body))).toMatchObject({ taskId });
  });

  it('is kept short, and without what is secret in it', () => {
    const body = {
      data: { taskId: 'task_1' },
      address: callbackUrl,
      key: 'key-canary-7f3a',
      file: 'https://r2.test/a.mp4?signature=abc',
      padding: 'ä'.repeat(5_000),
    };
    const claim = claimed(farAccount('apixo'), raw(body));
    const excerpt = claim === 'forged' ? '' : claim.excerpt;
    expect(Buffer.byteLength(excerpt)).toBeLessThanOrEqual(2_000);
    expect(excerpt).toContain('task_1');
    expect(excerpt).not.toMatch(/aTokenOfThisAttempt|key-canary|signature=abc/);
  });
});

describe('the webhooks of the OpenAI shape', () => {
  const secret = `whsec_${randomBytes(24).toString('base64')}`;

  function account(webhookSecret: string | undefined): VideoProvider {
    const providers = createProviders({
      catalogue: {
        accounts: {
          account: {
            adapter: 'openai-videos',
            baseUrl: 'https://provider.test/v1',
            credential: 'KEY',
            webhookSecret: 'WEBHOOK_SECRET',
            official: true,
            settings: {},
          },
        },
        models: {},
      },
      credentials: (variable) => (variable === 'KEY' ? 'key' : webhookSecret),
      allowHttp: false,
    });
    opened.providers = providers;
    return providers.get('account');
  }
  function signed(body: string) {
    const at = new Date();
    return raw(body, {
      'webhook-id': 'evt_1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(secret).sign('evt_1', at, body),
    });
  }

  it('are none without a secret, and refuse to start with one that cannot be one', () => {
    expect(account(undefined).callbacks).toBeUndefined();
    expect(() => account('whsec_§')).toThrow();
  });

  it('name a video, whatever became of it, and nothing where they are about something else', () => {
    const provider = account(secret);
    const event = (type: string) => JSON.stringify({ object: 'event', type, data: { id: 'video_1' } });
    expect(claimed(provider, signed(event('video.completed')))).toMatchObject({ taskId: 'video_1' });
    expect(claimed(provider, signed(event('video.failed')))).toMatchObject({ taskId: 'video_1' });
    expect(claimed(provider, signed(event('response.completed')))).toMatchObject({ taskId: null });
    expect(claimed(provider, signed('no json'))).toMatchObject({ taskId: null });
  });

  it('are forged where the signature is not theirs', () => {
    const provider = account(secret);
    const { header } = signed('{"data":{"id":"video_1"}}');
    expect(claimed(provider, { body: Buffer.from('{"data":{"id":"video_2"}}'), header })).toBe('forged');
    expect(claimed(provider, raw('{}'))).toBe('forged');
    // Other bytes that would be the same text once they are decoded.
    const replaced = signed('{"data":{"id":"\ufffd"}}');
    const bytes = Buffer.from(replaced.body.toString('latin1').replace('\u00ef\u00bf\u00bd', '\u00ff'), 'latin1');
    expect(bytes.toString('utf8')).toBe(replaced.body.toString('utf8'));
    expect(claimed(provider, { ...replaced, body: bytes })).toBe('forged');
  });
});
