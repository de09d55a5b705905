import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Selectable } from 'kysely';
import { errorCatalogue, type JobFailureCode } from '../../contract/errors.js';
import { newId } from '../../runtime/ids.js';
import type { ArtifactsTable } from '../../store/tables.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';

const path = '/api/v1/videos/jobs';

let api: Api;
let lives: ReturnType<typeof livesOf>;
beforeAll(async () => {
  api = await startApi({ jobs: { temporalUi: { url: 'http://temporal.test', namespace: 'default' } } });
  lives = livesOf(api);
});
afterAll(() => api.close());

const sha256Of = (digit: string) => digit.repeat(64);

/** Another file of a job that has one. */
async function addFile(jobId: string, changes: Partial<Selectable<ArtifactsTable>>): Promise<void> {
  const { queries } = api.database;
  const video = await queries
    .selectFrom('artifacts')
    .selectAll()
    .where('job_id', '=', jobId)
    .where('variant', '=', 0)
    .executeTakeFirstOrThrow();
  await queries
    .insertInto('artifacts')
    .values({ ...video, id: newId('art'), ...changes })
    .execute();
}

const dataOf = async (response: Response) => (await readJson(response)).data as unknown as Record<string, unknown>[];
const idsOf = async (response: Response) => (await dataOf(response)).map(({ id }) => id);

describe('a job', () => {
  it('is queued on our own routes and running on those of Omixa until it starts', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);

    const word = async (response: Response) => (await readJson(response)).status;

    expect(await word(await caller.get(`${path}/${id}`))).toBe('queued');
    expect((await dataOf(await caller.get(path)))[0]?.status).toBe('queued');
    expect(await word(await caller.get(`${path}/status?operation=${id}`))).toBe('running');
    expect(await word(await caller.post(`${path}/status`, { operation: id }))).toBe('running');
  });

  it('tells where it is while it runs', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.start(id);

    const job = await readJson(await caller.get(`${path}/${id}`));

    expect(job).toMatchObject({
      status: 'running',
      phase: 'polling',
      progress: 40,
      attempts: 1,
      poll_after_seconds: 5,
      started_at: expect.any(String),
      finished_at: null,
      data: [],
      links: { content: null },
    });
  });

  it('has its file, its charge and nothing held when it has succeeded', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    const { sha256 } = await lives.succeed(id);

    const job = await readJson(await caller.get(`${path}/status?id=${id}`));

    expect(job).toMatchObject({
      status: 'succeeded',
      phase: null,
      progress: 100,
      poll_after_seconds: 0,
      cost: { currency: 'USD', held: '0.000000', captured: '0.800000' },
      error: null,
      links: { content: `https://reelay.test${path}/${id}/content` },
    });
    expect(job.data).toEqual([
      {
        url: expect.stringMatching(
          `^https://reelay.test${path}/${id}/content\\?index=0&expires=\\d+&signature=[\\w-]+$`,
        ),
        content_type: 'video/mp4',
        expires_at: expect.stringMatching(/^2.*Z$/),
        bytes: 1_000,
        sha256,
        width: 1280,
        height: 720,
        duration_seconds: 8,
      },
    ]);
    expect((await dataOf(await caller.get(path)))[0]?.data).toMatchObject([{ sha256 }]);
  });

  it('keeps the facts of a file that is no longer kept, without a link', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    const { sha256 } = await lives.succeed(id);
    await api.database.queries
      .updateTable('artifacts')
      .set({ deleted_at: new Date() })
      .where('job_id', '=', id)
      .execute();

    const { data } = await readJson(await caller.get(`${path}/${id}`));

    expect(data).toMatchObject([{ url: null, expires_at: null, sha256 }]);
  });

  it('has its videos by variant, each with a link for as long as it is kept', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.succeed(id);
    const minuteMs = 60_000;
    const inAMinute = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + minuteMs);
    await addFile(id, { variant: 2, sha256: sha256Of('c'), expires_at: inAMinute });
    await addFile(id, { variant: 1, sha256: sha256Of('b'), expires_at: new Date(Date.now() - minuteMs) });
    await addFile(id, { variant: 1, sha256: sha256Of('d'), role: 'thumbnail' });

    const { data } = await readJson(await caller.get(`${path}/${id}`));

    expect(data).toMatchObject([
      { url: expect.stringContaining('index=0&') },
      { url: null, expires_at: null, sha256: sha256Of('b') },
      { url: expect.stringContaining('index=2&'), expires_at: inAMinute.toISOString(), sha256: sha256Of('c') },
    ]);
  });

  it('has its own videos in the list, where others have none or theirs', async () => {
    const caller = await api.addWorkspace();
    const [twice, once, empty, failed, queued] = await Promise.all(Array.from({ length: 5 }, () => createJob(caller)));
    for (const id of [twice, once, empty]) await lives.succeed(String(id));
    await addFile(String(twice), { variant: 1, sha256: sha256Of('b') });
    await api.database.queries.deleteFrom('artifacts').where('job_id', '=', String(empty)).execute();
    await lives.fail(String(failed), 'generation_failed');

    const listed = await dataOf(await caller.get(path));

    const linksOf = new Map(listed.map(({ id, data }) => [id, (data as { url: string }[]).map(({ url }) => url)]));
    const linkTo = (id: string | undefined, index: number) =>
      expect.stringContaining(`/${String(id)}/content?index=${index}&`);
    expect(linksOf.get(twice)).toEqual([linkTo(twice, 0), linkTo(twice, 1)]);
    expect(linksOf.get(once)).toEqual([linkTo(once, 0)]);
    expect([empty, failed, queued].map((id) => linksOf.get(id))).toEqual([[], [], []]);
  });

  const failures: JobFailureCode[] = [
    'prompt_rejected',
    'provider_rejected',
    'provider_unavailable',
    'generation_failed',
    'result_unavailable',
    'submission_unknown',
    'deadline_exceeded',
  ];
  it.each(failures)('that failed says %s in our words and costs nothing', async (code) => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.fail(id, code);

    const response = await caller.get(`${path}/${id}`);

    expect(response.status).toBe(200);
    expect(await readJson(response)).toMatchObject({
      status: 'failed',
      poll_after_seconds: 0,
      data: [],
      error: { code, message: errorCatalogue[code].title },
      cost: { held: '0.000000', captured: '0.000000' },
    });
  });

  it('of another workspace is as unknown as one that never was', async () => {
    const [mine, theirs] = await Promise.all([api.addWorkspace(), api.addWorkspace()]);
    const id = await createJob(mine);
    await lives.succeed(id);

    const responses = [
      await theirs.get(`${path}/${id}`),
      await theirs.get(`${path}/status?operation=${id}`),
      await theirs.post(`${path}/status`, { job_id: id }),
      await theirs.get(`${path}/${id}/content`),
      await theirs.get(`${path}/${id}/attempts`),
      await theirs.get(`${path}/${id}/live`),
      await theirs.post(`${path}/${id}/cancel`, undefined),
    ];

    expect(responses.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404, 404, 404]);
    expect(await idsOf(await theirs.get(path))).toEqual([]);
    expect(await readJson(await theirs.get('/api/v1/usage'))).toMatchObject({ data: [] });
  });
});

describe('status', () => {
  it.each([
    ['', undefined, 'operation'],
    ['?id=a&job_id=b', undefined, 'job_id'],
    ['?operation=a&operation=b', undefined, 'operation'],
    ['?task=a', undefined, 'task'],
    ['?operation=%00', undefined, 'operation'],
    ['', {}, 'operation'],
    ['', { id: 7 }, 'id'],
    ['', { operation: 'a', id: 'a' }, 'id'],
    ['?id=a', { job_id: 'a' }, 'job_id'],
    ['', { operation: 'a', more: 1 }, 'more'],
  ])('with %j and %j names the field', async (query, body, field) => {
    const { get, post } = await api.addWorkspace();

    const response = body ? await post(`${path}/status${query}`, body) : await get(`${path}/status${query}`);

    expect([response.status, await readJson(response)]).toMatchObject([400, { errors: [{ field }] }]);
  });

  it('may be asked by POST with the name in the query', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);

    const response = await caller.send('POST', `${path}/status?job_id=${id}`);

    expect([response.status, (await readJson(response)).operation]).toEqual([200, id]);
  });
});

describe('the list', () => {
  it('comes newest first, page by page, each job once', async () => {
    const caller = await api.addWorkspace();
    const ids: string[] = [];
    for (let count = 0; count < 7; count += 1) ids.push(await createJob(caller));

    const pages: string[][] = [];
    let after: string | null = null;
    do {
      const response: Response = await caller.get(`${path}?limit=3${after ? `&after=${after}` : ''}`);
      const page = (await response.json()) as { data: { id: string }[]; has_more: boolean; next_cursor: string | null };
      pages.push(page.data.map(({ id }) => id));
      expect(page.has_more).toBe(page.next_cursor !== null);
      // A job that comes meanwhile moves nobody to another page.
      await createJob(caller);
      after = page.next_cursor;
    } while (after);

    expect(pages.map(({ length }) => length)).toEqual([3, 3, 1]);
    expect(pages.flat()).toEqual(ids.toReversed());
  });

  it('is filtered by state, model, provider, operation and time', async () => {
    const caller = await api.addWorkspace();
    const queued = await createJob(caller);
    const running = await createJob(caller);
    await lives.start(running);
    const minuteAgo = new Date(Date.now() - 60_000);
    await api.database.queries.updateTable('jobs').set({ created_at: minuteAgo }).where('id', '=', queued).execute();
    const { created_at } = await readJson(await caller.get(`${path}/${running}`));
    const since = encodeURIComponent(String(created_at));

    const ids = async (query: string) => idsOf(await caller.get(`${path}?${query}`));

    expect(await ids('status=queued')).toEqual([queued]);
    expect(await ids('status=running')).toEqual([running]);
    expect(await ids('model=sora&provider=omixa&video_operation=text_to_video')).toEqual([running, queued]);
    expect(await ids('model=veo')).toEqual([]);
    expect(await ids('provider=apixo')).toEqual([]);
    expect(await ids('video_operation=remix')).toEqual([]);
    expect(await ids(`created_from=${since}`)).toEqual([running]);
    expect(await ids(`created_before=${since}`)).toEqual([queued]);
    expect(await ids('created_before=2020-01-01')).toEqual([]);
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['after=nonsense', 'after'],
    ['status=done', 'status'],
    ['video_operation=dance', 'video_operation'],
    ['pipeline=nonsense', 'pipeline'],
    ['model=%00', 'model'],
    ['provider=', 'provider'],
    ['created_from=yesterday', 'created_from'],
    ['created_before=2026-13-01', 'created_before'],
    ['page=2', 'page'],
  ])('with %s names the parameter', async (query, field) => {
    const { get } = await api.addWorkspace();

    const response = await get(`${path}?${query}`);

    expect([response.status, await readJson(response)]).toMatchObject([
      400,
      { code: 'request_invalid', errors: [{ field }] },
    ]);
  });
});

describe('what only operators see', () => {
  it("is a job's page in Temporal, and the cost and words of providers", async () => {
    const caller = await api.addWorkspace();
    const { secret } = await api.workspaces.createKey({
      workspaceId: caller.workspaceId,
      scopes: ['jobs:read', 'operator'],
    });
    const operator = api.callerWith(secret);
    const id = await createJob(caller);
    await lives.fail(id, 'prompt_rejected');

    const seenBy = async ({ get }: typeof operator) => [
      await readJson(await get(`${path}/${id}`)),
      await dataOf(await get(`${path}/${id}/attempts`)),
    ];

    const attempt = { number: 1, provider: 'omixa', state: 'refused', started_at: expect.any(String) };
    const times = { answered_at: expect.any(String), finished_at: expect.any(String) };
    const [theirJob, theirAttempts] = await seenBy(caller);
    expect(JSON.stringify(theirJob)).not.toContain('temporal.test');
    expect(theirAttempts).toEqual([{ ...attempt, ...times }]);
    expect(await seenBy(operator)).toEqual([
      expect.objectContaining({
        links: expect.objectContaining({ temporal: `http://temporal.test/namespaces/default/workflows/${id}` }),
      }),
      [
        {
          ...attempt,
          ...times,
          upstream_model: 'sora',
          task_id: null,
          cost: { currency: 'USD', provider: '0.800000' },
          charged: 'no',
          failure: { class: 'CONTENT_REFUSED', message: 'their own words', provider_code: 'E7', excerpt: null },
        },
      ],
    ]);
  });
});

describe('usage', () => {
  it('adds up what finished, by day, model and key, and tells the balance', async () => {
    const caller = await api.addWorkspace({ micros: 10_000_000 });
    await lives.succeed(await createJob(caller));
    await lives.fail(await createJob(caller), 'generation_failed');
    await createJob(caller);
    const today = new Date().toISOString().slice(0, 10);

    const usage = await readJson(await caller.get('/api/v1/usage'));

    const counts = { jobs: 2, succeeded: 1, failed: 1, canceled: 0, delivered_seconds: 8, captured: '0.800000' };
    expect(usage).toEqual({
      object: 'usage',
      from: expect.any(String),
      to: expect.any(String),
      currency: 'USD',
      data: [{ day: today, model: 'sora', api_key_id: caller.keyId, ...counts }],
      totals: counts,
      balance: { available: '8.400000', held: '0.800000', reserved: '0.000000' },
    });
    expect(await readJson(await caller.get('/api/v1/usage?from=2020-01-01&to=2020-02-01'))).toMatchObject({ data: [] });
  });

  it.each([
    ['from=soon', 'from'],
    ['from=2026-02-02&to=2026-02-01', 'from'],
    ['from=2020-01-01&to=2026-01-01', 'from'],
    ['until=2026-01-01', 'until'],
  ])('with %s names the parameter', async (query, field) => {
    const { get } = await api.addWorkspace();

    expect(await readJson(await get(`/api/v1/usage?${query}`))).toMatchObject({ status: 400, errors: [{ field }] });
  });
});
