import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Api, readJson, startApi } from '../support/api.js';
import { anImage } from '../support/images.js';

const path = '/api/v1/videos/jobs';
const aBody = (changes: object = {}) => ({ model: 'sora', prompt: 'a paper boat', seconds: 8, ...changes });

let api: Api;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

describe('an idempotency key', () => {
  it('gives the same job for the same request, also in other words, and charges once', async () => {
    const { post, workspaceId } = await api.addWorkspace();
    const key = { 'idempotency-key': 'boat 1' };
    const files = await api.countFiles();

    const first = await post(path, aBody({ image: anImage.dataUrl }), key);
    const again = await post(
      path,
      { duration_seconds: '8', start_frame: { url: anImage.dataUrl }, prompt: 'a paper boat', model: 'sora' },
      key,
    );

    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 'true']);
    expect(await readJson(again)).toEqual(await readJson(first));
    expect((await api.ledger.balance(workspaceId)).heldMicros).toBe(800_000);
    expect(await api.countFiles()).toBe(files + 1);
  });

  it('gives its job even when the money has run out meanwhile', async () => {
    const { post } = await api.addWorkspace({ micros: 800_000 });
    const key = { 'idempotency-key': 'the last boat' };
    const first = await readJson(await post(path, aBody(), key));

    const again = await post(path, aBody(), key);

    expect(again.status).toBe(202);
    expect((await readJson(again)).id).toBe(first.id);
  });

  it.each([
    ['another length', { seconds: 9 }],
    ['another image', { image: anImage.dataUrl }],
    ['a field more', { seed: 1 }],
  ])('is refused for %s', async (_, changes) => {
    const { post, workspaceId } = await api.addWorkspace();
    const key = { 'idempotency-key': 'boat 2' };
    await post(path, aBody(), key);
    const files = await api.countFiles();

    const response = await post(path, aBody(changes), key);

    expect(response.status).toBe(422);
    expect(await readJson(response)).toMatchObject({ code: 'idempotency_key_reused' });
    expect((await api.ledger.balance(workspaceId)).heldMicros).toBe(800_000);
    expect(await api.countFiles()).toBe(files);
  });

  it('makes one job of twenty requests at once, and keeps one copy of their image', async () => {
    const { post, workspaceId, get } = await api.addWorkspace();
    const files = await api.countFiles();
    const send = () => post(path, aBody({ image: anImage.dataUrl }), { 'idempotency-key': 'all at once' });

    const responses = await Promise.all(Array.from({ length: 20 }, send));
    const ids = await Promise.all(responses.map(async (response) => (await readJson(response)).id));

    expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 202));
    expect(new Set(ids).size).toBe(1);
    expect(responses.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect((await api.ledger.balance(workspaceId)).heldMicros).toBe(800_000);
    expect((await readJson(await get(path))).data).toHaveLength(1);
    expect(await api.countFiles()).toBe(files + 1);
  });

  it('counts as new after a day', async () => {
    const { post, workspaceId } = await api.addWorkspace();
    const key = { 'idempotency-key': 'yesterday' };
    const first = await readJson(await post(path, aBody(), key));
    const yesterday = new Date(Date.now() - 24 * 60 * 60 * 1_000 - 1_000);
    await api.database.queries
      .updateTable('idempotency_keys')
      .set({ created_at: yesterday })
      .where('workspace_id', '=', workspaceId)
      .execute();

    const other = await post(path, aBody({ seconds: 9 }), key);
    const again = await post(path, aBody({ seconds: 9 }), key);

    const { id } = await readJson(other);
    expect([other.status, other.headers.get('idempotency-replayed')]).toEqual([202, null]);
    expect(id).not.toBe(first.id);
    expect((await readJson(again)).id).toBe(id);
  });

  it('belongs to its workspace', async () => {
    const key = { 'idempotency-key': 'shared words' };
    const [mine, theirs] = await Promise.all([api.addWorkspace(), api.addWorkspace()]);

    const first = await readJson(await mine.post(path, aBody(), key));
    const second = await theirs.post(path, aBody({ prompt: 'another boat' }), key);

    expect(second.status).toBe(202);
    expect((await readJson(second)).id).not.toBe(first.id);
  });

  it.each(['', 'x'.repeat(256), 'Schlüssel'])('is refused when it is %j', async (key) => {
    const { post } = await api.addWorkspace();

    const response = await post(path, aBody(), { 'idempotency-key': key });

    expect(response.status).toBe(400);
    expect(await readJson(response)).toMatchObject({ errors: [{ field: 'Idempotency-Key' }] });
  });

  it('that another request has been holding for five seconds is answered as in flight', async () => {
    const { post, workspaceId } = await api.addWorkspace();
    const files = await api.countFiles();
    const holder = new pg.Client({ connectionString: api.databaseUrl });
    await holder.connect();
    await holder.query('begin');
    await holder.query(
      `insert into idempotency_keys (workspace_id, key, request_sha256, job_id) values ($1, 'held', '\\x00', 'job_none')`,
      [workspaceId],
    );

    const response = await post(path, aBody({ image: anImage.dataUrl }), { 'idempotency-key': 'held' });
    await holder.query('rollback');
    await holder.end();

    expect(response.status).toBe(409);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(await readJson(response)).toMatchObject({ code: 'idempotency_in_flight' });
    expect(await api.countFiles()).toBe(files);
    expect((await post(path, aBody(), { 'idempotency-key': 'held' })).status).toBe(202);
  }, 15_000);
});
