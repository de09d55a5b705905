import { createHash, randomBytes } from 'node:crypto';
import { request as send } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import express from 'express';
import { createErrorHandler } from '../../api/middleware/errors.js';
import { createJsonBody } from '../../api/middleware/json-body.js';
import { createMultipartBody } from '../../api/middleware/multipart-body.js';
import { type HttpServer, startServer } from '../../api/server.js';
import { createLogger } from '../../runtime/logger.js';

const maxBytes = 100_000;
const logger = createLogger('multipart-body-test', 'silent');

let server: HttpServer;
beforeAll(async () => {
  const application = express();
  const readBody = createMultipartBody({ maxBytes, readJson: createJsonBody({ maxBytes }) });
  application.post('/', readBody, (request, response) => void response.json(withHashes(request.body)));
  application.use(
    createErrorHandler({
      logger,
      render: ({ code, errors, message }, response) => void response.json({ code, errors, message }),
    }),
  );
  server = await startServer(application, { host: '127.0.0.1', port: 0 });
});
afterAll(() => server.close());

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const withHashes = (body: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, value instanceof Uint8Array ? hashOf(value) : value]),
  );

const formOf = (parts: [string, string | Blob][]) => {
  const form = new FormData();
  for (const [name, value] of parts) form.append(name, value);
  return form;
};
const fileOf = (bytes: Uint8Array) => new Blob([new Uint8Array(bytes)]);

async function post(body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}) {
  const response = await fetch(server.url, { method: 'POST', body, headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** A body of parts as they travel, for what no client sends. */
const boundary = 'a-boundary';
const formHeaders = { 'content-type': `multipart/form-data; boundary=${boundary}` };
const rawForm = (...parts: [string, string | Uint8Array][]) =>
  Buffer.concat([
    ...parts.flatMap(([headers, content]) => [
      Buffer.from(`--${boundary}\r\n${headers}\r\n\r\n`),
      Buffer.from(content),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
const named = (name: string) => `Content-Disposition: form-data; name="${name}"`;

describe('a form', () => {
  it('becomes a body: fields as text, brackets as objects, files as their bytes', async () => {
    const bytes = randomBytes(50_000);
    const form = formOf([
      ['prompt', '紙の船'],
      ['video[id]', 'video_1'],
      ['image', fileOf(bytes)],
    ]);

    expect(await post(form)).toEqual({
      status: 200,
      body: { prompt: '紙の船', video: { id: 'video_1' }, image: hashOf(bytes) },
    });
  });

  it('that is none is left to the reader of JSON', async () => {
    expect(await post('{"prompt": "a boat"}', { 'content-type': 'application/json' })).toEqual({
      status: 200,
      body: { prompt: 'a boat' },
    });
    expect(await post('a=b', { 'content-type': 'multipart/mixed; boundary=x' })).toMatchObject({
      status: 415,
      body: { message: expect.stringMatching(/JSON or a form/) },
    });
  });

  it('pollutes no prototype', async () => {
    const form = formOf([
      ['__proto__[admin]', 'yes'],
      ['constructor[prototype][admin]', 'yes'],
      ['prompt', 'a boat'],
    ]);
    await post(form);
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });

  it.each<[string, [string, string | Blob][]]>([
    ['a file', [['image', fileOf(Buffer.alloc(maxBytes + 1))]]],
    ['a field', [['prompt', 'x'.repeat(maxBytes + 1)]]],
    ['files', [1, 2, 3].map((count): [string, Blob] => [`image-${count}`, fileOf(Buffer.alloc(maxBytes / 2))])],
    ['fields', Array.from({ length: 40 }, (_, count): [string, string] => [`field-${count}`, 'x'])],
    [
      'small files',
      Array.from({ length: 5 }, (_, count): [string, Blob] => [`file-${count}`, fileOf(Buffer.alloc(1))]),
    ],
    ['a name', [['x'.repeat(200), 'x']]],
  ])('with too much of %s is too large', async (_, parts) => {
    expect(await post(formOf(parts))).toMatchObject({ status: 413, body: { code: 'payload_too_large' } });
  });

  it('that never says its length is cut off where it gets too large', async () => {
    const answer = new Promise<{ status: number | undefined; sent: number }>((resolve, reject) => {
      let sent = 0;
      const request = send(server.url, { method: 'POST', headers: formHeaders }, (response) => {
        response.resume();
        resolve({ status: response.statusCode, sent });
      });
      request.on('error', reject);
      request.write(`--${boundary}\r\n${named('image')}; filename="a.png"\r\n\r\n`);
      for (; sent < 4 * maxBytes; sent += 10_000) request.write(Buffer.alloc(10_000));
      request.end(`\r\n--${boundary}--\r\n`);
    });
    expect(await answer).toMatchObject({ status: 413 });
  });

  it.each<[string, [string, string | Blob][], string, RegExp]>([
    ['a file twice', [1, 2].map((): [string, Blob] => ['image', fileOf(Buffer.alloc(1))]), 'image', /sent once/],
    [
      'a file and a text of one name',
      [
        ['image', 'a.png'],
        ['image', fileOf(Buffer.alloc(1))],
      ],
      'image',
      /sent once/,
    ],
  ])('with %s is refused, naming the field', async (_, parts, field, message) => {
    expect(await post(formOf(parts))).toMatchObject({
      status: 400,
      body: { code: 'request_invalid', errors: [{ field, message: expect.stringMatching(message) }] },
    });
  });

  it('with a file without a name is refused rather than read without it', async () => {
    const nameless = rawForm(
      [named('prompt'), 'a boat'],
      [`${named('image')}; filename=""\r\nContent-Type: application/octet-stream`, 'bytes'],
    );
    expect(await post(nameless, formHeaders)).toMatchObject({ status: 400, body: { errors: [{ field: 'image' }] } });
  });

  it('with bytes that are no text is refused rather than changed', async () => {
    const garbled = rawForm([named('prompt'), Buffer.from([0x61, 0xff, 0x62])]);
    expect(await post(garbled, formHeaders)).toMatchObject({ status: 400, body: { errors: [{ field: 'prompt' }] } });
  });

  it.each<[string, Buffer, Record<string, string>, number]>([
    ['cut off', rawForm([named('prompt'), 'a boat']).subarray(0, -10), formHeaders, 400],
    ['cut off within a file', Buffer.from(`--${boundary}\r\n${named('a')}; filename="a"\r\n\r\nx`), formHeaders, 400],
    ['without a boundary', rawForm(), { 'content-type': 'multipart/form-data' }, 400],
    ['empty', Buffer.alloc(0), formHeaders, 400],
    ['with a field without a name', rawForm(['Content-Disposition: form-data', 'x']), formHeaders, 400],
    ['nested too deep', rawForm([named('a[b][c]'), 'x']), formHeaders, 400],
    ['compressed', gzipSync(rawForm([named('a'), 'x'])), { ...formHeaders, 'content-encoding': 'gzip' }, 415],
  ])('that is %s is refused', async (_, body, headers, status) => {
    expect(await post(new Uint8Array(body), headers)).toMatchObject({ status });
  });
});
