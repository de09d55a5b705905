import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { startSandbox } from '../support/sandbox.js';
import { until } from '../support/until.js';
import { openaiCaller, openaiVideo, pixazoCaller, pixazoTask } from './callers.js';

jest.setTimeout(60_000);

const secret = `whsec_${Buffer.from('a secret of the sandbox').toString('base64')}`;

type Received = { path: string; body: string; headers: Record<string, string> };

/** Somebody who is called back, and answers as told. */
async function startReceiver() {
  const received: Received[] = [];
  const statuses: number[] = [];
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const { url: path = '', headers } = request;
    received.push({ path, body: await text(request), headers: headers as Record<string, string> });
    response.writeHead(statuses.shift() ?? 200).end();
  };
  const server = createServer((request, response) => void receive(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, received, statuses, close: () => void server.close() };
}

let sandbox: Awaited<ReturnType<typeof startSandbox>>;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
beforeAll(async () => {
  sandbox = await startSandbox({ speed: 40 });
  receiver = await startReceiver();
});
afterAll(async () => {
  receiver.close();
  await sandbox.close();
});

/** A task with an address of its own, and what came there and elsewhere. */
async function pixazo(misdeed?: { fault: string; seconds?: number }) {
  const prompt = `a boat ${randomUUID()}`;
  if (misdeed) await sandbox.control.script({ call: 'callback', promptIncludes: prompt, ...misdeed });
  const path = `/callbacks/pixazo/${randomUUID()}`;
  const caller = pixazoCaller(sandbox.url);
  const before = receiver.received.length;
  const id = await caller.submitted(pixazoTask({ prompt }), { 'X-Webhook-URL': `${receiver.url}${path}` });
  const atAnswer = receiver.received.slice(before);
  const noted = () => sandbox.control.ledger({ promptIncludes: prompt, call: 'callback' });
  const came = () => receiver.received.slice(before).map(({ path: to, body }) => ({ to, ...JSON.parse(body) }));
  return { id, path, atAnswer, noted, came, caller };
}

describe('the sandbox, to an address that a submit named', () => {
  it('calls back once, with what its status call says, and again where nobody took it', async () => {
    receiver.statuses.push(500);
    const { id, path, came, noted } = await pixazo();
    await until(async () => (await noted()).length === 2);
    expect(came()).toMatchObject([
      { to: path, request_id: id, status: 'COMPLETED' },
      { to: path, request_id: id, status: 'COMPLETED' },
    ]);
    expect((await noted()).map(({ outcome }) => outcome)).toEqual(['500', '200']);
  });

  it('stays silent when it is told to', async () => {
    const { id, came, noted, caller } = await pixazo({ fault: 'never' });
    await caller.ended(id);
    await until(async () => (await noted()).length > 0, 20);
    expect(await noted()).toMatchObject([{ outcome: 'never', fault: 'never', taskId: id }]);
    expect(came()).toEqual([]);
  });

  it('calls before it answers the submit', async () => {
    const { id, path, atAnswer } = await pixazo({ fault: 'early' });
    expect(atAnswer.map(({ path: to, body }) => [to, JSON.parse(body).request_id])).toEqual([[path, id]]);
  });

  it('calls late', async () => {
    const { id, came, caller } = await pixazo({ fault: 'late', seconds: 2 });
    const { completed_at: endedAt } = await caller.ended(id);
    expect(came()).toEqual([]);
    await until(() => came().length === 1, 10);
    expect(Date.now() - Date.parse(endedAt ?? '')).toBeGreaterThanOrEqual(1_990);
  });

  it.each([
    ['doubled', [{ status: 'COMPLETED' }, { status: 'COMPLETED' }]],
    ['out_of_order', [{ status: 'COMPLETED' }, { status: 'PROCESSING' }]],
  ])('calls twice: %s', async (fault, expected) => {
    const { came, noted } = await pixazo({ fault });
    await until(async () => (await noted()).length === 2, 20);
    expect(came()).toMatchObject(expected);
    expect(await noted()).toMatchObject([{ fault }, { fault }]);
  });

  it('lets a forger guess an address first', async () => {
    const { id, path, came } = await pixazo({ fault: 'forged' });
    await until(() => came().length === 2, 20);
    const [forged, honest] = came();
    expect(forged).toMatchObject({ request_id: id, status: 'COMPLETED' });
    expect(forged.to).toMatch(/^\/callbacks\/pixazo\/[\w-]{32}$/);
    expect(honest).toMatchObject({ to: path, request_id: id });
  });

  it.each(['changed_body', 'other_job'])('speaks of a task that is not the one: %s', async (fault) => {
    const { id, path, came } = await pixazo({ fault });
    await until(() => came().length === 1, 20);
    expect(came()).toMatchObject([{ to: path, request_id: expect.stringMatching(/^sora-video_/) }]);
    expect(came()[0].request_id).not.toBe(id);
  });
});

describe('the sandbox, to the one address of an account', () => {
  async function openai(fault?: string) {
    await sandbox.control.webhook({ account: 'openai', url: `${receiver.url}/account`, secret });
    const prompt = `a boat ${randomUUID()}`;
    if (fault) await sandbox.control.script({ call: 'callback', promptIncludes: prompt, fault });
    const before = receiver.received.length;
    const { id } = await openaiCaller(sandbox.url).submitted(openaiVideo({ prompt }));
    await until(() => receiver.received.length > before, 20);
    return { id, calls: () => receiver.received.slice(before) };
  }
  const verified = ({ body, headers }: Received) => new Webhook(secret).verify(body, headers);

  it('signs what it says, and says only which task it is', async () => {
    const { id, calls } = await openai();
    const [call] = calls();
    expect(call && verified(call)).toEqual({
      id: expect.stringMatching(/^evt_/),
      object: 'event',
      created_at: expect.any(Number),
      type: 'video.completed',
      data: { id },
    });
  });

  it.each([['unsigned'], ['old'], ['changed_body'], ['forged']])('does not pass for itself: %s', async (fault) => {
    const { calls } = await openai(fault);
    const [call] = calls();
    expect(() => call && verified(call)).toThrow();
  });

  it('says nothing to accounts without one', async () => {
    const { id } = await openaiCaller(sandbox.url, 'openai-2').submitted(openaiVideo());
    await openaiCaller(sandbox.url, 'openai-2').ended(id);
    expect(await sandbox.control.ledger({ account: 'openai-2', call: 'callback' })).toEqual([]);
  });
});
