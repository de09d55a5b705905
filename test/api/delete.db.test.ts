import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createArtifacts } from '../../store/artifacts.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';

const path = '/api/v1/videos/jobs';

let api: Api;
let lives: ReturnType<typeof livesOf>;
beforeAll(async () => {
  api = await startApi();
  lives = livesOf(api);
});
afterAll(() => api.close());

describe('DELETE of a job', () => {
  it('takes the job, its files and its prompt out of everybody’s sight, and leaves the money as it was', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller, { prompt: 'a secret boat', negative_prompt: undefined });
    await lives.succeed(id);
    const { data } = (await readJson(await caller.get(`${path}/${id}`))) as unknown as { data: { url: string }[] };
    const balance = await api.ledger.balance(caller.workspaceId);

    const response = await caller.send('DELETE', `${path}/${id}`);

    expect(response.status).toBe(204);
    for (const gone of [
      `${path}/${id}`,
      `${path}/${id}/content`,
      `${path}/${id}/attempts`,
      `${path}/status?id=${id}`,
    ]) {
      expect((await caller.get(gone)).status).toBe(404);
    }
    expect(await readJson(await caller.get(path))).toMatchObject({ data: [] });
    expect((await fetch(data[0]?.url.replace('https://reelay.test', api.url) ?? '')).status).toBe(410);
    expect(await api.ledger.balance(caller.workspaceId)).toEqual(balance);
    const row = await api.database.queries
      .selectFrom('jobs')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirstOrThrow();
    expect(JSON.stringify(row)).not.toContain('secret boat');
    // What is over is swept with all other files whose time is over.
    const expired = await createArtifacts(api.database).expired(100);
    expect(expired.length).toBeGreaterThan(0);
    expect((await caller.send('DELETE', `${path}/${id}`)).status).toBe(404);
  });

  it('waits for the end of the job', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);

    const response = await caller.send('DELETE', `${path}/${id}`);

    expect(response.status).toBe(409);
    expect(await readJson(response)).toMatchObject({ code: 'job_not_finished' });
    expect((await caller.get(`${path}/${id}`)).status).toBe(200);
  });

  it('is not for other workspaces', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.succeed(id);
    const stranger = await api.addWorkspace();

    expect((await stranger.send('DELETE', `${path}/${id}`)).status).toBe(404);
    expect((await caller.get(`${path}/${id}`)).status).toBe(200);
  });
});
