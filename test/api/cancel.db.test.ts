import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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

describe('cancelling', () => {
  it('ends a job that nobody has started, at once and for nothing', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);

    const response = await caller.send('POST', `${path}/${id}/cancel`);

    expect(response.status).toBe(200);
    expect(await readJson(response)).toMatchObject({
      status: 'canceled',
      finished_at: expect.any(String),
      provider_cancel: null,
      extension: null,
      cost: { held: '0.000000', captured: '0.000000' },
    });
    expect(await api.ledger.balance(caller.workspaceId)).toEqual({
      availableMicros: 100_000_000,
      heldMicros: 0,
      reservedMicros: 0,
    });
  });

  it('marks a job that has been started and wakes the dispatcher, as often as it is asked', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.start(id);
    const woken = api.wakeCount();

    const first = await caller.send('POST', `${path}/${id}/cancel`);
    const again = await caller.send('POST', `${path}/${id}/cancel`);

    expect([first.status, again.status]).toEqual([202, 202]);
    expect(await readJson(first)).toMatchObject({ status: 'running', cancel_requested: true });
    expect(api.wakeCount()).toBe(woken + 2);
  });

  it('leaves a job that has ended as it is', async () => {
    const caller = await api.addWorkspace();
    const id = await createJob(caller);
    await lives.succeed(id);

    const response = await caller.send('POST', `${path}/${id}/cancel`);

    expect(response.status).toBe(200);
    expect(await readJson(response)).toMatchObject({ status: 'succeeded', cancel_requested: false });
  });
});
