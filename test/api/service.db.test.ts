import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { startServer } from '../../api/server.js';
import { ServiceError } from '../../contract/errors.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';
import { until } from '../support/until.js';

const path = '/api/v1/videos/jobs';
const fail = async (): Promise<never> => {
  throw new Error('the secret of the house');
};

describe('health', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi({ app: { pingTemporal: fail } });
  });
  afterAll(() => api.close());

  it('is well while the process lives, and ready without Temporal', async () => {
    const [health, ready] = await Promise.all(['/healthz', '/readyz'].map((at) => fetch(new URL(at, api.url))));

    expect([health?.status, health && (await readJson(health))]).toEqual([200, { status: 'ok' }]);
    expect([ready?.status, ready && (await readJson(ready))]).toEqual([
      200,
      { status: 'ready', database: 'ok', temporal: 'away' },
    ]);
  });

  it('is not ready without the database', async () => {
    const broken = await startApi({ app: { pingDatabase: fail } });

    const response = await fetch(new URL('/readyz', broken.url));
    const answer = await readJson(response);
    await broken.close();

    expect(response.status).toBe(503);
    expect(answer).toEqual({ status: 'unavailable', database: 'away', temporal: 'ok' });
  });
});

describe('an error that nobody expected', () => {
  it('is answered as internal without a word of it, and logged with it', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
    const api = await startApi({ app: { logger, findCaller: fail } });

    const response = await fetch(new URL(path, api.url), { headers: { authorization: 'Bearer rly_x' } });
    const text = await response.text();
    await api.close();

    expect(response.status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({ code: 'internal', detail: 'Something went wrong here' });
    expect(text).not.toContain('secret of the house');
    expect(lines.join('')).toContain('secret of the house');
  });

  it('is service_unavailable when it is a part that is away', async () => {
    const findCaller = async () => {
      throw new ServiceError('service_unavailable', { retryAfterSeconds: 1 });
    };
    const api = await startApi({ app: { findCaller } });

    const response = await fetch(new URL(path, api.url), { headers: { authorization: 'Bearer rly_x' } });
    await api.close();

    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  });
});

describe('the log', () => {
  it('has one line per request, with its caller and path, and no secret, prompt, query or signature', async () => {
    const lines: string[] = [];
    const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
    const api = await startApi({ app: { logger } });
    const caller = await api.addWorkspace();
    const id = await createJob(caller, { prompt: 'a prompt that is nobody else’s' });
    await livesOf(api).succeed(id);
    const { data } = await readJson(await caller.get(`${path}/${id}?hidden=words`));
    const [video] = data as unknown as { url: string }[];
    const signed = new URL(video?.url.replace('https://reelay.test', api.url) ?? '');
    await (await fetch(signed)).arrayBuffer();
    await fetch(new URL('/healthz', api.url));
    await api.close();

    const answered = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const { workspaceId, keyId } = caller;
    expect(answered).toMatchObject([
      { method: 'POST', path, status: 202, workspaceId, keyId, requestId: expect.any(String) },
      { method: 'GET', path: `${path}/${id}`, status: 200, workspaceId, durationMs: expect.any(Number) },
      { method: 'GET', path: `${path}/${id}/content`, status: 200 },
    ]);
    const text = lines.join('');
    for (const secret of [caller.secret, 'prompt', 'hidden', signed.searchParams.get('signature') ?? '?']) {
      expect(text).not.toContain(secret);
    }
  });
});

describe('a server that stops', () => {
  it('finishes what was asked, closes kept connections and takes no more', async () => {
    const events = new EventEmitter();
    const server = await startServer(
      (request, response) => {
        if (request.url === '/slow') events.once('release', () => response.end('done')).emit('started');
        else response.end('done');
      },
      { host: '127.0.0.1', port: 0 },
    );
    const started = once(events, 'started');
    // This connection stays open after its answer.
    await (await fetch(server.url)).text();
    const slow = fetch(`${server.url}/slow`);
    await started;

    const closed = server.close();
    const refused = connect(Number(new URL(server.url).port), '127.0.0.1');
    const [refusal] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    events.emit('release');
    const response = await slow;

    expect(refusal.code).toBe('ECONNREFUSED');
    expect([await response.text(), response.headers.get('connection')]).toEqual(['done', 'close']);
    await closed;
  });

  it('answers a request that was on its way over a kept connection, and closes it then', async () => {
    const server = await startServer((_, response) => void response.end('done'), { host: '127.0.0.1', port: 0 });
    const kept = connect(Number(new URL(server.url).port), '127.0.0.1');
    let answers = '';
    kept.setEncoding('utf8').on('data', (text: string) => {
      answers += text;
    });
    const ended = once(kept, 'end');
    kept.write('GET / HTTP/1.1\r\nhost: here\r\n\r\n');
    await until(() => answers.includes('done'));

    const closed = server.close();
    kept.write('GET / HTTP/1.1\r\nhost: here\r\n\r\n');
    await Promise.all([ended, closed]);

    const [, , second] = answers.split('HTTP/1.1 ');
    expect(second).toMatch(/^200 OK.*connection: close.*done/is);
  });

  it('does not wait for a connection on which nobody has asked for anything', async () => {
    const server = await startServer((_, response) => void response.end('done'), { host: '127.0.0.1', port: 0 });
    const spare = connect(Number(new URL(server.url).port), '127.0.0.1');
    await once(spare, 'connect');
    const closed = once(spare, 'close');
    spare.resume();

    await server.close();
    await closed;
  });
});
