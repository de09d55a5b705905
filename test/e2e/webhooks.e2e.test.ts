import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import OpenAI from 'openai';
import pg from 'pg';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { createCrashPlans } from '../../faults/crash-plans.js';
import type { CrashPlan } from '../../runtime/crash-points.js';
import { dialectDemos } from '../../standalone/demo-dialects.js';
import { type ScriptedServer, type SeenRequest, startScriptedServer } from '../providers/scripted-server.js';
import { aRequest, createCaller } from '../support/caller.js';
import { checkEventAsDescribed } from '../support/described.js';
import { until } from '../support/until.js';
import { verify } from '../support/webhooks.js';

jest.setTimeout(90_000);

/** On a slow machine. Where nobody was woken, the sweep would come a minute later. */
const MOMENTS_SECONDS = 10;

const suffixOf = (id: string) => id.slice(id.indexOf('_'));

describe('webhooks on the whole stack', () => {
  let stack: Stack;
  let database: pg.Pool;
  let caller: ReturnType<typeof createCaller>;
  let receiver: ScriptedServer;
  let folder: string;
  beforeAll(async () => {
    receiver = await startScriptedServer((response) => response.end());
    folder = mkdtempSync(join(tmpdir(), 'reelay-webhooks-'));
    stack = await startStack({
      SANDBOX_SPEED: '0',
      ALLOW_LOOPBACK_PORTS: String(receiver.port),
      WEBHOOK_SCHEDULE_MS: '0,500,500,500',
      REELAY_CRASH_POINTS: folder,
    });
    database = new pg.Pool({ connectionString: stack.databaseUrl });
    database.on('error', () => {});
    caller = createCaller(stack);
  }, 120_000);
  afterAll(async () => {
    await database.end();
    await stack.stop();
    await receiver.close();
    rmSync(folder, { recursive: true });
  }, 60_000);

  const addressOf = (mark: string) => `${receiver.url}/${mark}?token=canary-${mark}`;
  const arrived = (mark: string) => receiver.requests.filter(({ path }) => path.startsWith(`/${mark}?`));
  const arrivals = (mark: string, count = 1): Promise<SeenRequest[]> =>
    until(() => arrived(mark).length >= count && arrived(mark), 20);
  const defaultSecret = async () => {
    const { rows } = await database.query<{ webhook_secret: string }>('select webhook_secret from workspaces');
    return rows[0]?.webhook_secret ?? '';
  };
  const readJson = async (path: string, headers: Record<string, string> = {}) =>
    (await (await caller.get(path, headers)).json()) as { [field: string]: unknown };

  it.each(Object.entries(dialectDemos))('tell the address of a job of %s in its words', async (dialect, demo) => {
    const mark = randomUUID();
    const { path, body } = demo.create;
    const headers = { ...demo.headers(stack.apiKey), 'x-webhook-url': addressOf(mark) };
    const created = await caller.post(path, body, headers);
    const id = demo.idOf(await created.json());

    const [request] = await arrivals(mark);
    if (!request) throw new Error('nothing came');
    const told = verify(await defaultSecret(), request);
    if (dialect === 'openai') {
      const headers = new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const event = await new OpenAI({ apiKey: 'unused' }).webhooks.unwrap(
        request.body,
        headers,
        await defaultSecret(),
      );
      expect(event).toMatchObject({ object: 'event', type: 'video.completed', data: { id } });
    } else if (dialect === 'omixa') {
      checkEventAsDescribed('job.succeeded', told);
      expect(told).toMatchObject({ type: 'job.succeeded', data: { id, status: 'succeeded' } });
    } else {
      const standing = demo.read(told);
      expect(standing).toMatchObject({ outcome: 'done', video: expect.any(String) });
      expect((await fetch(standing.video ?? '')).status).toBe(200);
      expect(JSON.stringify(told)).toContain(id);
    }
    // It is told within moments of the end, and not before it can be read.
    const job = await caller.job(`job${suffixOf(id)}`);
    expect(job.status).toBe('succeeded');
    // A try is written down when it has been answered, a moment after it arrived here.
    const [first] = await until(async () => {
      const { rows } = await database.query<{ late: number }>(
        `select extract(epoch from webhook_tries.started_at - jobs.finished_at)::double precision as late from webhook_tries
         join webhook_deliveries delivery on delivery.id = delivery_id join webhook_messages message on message.id = message_id
         join jobs on jobs.id = subject_id where jobs.id = $1 order by number`,
        [job.id],
      );
      return rows.length > 0 && rows;
    });
    expect(first?.late).toBeLessThan(MOMENTS_SECONDS);
  });

  it('tell the endpoints of a workspace of a cancel, and keep what was told', async () => {
    const mark = randomUUID();
    const made = await caller.post('/api/v1/videos/webhooks/endpoints', { url: addressOf(mark) });
    const endpoint = (await made.json()) as { id: string; secret: string };
    const job = await caller.create(aRequest({ wait_seconds: 600 }));
    await caller.untilJob(job.id, ({ phase }) => phase === 'waiting');
    await caller.post(`/api/v1/videos/jobs/${job.id}/cancel`, {});

    const [request] = await arrivals(mark);
    if (!request) throw new Error('nothing came');
    expect(verify(endpoint.secret, request)).toMatchObject({ type: 'job.canceled', data: { id: job.id } });
    const delivered = await until(async () => {
      const { data } = await readJson(`/api/v1/videos/webhooks/deliveries?job=${job.id}&state=delivered`);
      return Array.isArray(data) && data.length > 0 && data;
    });
    expect(delivered).toMatchObject([{ endpoint: endpoint.id, attempts: 1, last_status: 200 }]);

    const tested = await caller.post(`/api/v1/videos/webhooks/endpoints/${endpoint.id}/test`, {});
    expect(tested.status).toBe(202);
    const [, test] = await arrivals(mark, 2);
    expect(test && verify(endpoint.secret, test)).toMatchObject({ type: 'webhook.test' });
    const remove = new URL(`/api/v1/videos/webhooks/endpoints/${endpoint.id}`, stack.apiUrl);
    await fetch(remove, { method: 'DELETE', headers: { authorization: `Bearer ${stack.apiKey}` } });
  });

  it.each<[string, Pick<CrashPlan, 'point'>, number]>([
    ['before they are started: then they come once', { point: 'S11' }, 1],
    ['after the answer and before its record: then they come twice, under one id', { point: 'S12' }, 2],
  ])('outlive the death of a process %s', async (_, { point }, times) => {
    const mark = randomUUID();
    const plan = createCrashPlans(folder).plan({ point, job: mark, action: 'exit' });
    const request = aRequest({ callback_url: addressOf(mark) });
    const job = await caller.create(request, mark);
    expect(await plan.met(30_000)).toMatchObject({ jobId: job.id });

    const requests = await arrivals(mark, times);
    const deliveries = await until(async () => {
      const { data } = await readJson(`/api/v1/videos/webhooks/deliveries?job=${job.id}`);
      const [delivery] = data as { id: string; state: string; attempts: number; message_id: string }[];
      return delivery?.state === 'delivered' && delivery;
    });
    expect(requests).toHaveLength(times);
    expect(new Set(requests.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([deliveries.message_id]));
    for (const one of requests) verify(await defaultSecret(), one);
    expect(deliveries.attempts).toBe(1);
    plan.release();
  });

  it('leave no secret and no address in a log or in Temporal', async () => {
    const mark = randomUUID();
    const job = await caller.create(aRequest({ callback_url: addressOf(mark) }));
    await arrivals(mark);
    const { rows } = await database.query<{ id: string }>(
      `select delivery.id from webhook_deliveries delivery join webhook_messages message on message.id = message_id
       where subject_id = $1`,
      [job.id],
    );
    const connection = await Connection.connect({ address: stack.temporalAddress });
    const handle = new Client({ connection, namespace: stack.namespace }).workflow.getHandle(rows[0]?.id ?? '');
    await handle.result();
    const history = JSON.stringify(await handle.fetchHistory());
    await connection.close();

    const logs = join(stack.home, 'logs');
    const written = readdirSync(logs).map((file) => readFileSync(join(logs, file), 'utf8'));
    const secrets = [await defaultSecret(), `canary-${mark}`];
    for (const text of [history, ...written]) for (const secret of secrets) expect(text.includes(secret)).toBe(false);
  });
});
