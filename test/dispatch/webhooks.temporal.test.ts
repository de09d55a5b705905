import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Script } from '../providers/scripted-server.js';
import { until } from '../support/until.js';
import { startWebhookWorld } from '../support/webhook-world.js';
import { verify } from '../support/webhooks.js';

jest.setTimeout(60_000);

describe('webhooks', () => {
  let world: Awaited<ReturnType<typeof startWebhookWorld>>;
  beforeAll(async () => {
    world = await startWebhookWorld({ timing: { scheduleMs: [0, 300, 600], timeoutMs: 30_000 }, atOnce: 8 });
    world.startDispatchers(3);
  });
  afterAll(() => world.close(), 30_000);

  const takes: Script = (response) => response.end('thanks');
  /** Does each of these in turn, and the last for ever. */
  const inTurn = (...scripts: Script[]): Script => {
    let calls = 0;
    return (response, request) => {
      const script = scripts[Math.min(calls, scripts.length - 1)];
      calls += 1;
      script?.(response, request);
    };
  };
  const fails: Script = (response) => response.writeHead(500).end();

  it('are sent to every endpoint and to the address of the job itself, once each, under one id', async () => {
    const receiver = await world.receiver(takes);
    const owner = await world.owner(`${receiver.url}/a`, `${receiver.url}/b`);
    const { jobId, queuedWebhooks } = await owner.endJob({ callbackUrl: `${receiver.url}/own` });

    expect(queuedWebhooks).toBe(3);
    const rows = await owner.untilDeliveries((all) => all.every(({ state }) => state === 'delivered'));
    expect(rows.map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
    expect(receiver.requests.map(({ path }) => path).toSorted()).toEqual(['/a', '/b', '/own']);
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id']))).toEqual(
      new Set([rows[0]?.message_id]),
    );
    expect(new Set(receiver.requests.map(({ body }) => body))).toEqual(
      new Set([JSON.stringify({ type: 'job.failed', subject: { kind: 'job', id: jobId } })]),
    );

    const handle = world.client.workflow.getHandle(rows[0]?.id ?? '');
    expect(await handle.result()).toBe('delivered');
    const { searchAttributes, historyLength } = await handle.describe();
    expect(historyLength).toBeLessThanOrEqual(12);
    expect(searchAttributes).toMatchObject({
      ReelayStatus: ['delivered'],
      ReelayOperation: ['job.failed'],
      ReelayWorkspace: [owner.workspaceId],
    });
  });

  it('are sent to an endpoint only where it wants the event and is not disabled', async () => {
    const receiver = await world.receiver(takes);
    const owner = await world.owner(`${receiver.url}/all`, `${receiver.url}/disabled`, `${receiver.url}/other`);
    const [, disabled, other] = owner.endpoints;
    const { workspaceId } = owner;
    await world.endpoints.update({ id: disabled?.id ?? '', workspaceId }, { isDisabled: true });
    await world.endpoints.update({ id: other?.id ?? '', workspaceId }, { eventTypes: ['job.succeeded'] });

    await owner.endJob();

    await owner.untilDeliveries((all) => all.length === 1 && all.every(({ state }) => state === 'delivered'));
    expect(receiver.requests.map(({ path }) => path)).toEqual(['/all']);
  });

  it('are tried again on the schedule, under the same id and each signed anew, until they are taken', async () => {
    const times: number[] = [];
    const note =
      (script: Script): Script =>
      (response, request) => {
        times.push(performance.now());
        script(response, request);
      };
    const receiver = await world.receiver(inTurn(note(fails), note(fails), note(takes)));
    const owner = await world.owner(receiver.url);
    await owner.endJob();

    const [row] = await owner.untilDeliveries(([one]) => one?.state === 'delivered');
    expect(row).toMatchObject({ attempts: 3, last_status: 200 });
    const [first = 0, second = 0, third = 0] = times;
    expect(second - first).toBeGreaterThanOrEqual(300);
    expect(third - second).toBeGreaterThanOrEqual(600);
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    for (const request of receiver.requests) verify(owner.endpoints[0]?.secret ?? '', request);
    expect(await world.log.triesOf(row?.id ?? '')).toMatchObject([
      { number: 1, status: 500, error: 'status' },
      { number: 2, status: 500, error: 'status' },
      { number: 3, status: 200, error: null, answer: 'thanks' },
    ]);
  });

  it('are exhausted after the last try, which another endpoint hears of, and can be sent again', async () => {
    const dead = await world.receiver(inTurn(fails, fails, fails, takes));
    const alive = await world.receiver(takes);
    const owner = await world.owner(dead.url, alive.url);
    const { workspaceId } = owner;
    await owner.endJob();

    const rows = await owner.untilDeliveries((all) => all.length === 3 && all.every(({ ended_at }) => ended_at));
    const exhausted = rows.find(({ state }) => state === 'exhausted');
    expect(exhausted).toMatchObject({ attempts: 3, last_status: 500, endpoint_id: owner.endpoints[0]?.id });
    const types = alive.requests.map(({ body }) => JSON.parse(body).type);
    expect(types).toHaveLength(2);
    expect(types).toEqual(expect.arrayContaining(['job.failed', 'webhook.exhausted']));

    const since = new Date(Date.now() - 60_000);
    const asked = { endpointId: owner.endpoints[0]?.id ?? '', workspaceId, since, includesDelivered: false };
    expect(await world.log.resendSince(asked)).toBe(1);
    world.wake();
    const again = await owner.untilDeliveries((all) => all.every(({ state }) => state === 'delivered'));
    expect(again.find(({ id }) => id === exhausted?.id)).toMatchObject({ attempts: 4 });
    expect(new Set(dead.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(await world.log.resendSince(asked)).toBe(0);
    expect(await world.log.resendSince({ ...asked, since: new Date(Date.now() + 60_000) })).toBe(0);
    expect(await world.log.resendSince({ ...asked, includesDelivered: true })).toBe(1);
    await owner.untilDeliveries((all) => all.every(({ state }) => state === 'delivered'));
    expect(dead.requests).toHaveLength(5);
  });

  it('to an endpoint that never answers keep nobody else waiting', async () => {
    const dead = await world.receiver(() => undefined);
    const receiver = await world.receiver(takes);
    const stuck = await world.owner(dead.url);
    const others = await Promise.all(Array.from({ length: 5 }, () => world.owner(receiver.url)));
    for (let made = 0; made < 20; made += 1) await stuck.endJob();
    await until(() => dead.requests.length >= 4);

    await Promise.all(others.map((owner) => owner.endJob()));
    await Promise.all(others.map((owner) => owner.untilDeliveries(([one]) => one?.state === 'delivered')));
    // Not one of the twenty has come to its time-out by then.
    expect((await stuck.deliveries()).map(({ attempts }) => attempts)).toEqual(Array.from({ length: 20 }, () => 0));
    expect(dead.requests).toHaveLength(4);
    const { workspaceId } = stuck;
    await world.endpoints.remove({ id: stuck.endpoints[0]?.id ?? '', workspaceId });
  });

  it('go on in another workflow when theirs is lost', async () => {
    // The next try is far enough away for the workflow to be lost before it.
    const puts: Script = (response) => response.writeHead(503, { 'retry-after': '4' }).end();
    const receiver = await world.receiver(inTurn(puts, takes));
    const owner = await world.owner(receiver.url);
    await owner.endJob();
    const [row] = await owner.untilDeliveries(([one]) => (one?.attempts ?? 0) === 1);
    await world.client.workflow.getHandle(row?.id ?? '').terminate('by hand');

    await owner.untilDeliveries(([one]) => one?.state === 'delivered');
    expect(receiver.requests).toHaveLength(2);
    expect(await world.client.workflow.getHandle(`${row?.id}:2`).result()).toBe('delivered');
  });
});
