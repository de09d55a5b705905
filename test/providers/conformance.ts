import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { z } from 'zod';
import type { Account } from '../../contract/catalogue.js';
import type { Generation } from '../../contract/generation.js';
import type { ProviderTask } from '../../contract/provider.js';
import { LookError, type ProviderErrorClass, providerErrorClasses } from '../../contract/provider-errors.js';
import { abilitiesOf, createProviders, type Providers } from '../../providers/registry.js';
import { permittedGenerations } from './permitted-generations.js';
import { answerWith, type Script, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const API_KEY = 'key-canary-7f3a';

const fixtureNames = ['submitted', 'running', 'succeeded', 'unknown-word', 'failed', 'without-id'] as const;
type Answer = Record<string, unknown>;
export type Fixtures = Record<(typeof fixtureNames)[number], Answer>;

export function readFixture(vendor: string, name: string): Answer {
  return JSON.parse(readFileSync(new URL(`fixtures/${vendor}/${name}.json`, import.meta.url), 'utf8'));
}

export function readFixtures(vendor: string): Fixtures {
  return Object.fromEntries(fixtureNames.map((name) => [name, readFixture(vendor, name)])) as Fixtures;
}

export function aGeneration(given: Partial<Generation> = {}): Generation {
  return {
    operation: 'text_to_video',
    upstreamModel: 'sora',
    prompt: 'A paper boat on a stream',
    durationSeconds: 10,
    size: { width: 1280, height: 720 },
    aspectRatio: '16:9',
    variants: 1,
    inputs: { references: [] },
    ...given,
  };
}

export const never = () => new AbortController().signal;
export const submitOptions = () => ({ signal: never(), attemptKey: 'job_1:1' });

/** Opens one account of a vendor at an address, with the test's key. */
export function openAccount(adapter: string, baseUrl: string, settings: Account['settings'] = {}) {
  const account: Account = { adapter, baseUrl, credential: 'KEY', official: false, settings };
  const providers = createProviders({
    catalogue: { accounts: { account }, models: {} },
    credentials: () => API_KEY,
    allowHttp: true,
  });
  return { providers, provider: providers.get('account') };
}

const slowAnswers: [string, Script][] = [
  ['no answer', () => undefined],
  ['half an answer', (response) => void response.writeHead(200, { 'content-length': '99' }).write('{')],
];

/** What differs by vendor in what every adapter must do. */
type Conformance = {
  adapter: string;
  upstreamModel: string;
  /** Settings without which an account of this vendor does not open, or that change what is checked here. */
  settings?: Account['settings'];
  /** What the model's abilities ask of a generation beyond `aGeneration`. */
  generation?: Partial<Generation>;
  /** How the key travels; as a bearer token unless the vendor has a header of its own. */
  credentialHeaders?: (apiKey: string) => Record<string, string>;
  acceptedStatus?: number;
  /** The answer of an accepted submit in the vendor's shape, with this id. */
  acceptance: (id: string) => unknown;
  /** The path and query with which a look asks for a task. */
  lookPath: (id: string) => string;
  /** The vendor's word for success, lower-cased. */
  successWord: string;
  /** Where below the base address a vendor that names no address keeps a finished file; else there is a fixture `succeeded-without-file`. */
  contentPath?: (id: string) => string;
  /** False for a vendor whose failures never tell moderation from a breakdown; else there is a fixture `refused-by-moderation`. */
  tellsModeration?: boolean;
  /** The vendor's page as a strict schema of the path and the body of a submit. */
  page?: z.ZodType;
  /** Answers to a submit, by the vendor's page, that say that nothing was created. */
  refusals?: readonly (readonly [status: number, body: unknown, errorClass: ProviderErrorClass])[];
};

/** What every adapter must do, whatever its vendor's wire format. */
export function describeConformance({
  adapter,
  upstreamModel,
  settings,
  generation: given,
  credentialHeaders = (apiKey) => ({ authorization: `Bearer ${apiKey}` }),
  acceptedStatus = 200,
  acceptance,
  lookPath,
  successWord,
  contentPath,
  tellsModeration = true,
  page,
  refusals = [],
}: Conformance) {
  const fixtures = readFixtures(adapter);
  const generation = aGeneration({ upstreamModel, ...given });
  const opened: { server?: ScriptedServer; providers?: Providers } = {};

  afterEach(async () => {
    await opened.server?.close();
    await opened.providers?.close();
  });

  const serve = async (script: Script) => {
    const server = await startScriptedServer(script);
    const { provider, providers } = openAccount(adapter, server.url, settings);
    Object.assign(opened, { server, providers });
    const task: ProviderTask = { account: 'account', upstreamModel, id: 'task 1/ä?&' };
    return { server, provider, submit: () => provider.submit(generation, submitOptions()), task };
  };

  const look = async (script: Script) => {
    const { provider, task } = await serve(script);
    return provider.look(task, { signal: never() });
  };

  const lookFailure = async (script: Script) => {
    const error = await look(script).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof LookError)) throw new Error('the look did not throw a LookError', { cause: error });
    return error.failure;
  };

  describe(`${adapter}: submit`, () => {
    if (page) {
      it('asks for whatever the abilities permit in words that the page permits', async () => {
        const { provider, server } = await serve(answerWith(acceptedStatus, fixtures.submitted));
        const abilities = abilitiesOf(adapter, upstreamModel, settings);
        if (!abilities) throw new Error(`${adapter} has no model ${upstreamModel}`);

        await fc.assert(
          fc.asyncProperty(permittedGenerations(upstreamModel, abilities), async (permitted) => {
            expect(await provider.submit(permitted, submitOptions())).toMatchObject({ outcome: 'accepted' });
            const { path, body = '' } = server.requests.at(-1) ?? {};
            expect(page.safeParse({ path, body: JSON.parse(body) }).error?.issues).toBeUndefined();
          }),
        );
      }, 30_000);
    }

    it('keeps the very id that the vendor gave', async () => {
      const { submit } = await serve(answerWith(acceptedStatus, acceptance('task 1/ä?&')));
      expect(await submit()).toMatchObject({ outcome: 'accepted', task: { id: 'task 1/ä?&' } });
    });

    it('is accepted, keeps the account and the model, and is sent once, with the key', async () => {
      const { submit, server } = await serve(answerWith(acceptedStatus, fixtures.submitted));

      const submission = await submit();

      expect(submission).toMatchObject({ outcome: 'accepted', task: { account: 'account', upstreamModel } });
      expect(server.requests).toHaveLength(1);
      expect(server.requests[0]).toMatchObject({ method: 'POST', headers: credentialHeaders(API_KEY) });
    });

    it.each([400, 401, 402, 403, 404, 413, 422, 429])('is refused by a complete %d', async (status) => {
      const { submit, server } = await serve(answerWith(status, { code: status, message: 'no' }));

      expect(await submit()).toMatchObject({ outcome: 'refused' });
      expect(server.requests).toHaveLength(1);
    });

    it.each([
      [400, 'INPUT_INVALID'],
      [401, 'AUTH'],
      [429, 'RATE_LIMITED'],
    ])('reads %d as %s', async (status, errorClass) => {
      const { submit } = await serve(answerWith(status, { code: status, message: 'no' }));
      expect(await submit()).toMatchObject({ error: { class: errorClass } });
    });

    it.each([
      [404, 'The model is no longer available'],
      [400, "Model 'sora-video' not found or is disabled"],
      [404, 'DeploymentNotFound'],
    ])('reads %d with %j as the end of the model', async (status, message) => {
      const { submit } = await serve(answerWith(status, { code: status, message, error: message }));
      expect(await submit()).toMatchObject({ outcome: 'refused', error: { class: 'MODEL_RETIRED' } });
    });

    for (const [status, body, errorClass] of refusals) {
      it(`reads ${status} with ${JSON.stringify(body)} as ${errorClass}`, async () => {
        const { submit } = await serve(answerWith(status, body));
        expect(await submit()).toMatchObject({ outcome: 'refused', error: { class: errorClass } });
      });
    }

    it.each([301, 302, 307, 408, 409, 425, 500, 502, 503, 504])(
      'is unknown after %d, and follows nothing',
      async (status) => {
        const { submit, server } = await serve(answerWith(status, { code: status, message: 'hm' }, { location: '/x' }));

        expect(await submit()).toMatchObject({ outcome: 'unknown', error: { class: 'OUTCOME_UNKNOWN' } });
        expect(server.requests).toHaveLength(1);
      },
    );

    it.each<[string, Script]>([
      ['HTML with 200', answerWith(200, '<html>welcome</html>')],
      ['a redirect that looks like an acceptance', answerWith(302, fixtures.submitted, { location: '/x' })],
      ['an answer without an id', answerWith(acceptedStatus, fixtures['without-id'])],
      ['an empty id', answerWith(acceptedStatus, acceptance(' '))],
      ['an id that cannot be kept', answerWith(acceptedStatus, acceptance('a\u0000b'))],
      ['an id that leads to another path', answerWith(acceptedStatus, acceptance('..'))],
      ['an empty answer', answerWith(200, '')],
      ['a huge answer', answerWith(200, `{"pad":"${'x'.repeat(1_200_000)}"`)],
      ['a huge refusal', answerWith(400, `"${'x'.repeat(1_200_000)}"`)],
      ['a reset after the body', (response) => response.socket?.resetAndDestroy()],
      ['a closed connection', (response) => response.socket?.end()],
      [
        'half an answer',
        (response) => response.writeHead(200, { 'content-length': '99' }).write('{', () => response.destroy()),
      ],
      [
        'half a refusal',
        (response) => response.writeHead(400, { 'content-length': '99' }).write('{', () => response.destroy()),
      ],
    ])('is unknown after %s', async (_, script) => {
      const { submit, server } = await serve(script);

      expect(await submit()).toMatchObject({ outcome: 'unknown', error: { class: 'OUTCOME_UNKNOWN' } });
      expect(server.requests).toHaveLength(1);
    });

    it.each(slowAnswers)('is unknown when it is given up while there is %s', async (_, script) => {
      const { provider, server } = await serve(script);
      const controller = new AbortController();
      const arrived = server.nextRequest();

      const submission = provider.submit(generation, { signal: controller.signal, attemptKey: 'job_1:1' });
      await arrived;
      controller.abort();

      expect(await submission).toMatchObject({ outcome: 'unknown', error: { class: 'OUTCOME_UNKNOWN' } });
    });

    it('is not sent when the connection is refused', async () => {
      const { submit, server } = await serve(() => undefined);
      await server.close();
      opened.server = undefined;

      expect(await submit()).toMatchObject({ outcome: 'not_sent', error: { class: 'NETWORK' } });
    });

    it('is not sent when the name does not exist', async () => {
      const { provider, providers } = openAccount(adapter, 'https://nowhere.invalid', settings);
      opened.providers = providers;

      expect(await provider.submit(generation, submitOptions())).toMatchObject({ outcome: 'not_sent' });
    });

    it('is not sent when TLS fails', async () => {
      const { server } = await serve(() => undefined);
      const { provider, providers } = openAccount(adapter, server.url.replace('http:', 'https:'), settings);

      expect(await provider.submit(generation, submitOptions())).toMatchObject({ outcome: 'not_sent' });
      expect(server.requests).toHaveLength(0);
      await providers.close();
    });

    it('is not sent when it is given up before the connection stands', async () => {
      const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
      await once(silent, 'listening');
      const { port } = silent.address() as AddressInfo;
      const { provider, providers } = openAccount(adapter, `https://127.0.0.1:${port}`, settings);
      const controller = new AbortController();
      const connected = once(silent, 'connection');

      const submission = provider.submit(generation, { signal: controller.signal, attemptKey: 'job_1:1' });
      const [socket] = await connected;
      controller.abort();

      expect(await submission).toMatchObject({ outcome: 'not_sent' });
      socket.destroy();
      silent.close();
      await providers.close();
    });

    it('is not sent later when it was given up while the connection was made', async () => {
      const { provider, server, submit } = await serve(answerWith(acceptedStatus, fixtures.submitted));
      const controller = new AbortController();

      const submission = provider.submit(generation, { signal: controller.signal, attemptKey: 'job_1:1' });
      controller.abort();

      expect(await submission).toMatchObject({ outcome: 'not_sent' });
      // Another one, connected after the first, is through; had the first been sent, it would have been seen before.
      await submit();
      expect(server.requests).toHaveLength(1);
    });

    it('is not sent when it was given up beforehand', async () => {
      const { provider, server } = await serve(answerWith(acceptedStatus, fixtures.submitted));

      const submission = await provider.submit(generation, { signal: AbortSignal.abort(), attemptKey: 'job_1:1' });

      expect(submission).toMatchObject({ outcome: 'not_sent' });
      expect(server.requests).toHaveLength(0);
    });

    it('takes a connection of its own, so that no idle one that the server closes can lose it', async () => {
      const { provider, submit, server, task } = await serve((response, request) =>
        request.method === 'GET'
          ? answerWith(200, fixtures.running)(response, request)
          : answerWith(acceptedStatus, fixtures.submitted)(response, request),
      );

      await provider.look(task, { signal: never() });
      await submit();
      await submit();

      expect(server.connectionCount()).toBe(3);
      expect(server.requests.map(({ headers }) => headers.connection)).toEqual(['keep-alive', 'close', 'close']);
    });
  });

  describe(`${adapter}: look`, () => {
    it('says pending while the task runs, and asks for exactly this task', async () => {
      const { provider, server, task } = await serve(answerWith(200, fixtures.running));

      expect(await provider.look(task, { signal: never() })).toMatchObject({ status: 'pending' });
      expect(server.requests[0]).toMatchObject({ path: lookPath(task.id), headers: credentialHeaders(API_KEY) });
    });

    if (contentPath) {
      it('says succeeded with the file that the vendor keeps itself', async () => {
        const { provider, task, server } = await serve(answerWith(200, fixtures.succeeded));
        const found = await provider.look(task, { signal: never() });
        expect(found).toMatchObject({ status: 'succeeded', files: [{ url: `${server.url}${contentPath(task.id)}` }] });
      });
    } else {
      it('says succeeded with the file', async () => {
        const found = await look(answerWith(200, fixtures.succeeded));
        expect(found).toMatchObject({ status: 'succeeded', files: [{ url: expect.stringMatching(/^https:.*\.mp4/) }] });
      });

      it('takes success without a file as pending', async () => {
        const found = await look(answerWith(200, readFixture(adapter, 'succeeded-without-file')));
        expect(found).toMatchObject({ status: 'pending', providerStatus: successWord });
      });
    }

    it('takes a word never seen as pending', async () => {
      const found = await look(answerWith(200, fixtures['unknown-word']));
      expect(found).toMatchObject({ status: 'pending', providerStatus: 'rendering_preview' });
    });

    it('says failed on the word of the vendor only, with what it said', async () => {
      const found = await look(answerWith(200, fixtures.failed));
      expect(found).toMatchObject({ status: 'failed', charged: 'unknown', error: { class: 'PROVIDER_INTERNAL' } });
    });

    if (tellsModeration) {
      it('tells a moderation refusal from a breakdown', async () => {
        const found = await look(answerWith(200, readFixture(adapter, 'refused-by-moderation')));
        expect(found).toMatchObject({ status: 'failed', error: { class: 'CONTENT_REFUSED' } });
      });
    }

    it.each(slowAnswers)('fails when it is given up while there is %s', async (_, script) => {
      const { provider, task, server } = await serve(script);
      const controller = new AbortController();
      const arrived = server.nextRequest();

      const found = provider.look(task, { signal: controller.signal });
      await arrived;
      controller.abort();

      await expect(found).rejects.toBeInstanceOf(LookError);
    });

    it.each(['not found', 'Task task_1 does not exist'])(
      'takes a 404 with %j for a task that is not found, and not for a model that is gone',
      async (message) => {
        const failure = await lookFailure(answerWith(404, { code: 404, message, error: message }));
        expect(failure).toMatchObject({ class: 'NOT_FOUND' });
      },
    );

    it.each<[string, string, Script]>([
      ['AUTH', '401', answerWith(401, {})],
      ['NOT_FOUND', '404', answerWith(404, {})],
      ['OVERLOADED', '503', answerWith(503, {})],
      ['PROVIDER_INTERNAL', '500', answerWith(500, {})],
      ['PROVIDER_INTERNAL', '302', answerWith(302, {}, { location: '/x' })],
      ['PROVIDER_INTERNAL', 'HTML', answerWith(200, '<html>')],
      ['PROVIDER_INTERNAL', 'an array', answerWith(200, [])],
      ['PROVIDER_INTERNAL', 'nothing at all', answerWith(200, {})],
      ['NETWORK', 'a reset', (response) => response.socket?.resetAndDestroy()],
    ])('fails as %s after %s', async (errorClass, _, script) => {
      expect(await lookFailure(script)).toMatchObject({ class: errorClass });
    });

    it('reads Retry-After in seconds', async () => {
      const failure = await lookFailure(answerWith(429, {}, { 'retry-after': '7' }));
      expect(failure).toMatchObject({ class: 'RATE_LIMITED', retryAfterMs: 7_000 });
    });

    it('reads Retry-After as a date', async () => {
      const date = new Date(Date.now() + 60_000).toUTCString();

      const { retryAfterMs } = await lookFailure(answerWith(429, {}, { 'retry-after': date }));

      expect(retryAfterMs).toBeGreaterThan(30_000);
      expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    });

    it('keeps a short excerpt without the key and without what signs an address', async () => {
      const words = `${API_KEY} "Bearer ${API_KEY}" https://u:p@host.example/a?sig=SIGNED \u0000 ${'ü'.repeat(3_000)}`;

      const failure = await lookFailure(answerWith(500, { code: 500, error: words, message: words }));

      const kept = JSON.stringify(failure);
      expect(kept).not.toMatch(/key-canary|SIGNED|u:p@/);
      expect(failure.message).toContain('[redacted]');
      expect(failure.message).not.toContain('\u0000');
      expect(Buffer.byteLength(failure.excerpt ?? '')).toBeLessThanOrEqual(2_048);
      expect(failure.excerpt).toContain('https://[redacted]@host.example/a?[redacted]');
      expect(Object.keys(providerErrorClasses)).toContain(failure.class);
    });
  });
}
