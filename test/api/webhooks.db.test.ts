import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newId } from '../../runtime/ids.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';

const endpoints = '/api/v1/videos/webhooks/endpoints';
const deliveries = '/api/v1/videos/webhooks/deliveries';
const url = 'https://caller.example/hooks';

describe('the webhooks of a workspace', () => {
  let api: Api;
  beforeAll(async () => {
    api = await startApi();
  });
  afterAll(() => api.close());

  const aWorkspace = () => api.addWorkspace({ scopes: ['jobs:read', 'jobs:write', 'webhooks:write'] });
  type Workspace = Awaited<ReturnType<typeof aWorkspace>>;
  async function anEndpoint({ post }: Workspace, body: object = {}) {
    const response = await post(endpoints, { url, ...body });
    expect(response.status).toBe(201);
    const endpoint = await readJson(response);
    return { ...endpoint, id: String(endpoint.id), secret: String(endpoint.secret) };
  }
  const read = async ({ get }: Workspace, path: string) => readJson(await get(path));
  async function anEndedJob(workspace: Workspace, body: object = {}) {
    const jobId = await createJob(workspace, body);
    await livesOf(api).fail(jobId, 'generation_failed');
    return jobId;
  }
  const listed = async (workspace: Workspace, query: string) =>
    (await read(workspace, `${deliveries}?${query}`)).data as unknown as { id: string; state: string }[];
  const exhaust = (id: string) =>
    api.database.queries
      .updateTable('webhook_deliveries')
      .set({ state: 'exhausted', next_attempt_at: null, ended_at: new Date() })
      .where('id', '=', id)
      .execute();

  it('makes an endpoint, whose secret is told once, and lists it', async () => {
    const workspace = await aWorkspace();
    const { secret, ...endpoint } = await anEndpoint(workspace, { description: 'production' });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(endpoint).toMatchObject({ url, description: 'production', event_types: null, disabled: false });
    expect(await read(workspace, endpoints)).toEqual({ object: 'list', data: [endpoint] });
    expect(await read(workspace, `${endpoints}/${endpoint.id}`)).toEqual(endpoint);
  });

  it.each<[object, string]>([
    [{ url: 'hook' }, 'url'],
    [{ url: 'ftp://caller.example/' }, 'url'],
    [{ url: 'https://user:word@caller.example/' }, 'url'],
    [{ url: 'http://10.0.0.1/' }, 'url'],
    [{ url: 'http://localhost:9/' }, 'url'],
    [{ url, event_types: [] }, 'event_types'],
    [{ url, event_types: ['job.born'] }, 'event_types.0'],
    [{ url, event_types: ['job.failed', 'job.failed'] }, 'event_types'],
    [{ url, description: 'x'.repeat(501) }, 'description'],
    [{ url, secret: 'whsec_mine' }, 'secret'],
    [{}, 'url'],
  ])('refuses %j, naming the field', async (body, field) => {
    const workspace = await aWorkspace();
    const response = await workspace.post(endpoints, body);
    expect(response.status).toBe(400);
    expect(await readJson(response)).toMatchObject({ code: 'request_invalid', errors: [{ field }] });
    expect(await read(workspace, endpoints)).toMatchObject({ data: [] });
  });

  it('takes twenty endpoints of a workspace, however many are asked for at once, and one more for each that goes', async () => {
    const workspace = await aWorkspace();
    const made = await Promise.all(Array.from({ length: 25 }, () => workspace.post(endpoints, { url })));
    expect(made.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([
      ...Array.from({ length: 20 }, () => 201),
      ...Array.from({ length: 5 }, () => 400),
    ]);
    const [first] = (await read(workspace, endpoints)).data as unknown as { id: string }[];
    expect((await workspace.send('DELETE', `${endpoints}/${first?.id}`)).status).toBe(204);
    expect((await workspace.post(endpoints, { url })).status).toBe(201);
  });

  it('changes what is said and leaves the rest', async () => {
    const workspace = await aWorkspace();
    const { id } = await anEndpoint(workspace, { description: 'production' });
    const patch = (body: object) =>
      workspace.send('PATCH', `${endpoints}/${id}`, {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
    expect(await readJson(await patch({ event_types: ['job.failed'] }))).toMatchObject({
      url,
      description: 'production',
      event_types: ['job.failed'],
    });
    expect(await readJson(await patch({ disabled: true, event_types: null }))).toMatchObject({
      event_types: null,
      disabled: true,
      disabled_because: 'caller',
      disabled_at: expect.any(String),
    });
    expect(await readJson(await patch({ disabled: false, url: 'https://other.example/' }))).toMatchObject({
      url: 'https://other.example/',
      disabled: false,
      disabled_because: null,
    });
    expect((await patch({ url: 'http://127.0.0.1/' })).status).toBe(400);
    expect((await patch({})).status).toBe(400);
  });

  it('gives another secret, and says how long the one before it works', async () => {
    const workspace = await aWorkspace();
    const { id, secret } = await anEndpoint(workspace);
    const rotate = async (body: unknown) => workspace.post(`${endpoints}/${id}/secret/rotate`, body);
    const rotated = await readJson(await rotate({}));
    expect(rotated.secret).not.toBe(secret);
    const lastsMs = Date.parse(String(rotated.previous_secret_until)) - Date.now();
    expect(Math.abs(lastsMs - 24 * 60 * 60 * 1_000)).toBeLessThan(60_000);
    const quick = await readJson(await rotate({ overlap_seconds: 5 }));
    expect(Date.parse(String(quick.previous_secret_until)) - Date.now()).toBeLessThan(6_000);
    expect((await rotate({ overlap_seconds: -1 })).status).toBe(400);
    expect((await rotate({ overlap_seconds: 604_801 })).status).toBe(400);
  });

  it('sends a test event to one endpoint, unless it is disabled', async () => {
    const workspace = await aWorkspace();
    const { id } = await anEndpoint(workspace, { event_types: ['job.succeeded'] });
    await anEndpoint(workspace);
    const woken = api.wakeCount();
    const response = await workspace.post(`${endpoints}/${id}/test`, {});
    expect(response.status).toBe(202);
    expect(await readJson(response)).toMatchObject({
      event_type: 'webhook.test',
      endpoint: id,
      url,
      state: 'pending',
      attempts: 0,
      subject: { kind: 'endpoint', id },
    });
    expect(api.wakeCount() - woken).toBe(1);
    expect(await listed(workspace, '')).toHaveLength(1);

    const disable = { body: '{"disabled":true}', headers: { 'content-type': 'application/json' } };
    await workspace.send('PATCH', `${endpoints}/${id}`, disable);
    const refused = await workspace.post(`${endpoints}/${id}/test`, {});
    expect(refused.status).toBe(409);
    expect(await readJson(refused)).toMatchObject({ code: 'webhook_disabled' });
    expect((await workspace.post(`${endpoints}/${id}/resend`, { since: '2026-01-01' })).status).toBe(409);
  });

  it('lists deliveries by endpoint, by job and by state, page by page', async () => {
    const workspace = await aWorkspace();
    const [one, two] = [await anEndpoint(workspace), await anEndpoint(workspace)];
    const jobs = [
      await anEndedJob(workspace, { callback_url: 'https://caller.example/own' }),
      await anEndedJob(workspace),
    ];

    const all = await listed(workspace, '');
    expect(all).toHaveLength(5);
    expect(all.map(({ id }) => id)).toEqual(
      all
        .map(({ id }) => id)
        .toSorted()
        .toReversed(),
    );
    expect(await listed(workspace, `job=${jobs[0]}`)).toHaveLength(3);
    expect(await listed(workspace, `endpoint=${one.id}`)).toHaveLength(2);
    expect(await listed(workspace, `endpoint=${two.id}&job=${jobs[1]}`)).toMatchObject([
      { endpoint: two.id, event_type: 'job.failed', subject: { kind: 'job', id: jobs[1] }, state: 'pending' },
    ]);
    await exhaust(all[0]?.id ?? '');
    expect(await listed(workspace, 'state=exhausted')).toMatchObject([{ id: all[0]?.id }]);

    const page = await read(workspace, `${deliveries}?limit=2`);
    expect(page).toMatchObject({ has_more: true, next_cursor: all[1]?.id });
    const next = await read(workspace, `${deliveries}?limit=3&after=${page.next_cursor}`);
    expect(next).toMatchObject({ has_more: false, next_cursor: null });
    expect((next.data as unknown as { id: string }[]).map(({ id }) => id)).toEqual(all.slice(2).map(({ id }) => id));
  });

  it.each(['endpoint=we_1', 'job=video_01kaz0000000000000000000zz', 'state=lost', 'limit=0', 'after=x', 'more=1'])(
    'refuses to list by %s',
    async (query) => {
      const workspace = await aWorkspace();
      const response = await workspace.get(`${deliveries}?${query}`);
      expect(response.status).toBe(400);
      const [field] = query.split('=');
      expect(await readJson(response)).toMatchObject({ errors: [{ field }] });
    },
  );

  it('sends one delivery again from the beginning, also one that arrived', async () => {
    const workspace = await aWorkspace();
    await anEndpoint(workspace);
    await anEndedJob(workspace);
    const [delivery] = await listed(workspace, '');
    await exhaust(delivery?.id ?? '');
    const path = `${deliveries}/${delivery?.id}`;
    const response = await workspace.post(`${path}/resend`, {});
    expect(response.status).toBe(202);
    expect(await readJson(response)).toMatchObject({ id: delivery?.id, state: 'pending', ended_at: null });
    expect(await read(workspace, path)).toMatchObject({ state: 'pending', tries: [] });
  });

  it('refuses to send again to nobody', async () => {
    const workspace = await aWorkspace();
    const { id } = await anEndpoint(workspace);
    await anEndedJob(workspace, { callback_url: 'https://caller.example/own' });
    await workspace.send('DELETE', `${endpoints}/${id}`);
    const all = await listed(workspace, '');
    const ofEndpoint = all.find((one) => 'endpoint' in one && one.endpoint === id);
    const refused = await workspace.post(`${deliveries}/${ofEndpoint?.id}/resend`, {});
    expect(await readJson(refused)).toMatchObject({ code: 'webhook_disabled', status: 409 });
  });

  it('sends an endpoint again what it missed since a moment', async () => {
    const workspace = await aWorkspace();
    const { id } = await anEndpoint(workspace);
    await anEndedJob(workspace);
    await anEndedJob(workspace);
    const [last] = await listed(workspace, '');
    await exhaust(last?.id ?? '');
    const resend = async (body: object) => {
      const response = await workspace.post(`${endpoints}/${id}/resend`, body);
      return response.status === 202 ? (await readJson(response)).deliveries : response.status;
    };
    expect(await resend({ since: new Date(Date.now() + 60_000).toISOString() })).toBe(0);
    expect(await resend({ since: new Date(Date.now() - 60_000).toISOString() })).toBe(1);
    expect(await listed(workspace, 'state=pending')).toHaveLength(2);
    expect(await resend({})).toBe(400);
    expect(await resend({ since: 'yesterday' })).toBe(400);
  });

  it('shows no workspace what is of another, and nothing to a key without the scope', async () => {
    const [mine, theirs] = [await aWorkspace(), await aWorkspace()];
    const { id } = await anEndpoint(mine);
    await anEndedJob(mine);
    const [delivery] = await listed(mine, '');
    const paths: [string, string][] = [
      ['GET', `${endpoints}/${id}`],
      ['DELETE', `${endpoints}/${id}`],
      ['POST', `${endpoints}/${id}/secret/rotate`],
      ['POST', `${endpoints}/${id}/test`],
      ['GET', `${deliveries}/${delivery?.id}`],
      ['POST', `${deliveries}/${delivery?.id}/resend`],
    ];
    for (const [method, path] of paths) expect((await theirs.send(method, path)).status).toBe(404);
    expect(await listed(theirs, `endpoint=${id}`)).toEqual([]);
    expect(await read(theirs, endpoints)).toMatchObject({ data: [] });
    expect((await mine.get(`${endpoints}/${newId('we')}`)).status).toBe(404);
    expect((await mine.get(`${endpoints}/we_%00`)).status).toBe(404);

    const reader = await api.addWorkspace();
    for (const [method, path] of [...paths, ['GET', endpoints] as const, ['GET', deliveries] as const]) {
      expect((await reader.send(method, path)).status).toBe(403);
    }
    for (const path of [endpoints, `${endpoints}/${id}`, `${endpoints}/${id}/test`, deliveries])
      expect((await mine.send('PUT', path)).status).toBe(405);
  });

  it('forgets the address of a job with the job, and ends what was on its way', async () => {
    const workspace = await aWorkspace();
    const jobId = await anEndedJob(workspace, { callback_url: 'https://caller.example/own?token=canary' });
    await workspace.send('DELETE', `/api/v1/videos/jobs/${jobId}`);
    const [delivery] = await listed(workspace, `job=${jobId}`);
    expect(delivery).toMatchObject({ state: 'canceled', url: null });
    expect((await workspace.post(`${deliveries}/${delivery?.id}/resend`, {})).status).toBe(409);
  });
});

describe('the header X-Webhook-URL', () => {
  let api: Api;
  let workspace: Awaited<ReturnType<Api['addWorkspace']>>;
  beforeAll(async () => {
    api = await startApi();
    workspace = await api.addWorkspace();
  });
  afterAll(() => api.close());

  const aJob = { model: 'sora', prompt: 'a boat', seconds: 8 };
  const headers = { 'x-webhook-url': url };

  it.each([
    ['/api/v1/videos/jobs', aJob, 202],
    ['/v1/videos', { model: 'sora', prompt: 'a boat', seconds: '8' }, 200],
    ['/api/v1/generateTask/sora', { input: { mode: 'text-to-video', prompt: 'a boat' } }, 200],
  ])('is kept with a job made at %s', async (path, body, status) => {
    const response = await workspace.post(path, body, headers);
    expect(response.status).toBe(status);
    const newest = api.database.queries.selectFrom('jobs').select('callback_url').orderBy('id', 'desc');
    expect(await newest.executeTakeFirst()).toEqual({ callback_url: url });
  });

  it.each([
    [{ callback_url: 'https://other.example/' }, url, 'X-Webhook-URL'],
    [{}, 'http://10.0.0.1/', 'X-Webhook-URL'],
    [{}, 'https://a.example/, https://b.example/', 'X-Webhook-URL'],
  ])('beside %j is refused where it says %s', async (more, header, field) => {
    const response = await workspace.post('/api/v1/videos/jobs', { ...aJob, ...more }, { 'x-webhook-url': header });
    expect(response.status).toBe(400);
    expect(await readJson(response)).toMatchObject({ errors: [{ field }] });
  });

  it('may say what the field says', async () => {
    const response = await workspace.post('/api/v1/videos/jobs', { ...aJob, callback_url: url }, headers);
    expect(response.status).toBe(202);
  });
});
