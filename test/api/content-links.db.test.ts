import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';
import { type S3Server, startS3Server } from '../support/s3-server.js';
import { s3Store, type TestStore } from '../support/stores.js';

const path = '/api/v1/videos/jobs';
const bytes = randomBytes(50_000);
const LINK_SECONDS = 600;

describe('links of an api whose files lie in S3 and are fetched there', () => {
  let server: S3Server;
  let opened: TestStore;
  let api: Api;
  let caller: Awaited<ReturnType<Api['addWorkspace']>>;
  let id: string;
  let link: URL;
  let key: string;
  let etag: string;
  beforeAll(async () => {
    server = await startS3Server();
    const folder = await mkdtemp(join(tmpdir(), 'reelay-links-'));
    opened = s3Store({ server, folder, prefix: 'ours/' }, async () => {
      await server.close();
      await rm(folder, { recursive: true });
    });
    api = await startApi({
      store: opened.store,
      jobs: { artifactLinks: 'presigned', linkLifetimeSeconds: LINK_SECONDS },
    });
    caller = await api.addWorkspace();
    id = await createJob(caller);
    const stored = await livesOf(api).succeed(id, bytes);
    ({ key } = stored);
    etag = `"${stored.sha256}"`;
    link = await linkOf(id);
  });
  afterAll(async () => {
    await api.close();
    await opened.close();
  });
  beforeEach(() => server.intercept(() => undefined));

  const linkOf = async (jobId: string, within = api, by = caller) => {
    const { data } = await readJson(await by.get(`${path}/${jobId}`));
    const [video] = data as unknown as { url: string }[];
    return new URL(video?.url.replace('https://reelay.test', within.url) ?? '');
  };
  const redirect = (init: RequestInit = {}) => fetch(link, { redirect: 'manual', ...init });

  it('stay ours, and lead on to S3, for as long as they were promised and an hour at most', async () => {
    expect(link.origin).toBe(new URL(api.url).origin);
    const restSeconds = Number(link.searchParams.get('expires')) - Date.now() / 1_000;
    const response = await redirect();

    expect([response.status, response.headers.get('cache-control')]).toEqual([302, 'no-store']);
    const target = new URL(response.headers.get('location') ?? '');
    expect([target.origin, target.pathname]).toEqual([server.url, `/${server.bucket}/ours/${key}`]);
    const seconds = Number(target.searchParams.get('X-Amz-Expires'));
    expect(seconds).toBeGreaterThan(LINK_SECONDS - 60);
    expect(seconds).toBeLessThanOrEqual(Math.ceil(restSeconds));

    const forever = await startApi({
      store: opened.store,
      jobs: { artifactLinks: 'presigned', linkLifetimeSeconds: 86_400 },
    });
    const someone = await forever.addWorkspace();
    const other = await createJob(someone);
    await livesOf(forever).succeed(other);
    const { headers } = await fetch(await linkOf(other, forever, someone), { redirect: 'manual' });
    expect(new URL(headers.get('location') ?? '').searchParams.get('X-Amz-Expires')).toBe('3600');
    await forever.close();
  });

  it('give the whole file and parts of it to who follows them, with our type and name', async () => {
    const whole = await fetch(link);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': '50000',
      'content-disposition': `inline; filename="${id}.mp4"`,
      'cache-control': 'private, max-age=31536000, immutable',
    });
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes)).toBe(true);

    const part = await fetch(link, { headers: { range: 'bytes=100-199' } });
    expect(part.status).toBe(206);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(100, 200))).toBe(true);

    const head = await fetch(link, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '50000']);
  });

  it('open nothing once they are changed', async () => {
    const changed = new URL(link);
    changed.searchParams.set('expires', '99999999999');
    expect((await fetch(changed, { redirect: 'manual' })).status).toBe(403);
  });

  it('are for who has no key: with one, the bytes come from us, and no key goes anywhere else', async () => {
    const response = await caller.send('GET', `${path}/${id}/content`, { redirect: 'manual' });
    expect([response.status, response.headers.get('etag')]).toEqual([200, etag]);
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it('lead nowhere once the file is no longer kept', async () => {
    const gone = await createJob(caller);
    await livesOf(api).succeed(gone);
    const target = await linkOf(gone);
    await api.database.queries
      .updateTable('artifacts')
      .set({ expires_at: new Date(Date.now() - 1_000) })
      .where('job_id', '=', gone)
      .execute();
    expect((await fetch(target, { redirect: 'manual' })).status).toBe(410);
  });

  it('and keys are answered 503 while S3 is away, not as if the file were gone', async () => {
    server.intercept(() => 503);
    const response = await caller.get(`${path}/${id}/content`);
    expect([response.status, await readJson(response)]).toMatchObject([503, { code: 'service_unavailable' }]);
    expect([response.headers.get('etag'), response.headers.get('cache-control')]).toEqual([null, null]);
    expect(response.headers.get('retry-after')).toBe('5');
  });

  it('a file that is cut on its way from S3 is cut on its way from us', async () => {
    server.intercept(({ method }) => (method === 'GET' ? 'half' : undefined));
    const response = await fetch(new URL(`${path}/${id}/content`, api.url), {
      headers: { authorization: `Bearer ${caller.secret}` },
    });
    await expect(response.arrayBuffer()).rejects.toThrow();
  });
});
