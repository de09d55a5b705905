import { afterEach, describe, expect, it } from '@jest/globals';
import type { GuardedPost } from '../../artifacts/guarded-fetch.js';
import type { Script } from '../providers/scripted-server.js';
import { until } from '../support/until.js';
import { someLimits } from './builders.js';
import { aRequest, closeAll, guard, readWhole, reasonOf, serve } from './guarded.js';

afterEach(closeAll);

const aPost = (url: string, given: Partial<GuardedPost> = {}): GuardedPost => ({
  ...aRequest(url),
  body: '{"hello":"ü"}',
  ...given,
});

describe('post', () => {
  it.each([
    ['text', '{"hello":"ü"}'],
    ['bytes', new TextEncoder().encode('{"hello":"ü"}')],
  ])('sends %s once, whole and with its headers, and gives the answer', async (_kind, body) => {
    const server = await serve((response) => response.writeHead(201, { 'retry-after': '7' }).end('thanks'));
    const fetch = guard({ allowLoopbackPorts: [server.port] });

    const headers = { 'content-type': 'application/json' };
    const answer = await readWhole(await fetch.post(aPost(`${server.url}/hook?a=b`, { body, headers })));

    expect(answer).toMatchObject({ status: 201, headers: { 'retry-after': '7' }, text: 'thanks' });
    expect(server.requests).toMatchObject([
      { method: 'POST', path: '/hook?a=b', body: '{"hello":"ü"}', headers: { ...headers, 'content-length': '14' } },
    ]);
  });

  it.each([301, 302, 303, 307, 308])('gives a %d as the answer and goes nowhere', async (status) => {
    const target = await serve((response) => response.end('there'));
    const server = await serve((response) => response.writeHead(status, { location: target.url }).end('moved'));
    const fetch = guard({ allowLoopbackPorts: [server.port, target.port] });

    expect(await readWhole(await fetch.post(aPost(server.url)))).toMatchObject({ status, text: 'moved' });
    expect(server.requests).toHaveLength(1);
    expect(target.connectionCount()).toBe(0);
  });

  it.each([
    ['http://127.0.0.1:PORT/'],
    ['http://user@example.com/'],
    ['http://2130706433:PORT/'],
    ['http://169.254.169.254/'],
    ['ftp://example.com/'],
  ])('to %s is refused', async (url) => {
    const server = await serve((response) => response.end());

    expect(await reasonOf(guard().post(aPost(url.replace('PORT', String(server.port)))))).toBe('address_refused');
    expect(server.connectionCount()).toBe(0);
  });

  it('shows credentials to their own origin only', async () => {
    const server = await serve((response) => response.end());
    const fetch = guard({ allowLoopbackPorts: [server.port] });
    const credentials = { authorization: 'Bearer canary' };

    await readWhole(await fetch.post(aPost(server.url, { credentials, credentialOrigin: 'https://other.example' })));
    await readWhole(await fetch.post(aPost(server.url, { credentials, credentialOrigin: server.url })));

    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Bearer canary']);
  });

  const drip: Script = (response) => {
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  };

  it.each<[string, Script, Partial<GuardedPost['limits']>]>([
    ['too_large', (response) => void response.write('x'.repeat(2_000)), { maxBytes: 1_999 }],
    ['too_slow', drip, { minimumRate: { bytes: 1_000, windowMs: 200 } }],
    ['too_slow', (response) => void response.write('x'), { idleTimeoutMs: 50 }],
    ['deadline', drip, { deadlineMs: 200 }],
    ['deadline', () => undefined, { deadlineMs: 100 }],
    ['network', () => undefined, { headersTimeoutMs: 50 }],
    ['network', (response) => response.socket?.resetAndDestroy(), {}],
  ])('ends with %s as a get does, and frees its connection (%#)', async (reason, script, limits) => {
    const server = await serve(script);
    const fetch = guard({ allowLoopbackPorts: [server.port] });
    const posting = fetch.post(aPost(server.url, { limits: someLimits(limits) })).then(readWhole);

    expect(await reasonOf(posting)).toBe(reason);
    await until(async () => (await server.openConnections()) === 0);
    expect(server.requests).toHaveLength(1);
  });
});
