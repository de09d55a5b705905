import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { GuardedRequest } from '../../artifacts/guarded-fetch.js';
import type { Script, ScriptedServer } from '../providers/scripted-server.js';
import { someLimits } from './builders.js';
import { closeAll, guard, read, reasonOf, redirectTo, resolver, serve } from './guarded.js';
import { hostileAddresses } from './hostile-addresses.js';

let secret: ScriptedServer;

beforeEach(async () => {
  secret = await serve((response) => response.end('the secret of the machine'));
});

afterEach(closeAll);

describe('addresses', () => {
  it.each(hostileAddresses)('refuses %s and connects to nothing', async (address) => {
    const fetch = guard();
    const withPort = address.replace('PORT', String(secret.port));

    expect(await reasonOf(read(fetch, withPort))).toBe('address_refused');
    expect(secret.connectionCount()).toBe(0);
  });

  it.each(['127.0.0.1', 'localhost'])('opens a named port on %s, and only that one', async (host) => {
    const other = await serve((response) => response.end('other'));
    const fetch = guard({ allowLoopbackPorts: [other.port] });

    expect(await read(fetch, `http://${host}:${other.port}/`)).toMatchObject({ status: 200, text: 'other' });
    expect(await reasonOf(read(fetch, `http://${host}:${secret.port}/`))).toBe('address_refused');
    expect(secret.connectionCount()).toBe(0);
  });

  it.each([
    [['127.0.0.1']],
    [['93.184.215.14', '10.0.0.1']],
    [['::ffff:127.0.0.1']],
    [['2002:7f00:1::']],
    [['169.254.169.254']],
    [[]],
  ])('refuses a name that resolves to %j, even on an open port', async (answer) => {
    const fetch = guard({ allowLoopbackPorts: [secret.port], lookup: resolver([answer]).lookup });

    expect(await reasonOf(read(fetch, `http://host.example:${secret.port}/`))).toBe('address_refused');
    expect(secret.connectionCount()).toBe(0);
  });

  it('asks for an address once and connects to that very answer, so a second answer changes nothing', async () => {
    const { lookup, timesAsked } = resolver([['127.0.0.1'], ['10.0.0.1']]);
    const fetch = guard({ allowLoopbackPorts: [secret.port], lookup });

    expect(await read(fetch, `http://localhost:${secret.port}/`)).toMatchObject({ status: 200 });
    expect(timesAsked()).toBe(1);
  });

  it('does not take localhost for granted where a resolver says otherwise', async () => {
    const fetch = guard({ allowLoopbackPorts: [secret.port], lookup: resolver([['10.0.0.1']]).lookup });
    expect(await reasonOf(read(fetch, `http://localhost:${secret.port}/`))).toBe('address_refused');
  });
});

describe('redirects', () => {
  it('are followed, each checked again', async () => {
    const target = await serve((response) => response.end('there'));
    const start = await serve(redirectTo(`http://127.0.0.1:${target.port}/file`));
    const fetch = guard({ allowLoopbackPorts: [start.port, target.port] });

    expect(await read(fetch, start.url)).toMatchObject({ status: 200, text: 'there' });
  });

  it.each([
    'http://127.0.0.1:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://user@127.0.0.1:PORT/',
    'file:///etc/passwd',
    'data:text/plain,hello',
    'http://',
  ])('to %s is refused', async (location) => {
    const start = await serve(redirectTo(location.replace('PORT', String(secret.port))));
    const fetch = guard({ allowLoopbackPorts: [start.port] });

    expect(await reasonOf(read(fetch, start.url))).toBe('address_refused');
    expect(secret.connectionCount()).toBe(0);
  });

  it('end after five', async () => {
    const start = await serve(redirectTo('/again'));
    const fetch = guard({ allowLoopbackPorts: [start.port] });

    expect(await reasonOf(read(fetch, start.url))).toBe('redirects');
    expect(start.requests).toHaveLength(6);
  });

  it('take credentials off when they leave their origin, also when they come back', async () => {
    const away = await serve((response, { headers }) => redirectTo(headers['x-home'] as string)(response, {} as never));
    const home: ScriptedServer = await serve((response, request) => {
      if (request.path === '/start') redirectTo('/inside')(response, request);
      else if (request.path === '/inside') redirectTo(`${away.url}/`)(response, request);
      else response.end('back');
    });
    const fetch = guard({ allowLoopbackPorts: [home.port, away.port] });

    const { text } = await read(fetch, `${home.url}/start`, {
      headers: { 'x-home': `${home.url}/back` },
      credentials: { authorization: 'Bearer canary' },
      credentialOrigin: home.url,
    });

    expect(text).toBe('back');
    const shown = [...home.requests, ...away.requests].map(({ path, headers }) => [path, headers.authorization]);
    expect(shown).toEqual([
      ['/start', 'Bearer canary'],
      ['/inside', 'Bearer canary'],
      ['/back', undefined],
      ['/', undefined],
    ]);
  });
});

describe('limits', () => {
  const drip: Script = (response) => {
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  };

  it.each<[string, Script, Partial<GuardedRequest['limits']>]>([
    ['too_large', (response) => response.end('x'.repeat(2_000)), { maxBytes: 1_999 }],
    [
      'too_large',
      (response) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end('x'.repeat(2_000)),
      { maxBytes: 1_999 },
    ],
    [
      'too_large',
      (response) => void response.writeHead(200, { 'content-length': '2000' }).write('x'),
      { maxBytes: 1_999 },
    ],
    ['too_slow', drip, { minimumRate: { bytes: 1_000, windowMs: 200 } }],
    ['too_slow', (response) => void response.write('x'), { idleTimeoutMs: 50 }],
    ['deadline', drip, { deadlineMs: 200 }],
    ['deadline', (response) => void response.writeHead(200).write('x'), { deadlineMs: 100 }],
    ['deadline', () => undefined, { deadlineMs: 100 }],
    ['network', () => undefined, { headersTimeoutMs: 50 }],
    ['network', (response) => response.socket?.resetAndDestroy(), {}],
    [
      'network',
      (response) => response.writeHead(200, { 'content-length': '9' }).write('x', () => response.destroy()),
      {},
    ],
  ])('end with %s (%#)', async (reason, script, limits) => {
    const server = await serve(script);
    const fetch = guard({ allowLoopbackPorts: [server.port] });

    expect(await reasonOf(read(fetch, server.url, { limits: someLimits(limits) }))).toBe(reason);
  });

  it('do not take a slow reader for a slow sender', async () => {
    const server = await serve((response) => response.end(Buffer.alloc(300_000)));
    const fetch = guard({ allowLoopbackPorts: [server.port] });
    const limits = someLimits({ minimumRate: { bytes: 10_000_000, windowMs: 1_000 } });

    const response = await fetch.get({ url: server.url, limits, signal: new AbortController().signal });
    let bytes = 0;
    for await (const chunk of response.body) {
      if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 2_000));
      bytes += chunk.length;
    }

    expect(bytes).toBe(300_000);
  });

  it('give the caller’s own reason when the caller gives up', async () => {
    const server = await serve((response) => void response.write('x'));
    const fetch = guard({ allowLoopbackPorts: [server.port] });
    const controller = new AbortController();
    const response = await fetch.get({ url: server.url, limits: someLimits(), signal: controller.signal });
    const reason = new Error('cancelled');

    controller.abort(reason);

    await expect(response.body[Symbol.asyncIterator]().next()).rejects.toBe(reason);
  });

  it('unpack nothing', async () => {
    const server = await serve((response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('raw'));
    const fetch = guard({ allowLoopbackPorts: [server.port] });

    expect((await read(fetch, server.url)).text).toBe('raw');
    expect(server.requests[0]?.headers['accept-encoding']).toBe('identity');
  });

  it('use a connection again for the next file', async () => {
    const server = await serve((response) => response.end('x'));
    const fetch = guard({ allowLoopbackPorts: [server.port] });

    await read(fetch, server.url);
    await new Promise((resolve) => setImmediate(resolve));
    await read(fetch, server.url);

    expect(server.requests).toHaveLength(2);
    expect(server.connectionCount()).toBe(1);
  });
});
