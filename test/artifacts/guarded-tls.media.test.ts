import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findProjectRoot } from '../../runtime/root.js';

const certificate = join(findProjectRoot(), 'test', 'support', 'fixtures', 'self-signed.pem');

/** Whom a process trusts is settled when it starts, so each fetch has one of its own. */
const program = `
  const [, module, url, port] = process.argv;
  const { createGuardedFetch } = await import(module);
  const guarded = createGuardedFetch({ allowLoopbackPorts: [Number(port)] });
  const minimumRate = { bytes: 1, windowMs: 5_000 };
  const limits = { maxBytes: 1_000, deadlineMs: 5_000, headersTimeoutMs: 5_000, idleTimeoutMs: 5_000, minimumRate };
  try {
    const { status, body } = await guarded.get({ url, limits, signal: new AbortController().signal });
    let text = '';
    for await (const piece of body) text += Buffer.from(piece).toString();
    console.log(JSON.stringify({ status, text }));
  } catch (error) {
    console.log(JSON.stringify({ name: error.name, reason: error.reason }));
  }
  await guarded.close();
`;

describe('a guarded fetch over TLS', () => {
  let server: Server;
  let port: number;
  const asked: (string | undefined)[] = [];
  beforeAll(async () => {
    const pem = readFileSync(certificate);
    server = createServer({ key: pem, cert: pem }, (request, response) => {
      asked.push(request.headers.host);
      response.end('hello');
    }).listen(0, '::');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => void server.close());

  async function fetched(host: string, { isTrusted }: { isTrusted: boolean }): Promise<unknown> {
    const module = join(findProjectRoot(), 'dist', 'artifacts', 'guarded-fetch.js');
    const env = { PATH: process.env.PATH, ...(isTrusted && { NODE_EXTRA_CA_CERTS: certificate }) };
    const values = [module, `https://${host}:${port}/file`, String(port)];
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program, ...values], { env });
    return JSON.parse(stdout);
  }

  it.each(['localhost', '127.0.0.1'])('gets what a trusted server of that name has, as %s', async (host) => {
    expect(await fetched(host, { isTrusted: true })).toEqual({ status: 200, text: 'hello' });
    expect(asked.splice(0)).toEqual([`${host}:${port}`]);
  });

  it('asks nothing of a server whose certificate is for another name, or is nobody’s that it trusts', async () => {
    const refused = expect.objectContaining({ name: 'FetchFailure', reason: expect.any(String) });
    expect(await fetched('[::1]', { isTrusted: true })).toEqual(refused);
    expect(await fetched('localhost', { isTrusted: false })).toEqual(refused);
    expect(asked).toEqual([]);
  });
});
