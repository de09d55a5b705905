import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Api, readJson, startApi } from '../support/api.js';

const path = '/api/v1/videos/jobs';
const unknownJob = `${path}/job_01kaz0000000000000000000zz`;

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

describe('a key', () => {
  it.each(['Bearer', 'Bearer rly_unknown', 'Basic cmx5Og==', 'Bearer  ', `Bearer ${'x'.repeat(300)}`])(
    'is asked for when the request says %j',
    async (authorization) => {
      const response = await fetch(new URL(path, api.url), { headers: { authorization } });

      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
      expect(await readJson(response)).toMatchObject({ code: 'unauthorized', title: 'No valid API key' });
    },
  );

  it('that is revoked or has expired opens nothing', async () => {
    const { workspaceId } = await api.addWorkspace();
    const expiresAt = new Date(Date.now() - 1_000);
    const expired = await api.workspaces.createKey({ workspaceId, scopes: ['jobs:read'], expiresAt });
    const revoked = await api.workspaces.createKey({ workspaceId, scopes: ['jobs:read'] });
    await api.workspaces.revokeKey(revoked.id);

    expect((await api.callerWith(expired.secret).get(path)).status).toBe(401);
    expect((await api.callerWith(revoked.secret).get(path)).status).toBe(401);
  });

  it('works from the moment it is made, also when it was tried before', async () => {
    const { workspaceId } = await api.addWorkspace();
    const { secret, id } = await api.workspaces.createKey({ workspaceId, scopes: ['jobs:read'] });
    const row = await api.database.queries
      .deleteFrom('api_keys')
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow();
    expect((await api.callerWith(secret).get(path)).status).toBe(401);

    await api.database.queries.insertInto('api_keys').values(row).execute();

    expect((await api.callerWith(secret).get(path)).status).toBe(200);
  });

  it.each([
    ['jobs:write', ['jobs:read'], 'POST', path],
    ['jobs:write', ['jobs:read', 'operator'], 'POST', `${unknownJob}/cancel`],
    ['jobs:read', ['jobs:write'], 'GET', path],
    ['jobs:read', ['jobs:write'], 'POST', `${path}/status`],
    ['jobs:read', ['jobs:write'], 'GET', '/api/v1/usage'],
  ] as const)('without the scope %s is refused: %j %s %s', async (scope, scopes, method, at) => {
    const { send } = await api.addWorkspace({ scopes: [...scopes] });

    const response = await send(method, at);

    expect(response.status).toBe(403);
    expect(await readJson(response)).toMatchObject({
      code: 'forbidden',
      detail: `This needs a key with the scope ${scope}.`,
    });
  });
});

describe('the limit of requests', () => {
  it('is told in every answer, and kept per workspace', async () => {
    const { get, workspaceId } = await api.addWorkspace();
    await api.database.queries
      .updateTable('workspaces')
      .set({ requests_per_minute: 2 })
      .where('id', '=', workspaceId)
      .execute();

    const answers = [await get(path), await get(path), await get(path)];

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers[0]?.headers.get('ratelimit-policy')).toBe('"workspace";q=2;w=60');
    expect(answers.map(({ headers }) => headers.get('ratelimit')?.split(';')[1])).toEqual(['r=1', 'r=0', 'r=0']);
    const retryAfter = Number(answers[2]?.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(50);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect(answers[2] && (await readJson(answers[2]))).toMatchObject({ code: 'rate_limited' });
    expect((await (await api.addWorkspace()).get(path)).status).toBe(200);
  });
});

describe('an address', () => {
  it.each(['/nothing', '/api/v1', '/api/v1/videos', `${path}/job_1/nothing`])('that is not there: %s', async (at) => {
    const response = await fetch(new URL(at, api.url));

    expect(response.status).toBe(404);
    expect(await readJson(response)).toMatchObject({ code: 'not_found' });
  });

  it.each([
    ['DELETE', path, 'GET, POST'],
    ['PUT', `${path}/status`, 'GET, POST'],
    ['PATCH', unknownJob, 'GET, DELETE'],
    ['GET', `${unknownJob}/cancel`, 'POST'],
    ['POST', `${unknownJob}/attempts`, 'GET'],
    ['POST', `${unknownJob}/content`, 'GET, HEAD'],
    ['POST', `${unknownJob}/live`, 'GET'],
    ['POST', '/api/v1/usage', 'GET'],
    ['POST', '/healthz', 'GET'],
  ])('does not take %s %s', async (method, at, allowed) => {
    const response = await fetch(new URL(at, api.url), { method });

    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allowed);
    expect(await readJson(response)).toMatchObject({ code: 'method_not_allowed' });
  });

  it.each(['job_1', 'job_01KAZ0000000000000000000ZZ', 'a%00b', '%F0%9F%9A%A4', `job_${'0'.repeat(500)}`])(
    'of a job that cannot be is as unknown as any: %s',
    async (id) => {
      const { get, post } = await api.addWorkspace();

      const responses = [
        await get(`${path}/${id}`),
        await get(`${path}/${id}/content`),
        await get(`${path}/${id}/attempts`),
        await get(`${path}/${id}/live`),
        await post(`${path}/${id}/cancel`, undefined),
      ];

      expect(responses.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    },
  );

  it('with a broken escape is a bad request', async () => {
    const { get } = await api.addWorkspace();

    expect((await get(`${path}/%E0%A4%A`)).status).toBe(400);
  });
});

describe('a body', () => {
  const good = JSON.stringify({ model: 'sora', prompt: 'a boat' });
  const json = 'application/json';
  it.each<[string, NonNullable<RequestInit['body']>, Record<string, string>, number, string]>([
    ['of another type', good, { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['of no type', new Blob([good]), {}, 415, 'unsupported_media_type'],
    ['of a form', new URLSearchParams({ model: 'sora' }), {}, 415, 'unsupported_media_type'],
    ['in Latin 1', good, { 'content-type': `${json}; charset=latin1` }, 415, 'unsupported_media_type'],
    ['packed with zip', good, { 'content-type': json, 'content-encoding': 'zip' }, 415, 'unsupported_media_type'],
    ['that is cut off', good.slice(0, -1), { 'content-type': json }, 400, 'request_invalid'],
    ['that is a text', '"a boat"', { 'content-type': json }, 400, 'request_invalid'],
    ['that is a list', '[]', { 'content-type': json }, 400, 'request_invalid'],
    ['that is empty', '', { 'content-type': json }, 400, 'request_invalid'],
    [
      'that is not UTF-8',
      Buffer.from(good.replace('a boat', 'a bo\u00e4t'), 'latin1'),
      { 'content-type': json },
      400,
      'request_invalid',
    ],
    [
      'that is too large',
      `{"prompt":"${'x'.repeat(1024 * 1024)}"}`,
      { 'content-type': json },
      413,
      'payload_too_large',
    ],
    [
      'that unpacks too large',
      gzipSync(Buffer.alloc(2 * 1024 * 1024, ' ')),
      { 'content-type': json, 'content-encoding': 'gzip' },
      413,
      'payload_too_large',
    ],
  ])('%s is refused', async (_, body, headers, status, code) => {
    const { send } = await api.addWorkspace();

    const response = await send('POST', path, { body, headers });

    expect([response.status, await readJson(response)]).toMatchObject([status, { code }]);
    expect(await api.countJobs()).toBe(0);
  });

  it('may be packed with gzip', async () => {
    const { send } = await api.addWorkspace();
    const headers = { 'content-type': json, 'content-encoding': 'gzip' };
    const invalid = gzipSync('{"model":"sora","prompt":""}');

    const response = await send('POST', path, { body: invalid, headers });

    expect(await readJson(response)).toMatchObject({ errors: [{ field: 'prompt' }] });
  });

  it('keeps a name that is also a word of the language', async () => {
    const { send } = await api.addWorkspace();
    const body = '{"model":"sora","prompt":"a boat","__proto__":{"seconds":3},"constructor":1}';

    const response = await send('POST', path, { body, headers: { 'content-type': json } });

    expect(response.status).toBe(400);
  });
});

describe('every answer', () => {
  it("carries the caller's request id, or one of ours", async () => {
    const given = await fetch(new URL('/healthz', api.url), { headers: { 'x-request-id': 'their-id.1' } });
    const odd = await fetch(new URL('/healthz', api.url), { headers: { 'x-request-id': 'with blanks' } });
    const refused = await fetch(new URL(path, api.url), { headers: { 'x-request-id': 'their-id.2' } });

    expect(given.headers.get('x-request-id')).toBe('their-id.1');
    expect(odd.headers.get('x-request-id')).toMatch(/^request_[0-9a-z]{26}$/);
    expect(await readJson(refused)).toMatchObject({ instance: 'their-id.2' });
  });

  it('has security headers and does not say what it runs on', async () => {
    const { headers } = await fetch(new URL('/healthz', api.url));

    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('x-powered-by')).toBeNull();
  });
});
