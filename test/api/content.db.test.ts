import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';
import { openTestStore, storeKinds, type TestStore } from '../support/stores.js';

const path = '/api/v1/videos/jobs';
const bytes = randomBytes(200_000);

describe.each(storeKinds)('a file on %s:', (kind) => {
  let opened: TestStore;
  let api: Api;
  let lives: ReturnType<typeof livesOf>;
  let caller: Awaited<ReturnType<Api['addWorkspace']>>;
  let content: string;
  let etag: string;
  let signed: URL;
  beforeAll(async () => {
    opened = await openTestStore(kind);
    api = await startApi({ store: opened.store });
    lives = livesOf(api);
    caller = await api.addWorkspace();
    const id = await createJob(caller);
    const { sha256 } = await lives.succeed(id, bytes);
    etag = `"${sha256}"`;
    content = `${path}/${id}/content`;
    const { data } = await readJson(await caller.get(`${path}/${id}`));
    const [video] = data as unknown as { url: string }[];
    signed = new URL(video?.url.replace('https://reelay.test', api.url) ?? '');
  });
  afterAll(async () => {
    await api.close();
    await opened.close();
  });

  const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());

  describe('content', () => {
    it('is judged by the clock of the database, however wrong that of the api is', async () => {
      const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 31 * 24 * 60 * 60 * 1_000);
      try {
        const response = await caller.get(content);
        expect([response.status, (await bytesOf(response)).length]).toEqual([200, bytes.length]);
      } finally {
        clock.mockRestore();
      }
    });

    it('is the whole file, with all that a player and a cache ask for', async () => {
      const response = await caller.get(content);

      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': 'video/mp4',
        'content-length': '200000',
        'accept-ranges': 'bytes',
        'cache-control': 'private, max-age=31536000, immutable',
        'content-disposition': `inline; filename="${content.split('/').at(-2)}.mp4"`,
        'cross-origin-resource-policy': 'cross-origin',
        etag,
      });
      expect((await bytesOf(response)).equals(bytes)).toBe(true);
    });

    it('can be looked at without its bytes', async () => {
      const response = await caller.send('HEAD', content);

      expect(response.status).toBe(200);
      expect(response.headers.get('content-length')).toBe('200000');
      expect(response.headers.get('etag')).toBe(etag);
      expect(await response.text()).toBe('');
    });

    it.each([
      ['bytes=0-0', 0, 0],
      ['bytes=100-199', 100, 199],
      ['bytes=199990-', 199_990, 199_999],
      ['bytes=199990-999999', 199_990, 199_999],
      ['bytes=-10', 199_990, 199_999],
      ['bytes=-999999', 0, 199_999],
    ])('is served in part for %s', async (range, start, end) => {
      const response = await caller.get(content, { range });

      expect(response.status).toBe(206);
      expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/200000`);
      expect(response.headers.get('content-length')).toBe(String(end - start + 1));
      expect((await bytesOf(response)).equals(bytes.subarray(start, end + 1))).toBe(true);
    });

    it.each(['bytes=200000-', 'bytes=5-4', 'bytes=-0'])('has no part for %s', async (range) => {
      const response = await caller.get(content, { range });

      expect(response.status).toBe(416);
      expect(response.headers.get('content-range')).toBe('bytes */200000');
    });

    it.each(['bytes=0-1,5-6', 'lines=1-2', 'bytes=x-y', 'nonsense'])('is served whole for %s', async (range) => {
      const response = await caller.get(content, { range });

      expect(response.status).toBe(200);
      expect((await bytesOf(response)).length).toBe(200_000);
    });

    it('compares If-Range strongly: only the same strong tag gets the part', async () => {
      const statuses: Record<string, number> = {};
      const conditions = {
        same: etag,
        weak: `W/${etag}`,
        other: '"other"',
        date: new Date(Date.now() + 1e6).toUTCString(),
      };
      for (const [name, condition] of Object.entries(conditions)) {
        const response = await caller.get(content, { range: 'bytes=0-9', 'if-range': condition });
        statuses[name] = response.status;
        await response.arrayBuffer();
      }

      expect(statuses).toEqual({ same: 206, weak: 200, other: 200, date: 200 });
    });

    it('is not sent again to who has it, and not at all to who wants another one', async () => {
      const known = await caller.get(content, { 'if-none-match': etag });
      const weakly = await caller.get(content, { 'if-none-match': `"other", W/${etag}` });
      const other = await caller.get(content, { 'if-none-match': '"other"' });
      const wanted = await caller.get(content, { 'if-match': etag });
      const unwanted = await caller.get(content, { 'if-match': `"other", W/${etag}` });

      expect([known.status, weakly.status, other.status]).toEqual([304, 304, 200]);
      expect([wanted.status, unwanted.status]).toEqual([200, 412]);
      expect(known.headers.get('etag')).toBe(etag);
      expect(await known.text()).toBe('');
      await Promise.all([other, wanted].map((response) => response.arrayBuffer()));
    });
  });

  describe('a signed link', () => {
    it('needs no key and serves ranges', async () => {
      const whole = await fetch(signed);
      const part = await fetch(signed, { headers: { range: 'bytes=0-9' } });

      expect((await bytesOf(whole)).equals(bytes)).toBe(true);
      expect((await bytesOf(part)).equals(bytes.subarray(0, 10))).toBe(true);
    });

    it.each<[string, (url: URL) => void]>([
      ['signature', (url) => url.searchParams.set('signature', `A${url.searchParams.get('signature')?.slice(1)}`)],
      ['empty signature', (url) => url.searchParams.set('signature', '')],
      ['expiry', (url) => url.searchParams.set('expires', '99999999999')],
      ['missing expiry', (url) => url.searchParams.delete('expires')],
      ['index', (url) => url.searchParams.set('index', '1')],
      ['job', (url) => (url.pathname = `${path}/job_01kaz0000000000000000000zz/content`)],
    ])('opens nothing with another %s', async (_, change) => {
      const url = new URL(signed);
      change(url);

      const response = await fetch(url);

      expect([response.status, await readJson(response)]).toMatchObject([403, { code: 'link_invalid' }]);
    });

    it('dies when it expires', async () => {
      const brief = await startApi({ jobs: { linkLifetimeSeconds: 0 } });
      const someone = await brief.addWorkspace();
      const id = await createJob(someone);
      await livesOf(brief).succeed(id);
      const { data } = await readJson(await someone.get(`${path}/${id}`));
      const [video] = data as unknown as { url: string }[];

      const response = await fetch(video?.url.replace('https://reelay.test', brief.url) ?? '');
      const answer = await response.text();
      await brief.close();

      expect(response.status).toBe(403);
      expect(answer).toContain('link_invalid');
    });
  });

  describe('content that cannot be had', () => {
    it('is not ready while the job is open', async () => {
      const id = await createJob(caller);

      const queued = await caller.get(`${path}/${id}/content`);
      await lives.start(id);
      const running = await caller.get(`${path}/${id}/content`);

      expect([queued.status, running.status]).toEqual([409, 409]);
      expect(queued.headers.get('retry-after')).toBe('5');
      expect(await readJson(running)).toMatchObject({ code: 'content_not_ready', detail: 'The job is running.' });
    });

    it('never was when the job failed, or for a variant that was not asked for', async () => {
      const id = await createJob(caller);
      await lives.fail(id, 'generation_failed');

      expect((await caller.get(`${path}/${id}/content`)).status).toBe(404);
      expect((await caller.get(`${content}?index=1`)).status).toBe(404);
      expect(await readJson(await caller.get(`${content}?index=-1`))).toMatchObject({ errors: [{ field: 'index' }] });
    });

    it.each(['deleted_at', 'expires_at'] as const)('is gone after %s', async (column) => {
      const id = await createJob(caller);
      await lives.succeed(id);
      const past = new Date(Date.now() - 1_000);
      await api.database.queries
        .updateTable('artifacts')
        .set({ [column]: past })
        .where('job_id', '=', id)
        .execute();

      const response = await caller.get(`${path}/${id}/content`);

      expect([response.status, await readJson(response)]).toMatchObject([410, { code: 'content_gone' }]);
    });

    it('is gone, and not kept by caches, when its bytes are lost', async () => {
      const id = await createJob(caller);
      const { key } = await lives.succeed(id);
      await api.store.remove(key);

      const response = await caller.get(`${path}/${id}/content`);

      expect([response.status, await readJson(response)]).toMatchObject([410, { code: 'content_gone' }]);
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(response.headers.get('etag')).toBeNull();
    });

    it('asks for a key without a link', async () => {
      expect((await fetch(new URL(content, api.url))).status).toBe(401);
    });
  });
});
