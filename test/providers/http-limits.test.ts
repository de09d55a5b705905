import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { createFailureReader } from '../../providers/failure.js';
import { createJsonClient, type JsonAnswer } from '../../providers/http.js';
import { readUsualWords } from '../../providers/usual-words.js';
import { until } from '../support/until.js';
import { type Script, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const MEBIBYTE = 1024 * 1024;
const GIVEN_UP_AFTER_MS = 400;
const failures = createFailureReader({ secrets: [], readWords: readUsualWords });

/** What a vendor's server can do to whoever listens to it. */
describe('the client of a provider account', () => {
  let server: ScriptedServer;
  let client: ReturnType<typeof createJsonClient>;
  afterEach(async () => {
    await server.close();
    await client.close();
  });

  async function answerTo(script: Script, signal = new AbortController().signal): Promise<JsonAnswer<{ id: string }>> {
    server = await startScriptedServer(script);
    client = createJsonClient();
    return send(signal);
  }

  function send(signal = new AbortController().signal): Promise<JsonAnswer<{ id: string }>> {
    return client.sendJson({
      method: 'POST',
      url: new URL('/tasks', server.url),
      headers: {},
      body: { prompt: 'a boat' },
      response: z.object({ id: z.string() }),
      reuseConnection: false,
      signal,
    });
  }

  it('stops reading an answer of 100 MB long before its end, and takes it for unknown', async () => {
    let sentBytes = 0;
    const answer = await answerTo((response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const piece = Buffer.alloc(MEBIBYTE, 'x');
      const more = () => {
        while (!response.destroyed && sentBytes < 100 * MEBIBYTE) {
          sentBytes += piece.length;
          if (!response.write(piece)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    expect(answer).toMatchObject({ kind: 'unknown', status: 200, reason: expect.stringContaining('more than') });
    expect(sentBytes).toBeLessThan(30 * MEBIBYTE);
  });

  it('does not unpack a compressed answer that it did not ask for, and what is kept of it can be stored', async () => {
    const bomb = gzipSync(Buffer.alloc(100 * MEBIBYTE));
    const answer = await answerTo((response, { headers }) => {
      expect(headers['accept-encoding']).toBe('identity');
      response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb);
    });
    if (answer.kind !== 'unknown') throw new Error(`taken for ${answer.kind}`);
    const { excerpt = '' } = failures.ofSubmit(answer);
    expect(excerpt).not.toContain('\u0000');
    expect(excerpt.length).toBeGreaterThan(0);
    expect(excerpt.length).toBeLessThanOrEqual(2_000);
  });

  it('survives an answer nested too deeply to walk', async () => {
    const nested = `{"id":${'['.repeat(400_000)}${']'.repeat(400_000)}}`;
    const answer = await answerTo((response) => void response.writeHead(200).end(nested));
    if (answer.kind !== 'unknown') throw new Error(`taken for ${answer.kind}`);
    expect(failures.ofSubmit(answer)).toMatchObject({ class: 'OUTCOME_UNKNOWN' });
    expect(failures.ofLook(answer).failure.class).toBe('PROVIDER_INTERNAL');
  });

  it.each<[string, Script]>([
    [
      'the body',
      (response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const drip = setInterval(() => void response.write(' '), 50);
        response.once('close', () => clearInterval(drip));
      },
    ],
    [
      'the headers',
      ({ socket }) => {
        socket?.write('HTTP/1.1 200 OK\r\nx-drip: ');
        const drip = setInterval(() => void socket?.write('x'), 50);
        socket?.once('close', () => clearInterval(drip));
        socket?.on('error', () => {});
      },
    ],
  ])('gives up when its time is over, however steadily %s drip', async (_, script) => {
    const startedAt = performance.now();
    const answer = await answerTo(script, AbortSignal.timeout(GIVEN_UP_AFTER_MS));
    expect(answer).toMatchObject({ kind: 'unknown', reason: expect.stringContaining('given up') });
    expect(performance.now() - startedAt).toBeLessThan(GIVEN_UP_AFTER_MS + 10_000);
    // Nothing goes on behind its back: the connection is closed.
    await until(async () => (await server.openConnections()) === 0);
  });

  it('sends nothing when its process was held up for longer than a connection may take', async () => {
    server = await startScriptedServer((response) => void response.writeHead(200).end('{"id":"1"}'));
    client = createJsonClient({ connectWithinMs: 1_000 });
    const answer = send();
    const heldUpUntilMs = performance.now() + 1_500;
    while (performance.now() < heldUpUntilMs);
    expect(await answer).toMatchObject({ kind: 'not_sent' });
    expect(await send()).toMatchObject({ kind: 'ok' });
    expect(server.requests).toHaveLength(1);
  });
});
