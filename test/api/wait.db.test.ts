import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';
import { until } from '../support/until.js';

const path = '/api/v1/videos/jobs';
const patiently = { prefer: 'wait=30' };
const aJob = { model: 'sora', prompt: 'a boat', seconds: 8 };

let api: Api;
let lives: ReturnType<typeof livesOf>;
beforeAll(async () => {
  api = await startApi();
  lives = livesOf(api);
});
afterAll(() => api.close());

const onlyJob = (workspaceId: string) =>
  until(async () => {
    const row = await api.database.queries
      .selectFrom('jobs')
      .select('id')
      .where('workspace_id', '=', workspaceId)
      .executeTakeFirst();
    return row?.id;
  }, 5);

describe('Prefer: wait', () => {
  it('on create answers 201 with the finished job', async () => {
    const caller = await api.addWorkspace();

    const answer = caller.post(path, aJob, patiently);
    const id = await onlyJob(caller.workspaceId);
    const { sha256 } = await lives.succeed(id);
    const response = await answer;

    expect(response.status).toBe(201);
    expect(response.headers.get('preference-applied')).toBe('wait=30');
    expect(response.headers.get('location')).toBe(`https://reelay.test${path}/${id}`);
    expect(await readJson(response)).toMatchObject({ id, status: 'succeeded', data: [{ sha256 }] });
  });

  it('on create answers 202 with the job as it is when the time is over', async () => {
    const caller = await api.addWorkspace();

    const response = await caller.post(path, aJob, { prefer: 'wait=1' });

    expect([response.status, response.headers.get('preference-applied')]).toEqual([202, 'wait=1']);
    expect(await readJson(response)).toMatchObject({ status: 'running', finished_at: null });
  });

  it('is not needed, and not refused when it cannot be read', async () => {
    const caller = await api.addWorkspace();

    for (const prefer of ['', 'wait=soon', 'respond-async']) {
      const response = await caller.post(path, aJob, { prefer });
      expect([response.status, response.headers.get('preference-applied')]).toEqual([202, null]);
    }
  });

  it('on create with a key that was used gives the job of that key at its end', async () => {
    const caller = await api.addWorkspace();
    const id = String((await readJson(await caller.post(path, aJob, { 'idempotency-key': 'one' }))).id);
    await lives.fail(id, 'generation_failed');

    const plain = await caller.post(path, aJob, { 'idempotency-key': 'one' });
    const patient = await caller.post(path, aJob, { 'idempotency-key': 'one', ...patiently });

    expect([plain.status, patient.status]).toEqual([202, 201]);
    expect(await readJson(patient)).toMatchObject({ id, status: 'failed' });
  });

  it.each([
    ['GET', (id: string) => `${path}/${id}`],
    ['GET', (id: string) => `${path}/status?operation=${id}`],
    ['POST', (id: string) => `${path}/status?operation=${id}`],
  ])('by %s waits until the job is cancelled', async (method, addressOf) => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.start(id);

    const answer = caller.send(method, addressOf(id), { headers: patiently });
    await caller.send('POST', `${path}/${id}/cancel`);
    await api.settlement.settle({ jobId: id, state: 'canceled', providerCancel: 'confirmed' });
    const response = await answer;

    expect([response.status, response.headers.get('preference-applied')]).toEqual([200, 'wait=30']);
    expect(await readJson(response)).toMatchObject({ id, status: 'canceled', provider_cancel: 'confirmed' });
  });

  it('costs no time when the job has ended', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.fail(id, 'generation_failed');
    const startedAt = performance.now();

    const response = await caller.get(`${path}/${id}`, patiently);

    expect(await readJson(response)).toMatchObject({ status: 'failed' });
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('works in the other APIs, too', async () => {
    const caller = await api.addWorkspace();

    const answer = caller.post('/v1/videos', { model: 'sora', prompt: 'a boat', seconds: '8' }, patiently);
    await lives.succeed(await onlyJob(caller.workspaceId));

    expect(await readJson(await answer)).toMatchObject({ object: 'video', status: 'completed' });
  });
});
