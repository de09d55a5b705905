import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { deliverWebhook, type WebhookTryInput } from '../../activities/deliver-webhook.js';
import { createWebhookTargets } from '../../activities/webhook-targets.js';
import { createGuardedFetch, type GuardedFetch } from '../../artifacts/guarded-fetch.js';
import { findProjectRoot } from '../../runtime/root.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { createWebhookDeliveries } from '../../store/webhook-deliveries.js';
import { createWebhookEndpoints } from '../../store/webhook-endpoints.js';
import { createWebhookLog } from '../../store/webhook-log.js';
import { type Script, type ScriptedServer, startScriptedServer } from '../providers/scripted-server.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';
import { until } from '../support/until.js';
import { deliveriesOf, endAJob, verify } from '../support/webhooks.js';

jest.setTimeout(30_000);

/** Of who is waited for in vain. */
const TIMEOUT_MS = 600;
/** A net for all others: this machine may be busy. */
const PATIENT_MS = 20_000;
const body = '{"hello":"ü"}';

const drip: Script = (response) => {
  const timer = setInterval(() => response.write('x'), 20);
  response.on('close', () => clearInterval(timer));
};
const dripHeaders: Script = (response) => {
  const { socket } = response;
  socket?.write('HTTP/1.1 200 OK\r\n');
  const timer = setInterval(() => socket?.write('x: y\r\n'), 20);
  socket?.on('close', () => clearInterval(timer));
};
let writtenBytes = 0;
const hundredMegabytes: Script = (response) => {
  response.writeHead(200, { 'content-length': 100 * 1024 * 1024 });
  const piece = Buffer.alloc(64 * 1024, 'x');
  writtenBytes = 0;
  const more = () => {
    let isHungry = true;
    while (isHungry && !response.destroyed && writtenBytes < 100 * 1024 * 1024) {
      isHungry = response.write(piece);
      writtenBytes += piece.length;
    }
  };
  response.on('drain', more);
  more();
};

describe('one try of a webhook', () => {
  let database: Database;
  let closeDatabase: () => Promise<void>;
  beforeAll(async () => {
    ({ database, close: closeDatabase } = await openTestDatabase());
  });
  afterAll(() => closeDatabase());

  let server: ScriptedServer;
  let fetchGuarded: GuardedFetch;
  let script: Script;
  beforeEach(async () => {
    script = (response) => response.end();
    server = await startScriptedServer((response, request) => script(response, request));
    fetchGuarded = createGuardedFetch({ allowLoopbackPorts: [server.port, 9] });
  });
  afterEach(async () => {
    await server.close();
    await fetchGuarded.close();
  });

  const targets = createWebhookTargets({ atOnce: 2 });
  let wakes = 0;
  const deps = () =>
    activityDeps(database, {
      fetchGuarded,
      webhooks: { deliveries: createWebhookDeliveries(database), render: async () => body, targets },
      wakeDispatcher: () => {
        wakes += 1;
      },
    });

  /** An endpoint of a workspace of its own, and an event for it. */
  async function anEvent({ url = `${server.url}/hook` } = {}) {
    const owner = await aWorkspace(database, { credits: 9 });
    const { workspaceId } = owner;
    const endpoints = createWebhookEndpoints(database);
    const endpoint = await endpoints.create({ workspaceId, url, description: '', eventTypes: null });
    const { jobId } = await endAJob(database, owner);
    const [delivery] = await deliveriesOf(database, workspaceId);
    if (!delivery) throw new Error('no delivery was queued');
    return { ...owner, endpoint, endpoints, jobId, deliveryId: delivery.id, messageId: delivery.message_id };
  }
  const tryOnce = (deliveryId: string, changes: Partial<WebhookTryInput> = {}) =>
    runActivity(deliverWebhook, deps(), {
      deliveryId,
      sending: 1,
      step: 1,
      target: 'ws/host',
      nextInMs: 5_000,
      timeoutMs: PATIENT_MS,
      longestRetryAfterMs: 60_000,
      ...changes,
    });
  const rowOf = ({ deliveryId: id, workspaceId }: { deliveryId: string; workspaceId: string }) =>
    createWebhookLog(database).find({ id, workspaceId });
  const triesOf = (deliveryId: string) => createWebhookLog(database).triesOf(deliveryId);

  it('posts the body, signed with the secret of its endpoint, and keeps what came of it', async () => {
    script = (response) => response.writeHead(204, { 'x-more': '1' }).end();
    const event = await anEvent();

    expect(await tryOnce(event.deliveryId)).toEqual({ kind: 'delivered' });

    const [request, ...more] = server.requests;
    if (!request) throw new Error('nothing came');
    expect(more).toEqual([]);
    expect(request).toMatchObject({ method: 'POST', path: '/hook', body });
    expect(request.headers).toMatchObject({ 'content-type': 'application/json', 'webhook-id': event.messageId });
    expect(Number(request.headers['webhook-timestamp'])).toBeCloseTo(Date.now() / 1_000, -1);
    expect(verify(event.endpoint.secret, request)).toEqual(JSON.parse(body));
    expect(() => verify(event.endpoint.secret, { ...request, body: `${body} ` })).toThrow();
    expect(await rowOf(event)).toMatchObject({ state: 'delivered', attempts: 1, last_status: 204, last_error: null });
    expect(await triesOf(event.deliveryId)).toMatchObject([{ number: 1, status: 204, error: null, answer: '' }]);
  });

  it('signs with both secrets while a rotation overlaps, and with one afterwards', async () => {
    const event = await anEvent();
    const { endpoint, endpoints, workspaceId } = event;
    const rotated = await endpoints.rotateSecret({ id: endpoint.id, workspaceId }, { overlapSeconds: 60 });
    const last = await endpoints.rotateSecret({ id: endpoint.id, workspaceId }, { overlapSeconds: 60 });
    if (!rotated || !last) throw new Error('nothing was rotated');

    await tryOnce(event.deliveryId);
    const [during] = server.requests;
    if (!during) throw new Error('nothing came');
    verify(last.secret, during);
    verify(rotated.secret, during);
    expect(() => verify(endpoint.secret, during)).toThrow();
    expect(String(during.headers['webhook-signature']).split(' ')).toHaveLength(2);

    await endpoints.rotateSecret({ id: endpoint.id, workspaceId }, { overlapSeconds: 0 });
    await endAJob(database, event);
    const [, next] = await deliveriesOf(database, workspaceId);
    await tryOnce(next?.id ?? '');
    expect(String(server.requests[1]?.headers['webhook-signature']).split(' ')).toHaveLength(1);
  });

  it("signs what goes to a job's own address with the secret of its workspace", async () => {
    const owner = await aWorkspace(database, { credits: 1 });
    const { queuedWebhooks } = await endAJob(database, owner, { callbackUrl: `${server.url}/own` });
    expect(queuedWebhooks).toBe(1);
    const [delivery] = await deliveriesOf(database, owner.workspaceId);
    await tryOnce(delivery?.id ?? '');

    const workspaces = database.queries.selectFrom('workspaces').select('webhook_secret');
    const { webhook_secret: secret } = await workspaces.where('id', '=', owner.workspaceId).executeTakeFirstOrThrow();
    const [request] = server.requests;
    if (!request) throw new Error('nothing came');
    expect(request.path).toBe('/own');
    verify(secret, request);
  });

  it.each<[string, Script, { status: number | null; error: string; answer?: string }]>([
    ['says 500', (response) => response.writeHead(500).end('oh'), { status: 500, error: 'status', answer: 'oh' }],
    [
      'redirects',
      (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
      { status: 302, error: 'status' },
    ],
    ['never answers', () => undefined, { status: null, error: 'timeout' }],
    ['drips its headers', dripHeaders, { status: null, error: 'timeout' }],
    ['cuts the line', (response) => response.socket?.resetAndDestroy(), { status: null, error: 'network' }],
  ])('is made again where the endpoint %s, and its connection is free', async (_, does, expected) => {
    script = does;
    const event = await anEvent();
    const timeoutMs = expected.error === 'timeout' ? TIMEOUT_MS : PATIENT_MS;
    const startedAtMs = Date.now();

    expect(await tryOnce(event.deliveryId, { timeoutMs })).toEqual({ kind: 'again', afterMs: 5_000 });

    expect(Date.now() - startedAtMs).toBeLessThan(PATIENT_MS);
    expect(server.requests).toHaveLength(1);
    expect(await triesOf(event.deliveryId)).toMatchObject([expected]);
    const row = await rowOf(event);
    expect(row).toMatchObject({ state: 'pending', attempts: 1, ended_at: null });
    expect(row?.next_attempt_at?.getTime()).toBeGreaterThanOrEqual(startedAtMs + 5_000);
    await until(async () => (await server.openConnections()) === 0 || /500|302/.test(JSON.stringify(expected)));
  });

  it.each<[string, Script]>([
    ['of 100 MB', hundredMegabytes],
    ['that drips', drip],
  ])('is done with an answer %s once its status is there, and the connection ends', async (_, does) => {
    script = does;
    const event = await anEvent();

    expect(await tryOnce(event.deliveryId, { timeoutMs: 10_000 })).toEqual({ kind: 'delivered' });

    const [row] = await triesOf(event.deliveryId);
    expect(row?.answer.length).toBeGreaterThan(0);
    expect(row?.answer.length).toBeLessThanOrEqual(4_096);
    await until(async () => (await server.openConnections()) === 0);
    // What the system holds for a connection that is not read.
    expect(writtenBytes).toBeLessThan(20 * 1024 * 1024);
  });

  it('does not trust a certificate that nobody has signed', async () => {
    const pem = readFileSync(join(findProjectRoot(), 'test/support/fixtures/self-signed.pem'));
    let requests = 0;
    const secure = createServer({ key: pem, cert: pem }, (_request, response) => {
      requests += 1;
      response.end();
    }).listen(0, '127.0.0.1');
    await once(secure, 'listening');
    const { port } = secure.address() as AddressInfo;
    await fetchGuarded.close();
    fetchGuarded = createGuardedFetch({ allowLoopbackPorts: [port] });
    const event = await anEvent({ url: `https://localhost:${port}/` });

    expect(await tryOnce(event.deliveryId)).toMatchObject({ kind: 'again' });
    expect(await triesOf(event.deliveryId)).toMatchObject([{ status: null, error: 'tls' }]);
    expect(requests).toBe(0);
    secure.close();
  });

  it.each([
    ['where nobody listens', 'http://127.0.0.1:9/', 'network'],
    ['of a private network', 'http://10.0.0.1/', 'address_refused'],
  ])('fails at an address %s', async (_, url, error) => {
    const event = await anEvent({ url });
    expect(await tryOnce(event.deliveryId)).toMatchObject({ kind: 'again' });
    expect(await triesOf(event.deliveryId)).toMatchObject([{ status: null, error }]);
  });

  it.each([
    ['is heeded', '20', 20_000],
    ['that is sooner than planned is not', '1', 5_000],
    ['that is too long is cut', '90000', 60_000],
  ])('a Retry-After %s', async (_, retryAfter, afterMs) => {
    script = (response) => response.writeHead(429, { 'retry-after': retryAfter }).end();
    const event = await anEvent();
    const startedAtMs = Date.now();
    expect(await tryOnce(event.deliveryId)).toEqual({ kind: 'again', afterMs });
    const row = await rowOf(event);
    expect(row?.next_attempt_at?.getTime()).toBeGreaterThanOrEqual(startedAtMs + afterMs);
  });

  it('ends with a 410, which disables the endpoint', async () => {
    script = (response) => response.writeHead(410).end();
    const event = await anEvent();

    expect(await tryOnce(event.deliveryId)).toEqual({ kind: 'gone' });

    expect(await rowOf(event)).toMatchObject({ state: 'exhausted', last_status: 410, has_address: false });
    const { endpoint, endpoints, workspaceId } = event;
    expect(await endpoints.find({ id: endpoint.id, workspaceId })).toMatchObject({
      disabled_because: 'gone',
      disabled_at: expect.any(Date),
    });
    await endAJob(database, event);
    expect(await deliveriesOf(database, workspaceId)).toHaveLength(1);
  });

  it('is exhausted after the last, and tells the other endpoints, but never in a circle', async () => {
    script = (response) => response.writeHead(503).end();
    const event = await anEvent();
    const { workspaceId, endpoints } = event;
    const other = await endpoints.create({
      workspaceId,
      url: `${server.url}/other`,
      description: '',
      eventTypes: null,
    });
    const before = wakes;

    expect(await tryOnce(event.deliveryId, { nextInMs: null })).toEqual({ kind: 'exhausted' });

    expect(wakes - before).toBe(1);
    const [first, told, ...more] = await deliveriesOf(database, workspaceId);
    expect(first).toMatchObject({ state: 'exhausted', next_attempt_at: null });
    expect(told).toMatchObject({ type: 'webhook.exhausted', endpoint_id: other.id, subject_id: event.deliveryId });
    expect(more).toEqual([]);
    expect(await tryOnce(told?.id ?? '', { nextInMs: null })).toEqual({ kind: 'exhausted' });
    expect(await deliveriesOf(database, workspaceId)).toHaveLength(2);
  });

  it('is not made again by a second run of the same step, which says when the next is', async () => {
    script = (response) => response.writeHead(500).end();
    const event = await anEvent();
    const startedAtMs = Date.now();
    await tryOnce(event.deliveryId);
    const again = await tryOnce(event.deliveryId);
    const passedMs = Date.now() - startedAtMs;
    expect(again.kind === 'again' && again.afterMs).toBeGreaterThanOrEqual(5_000 - passedMs - 1);
    expect(server.requests).toHaveLength(1);
  });

  it('is not made for a delivery that was sent anew, has ended, or lost its endpoint', async () => {
    const anew = await anEvent();
    await createWebhookLog(database).resend({ id: anew.deliveryId, workspaceId: anew.workspaceId });
    expect(await tryOnce(anew.deliveryId)).toEqual({ kind: 'ended' });

    const done = await anEvent();
    await tryOnce(done.deliveryId);
    expect(await tryOnce(done.deliveryId, { step: 2 })).toEqual({ kind: 'ended' });

    const lost = await anEvent();
    await lost.endpoints.remove({ id: lost.endpoint.id, workspaceId: lost.workspaceId });
    expect(await tryOnce(lost.deliveryId)).toEqual({ kind: 'ended' });
    expect(await rowOf(lost)).toMatchObject({ state: 'canceled' });
    expect(server.requests).toHaveLength(1);
  });

  it('takes its address along when its job is deleted', async () => {
    const owner = await aWorkspace(database, { credits: 1 });
    const { jobId } = await endAJob(database, owner, { callbackUrl: `${server.url}/own?token=canary` });
    const { workspaceId } = owner;
    await createJobs(database).remove({ id: jobId, workspaceId });
    const [delivery] = await deliveriesOf(database, workspaceId);
    expect(delivery).toMatchObject({ state: 'canceled', url: null, has_address: false });
    expect(await tryOnce(delivery?.id ?? '')).toEqual({ kind: 'ended' });
    expect(server.requests).toEqual([]);
  });

  it('waits for its turn while others are at the same target, and not for those at another', async () => {
    const held: (() => void)[] = [];
    script = (response, { path }) => {
      if (path === '/hook') held.push(() => response.end());
      else response.end();
    };
    const events = await Promise.all([anEvent(), anEvent(), anEvent(), anEvent({ url: `${server.url}/quick` })]);
    const [first, second, third, quick] = events.map(({ deliveryId }) => deliveryId);
    const waiting = [tryOnce(first ?? '', { timeoutMs: 10_000 }), tryOnce(second ?? '', { timeoutMs: 10_000 })];
    await until(() => held.length === 2);

    await expect(tryOnce(third ?? '')).rejects.toMatchObject({ type: 'NotReady' });
    expect(await tryOnce(quick ?? '', { target: 'ws/other' })).toEqual({ kind: 'delivered' });

    for (const release of held) release();
    expect(await Promise.all(waiting)).toEqual([{ kind: 'delivered' }, { kind: 'delivered' }]);
    script = (response) => response.end();
    expect(await tryOnce(third ?? '')).toEqual({ kind: 'delivered' });
  });
});
