import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import { createCallbackLimits } from '../../api/callback-limits.js';
import { createTarPit } from '../../api/tar-pit.js';
import { catalogueSchema } from '../../contract/catalogue.js';
import { ServiceError } from '../../contract/errors.js';
import type { CallbackReader } from '../../contract/provider.js';
import { createProviders } from '../../providers/registry.js';
import { createCallbackTokens } from '../../runtime/callback-tokens.js';
import { createAttempts } from '../../store/attempts.js';
import { createCallbacks } from '../../store/callbacks.js';
import { type Api, linkSecret, startApi } from '../support/api.js';
import { createJob } from '../support/lives.js';
import { aRoute } from '../support/plans.js';
import { until } from '../support/until.js';

jest.setTimeout(30_000);

const secret = `whsec_${randomBytes(24).toString('base64')}`;
const lines: string[] = [];
const woken: string[] = [];
let api: Api;
let caller: Awaited<ReturnType<Api['addWorkspace']>>;

/** The accounts of the real adapters, as `main.ts` reads them. */
function readers(): Map<string, CallbackReader> {
  const account = (adapter: string) => ({ adapter, baseUrl: 'https://provider.test', credential: 'KEY' });
  const { accounts } = catalogueSchema.parse({
    accounts: {
      apixo: account('apixo'),
      'apixo-2': account('apixo'),
      pixazo: account('pixazo'),
      openai: { ...account('openai-videos'), webhookSecret: 'SECRET' },
      omixa: account('omixa'),
    },
    models: {},
  });
  const credentials = (variable: string) => (variable === 'SECRET' ? secret : 'a-key-of-ours');
  const providers = createProviders({ catalogue: { accounts, models: {} }, credentials, allowHttp: false });
  return new Map(
    Object.keys(accounts).flatMap((name) => {
      const reader = providers.get(name).callbacks;
      return reader ? [[name, reader] as const] : [];
    }),
  );
}

beforeAll(async () => {
  const logger = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  api = await startApi({
    app: { logger },
    callbacks: { readers: readers(), wakeDispatcher: () => woken.push('woken') },
  });
  caller = await api.addWorkspace();
});
afterAll(() => api.close());

const sha256 = (token: string) => createHash('sha256').update(token).digest();

/** A job whose first attempt may be called back at this account. */
async function anAttempt({ account = 'apixo', taskId }: { account?: string; taskId?: string } = {}) {
  const jobId = await createJob(caller);
  const attempts = createAttempts(api.database);
  const token = createCallbackTokens(linkSecret).make(account);
  const route = aRoute({ account, upstreamModel: 'sora-2' });
  await attempts.intend({ jobId, attempt: 1, route, callbackTokenSha256: sha256(token) });
  const accept = (id: string) => {
    const task = { account, upstreamModel: 'sora-2', id };
    return attempts.recordSubmission({ jobId, attempt: 1, submission: { outcome: 'accepted', task } });
  };
  if (taskId) await accept(taskId);
  const row = () => attempts.find({ jobId, attempt: 1 });
  return { jobId, token, row, accept };
}

type Sent = { body?: string | Uint8Array<ArrayBuffer>; headers?: Record<string, string>; method?: string };
async function post(path: string, { body = '{}', headers = {}, method = 'POST' }: Sent = {}) {
  const response = await fetch(new URL(path, api.url), { method, headers, ...(method === 'POST' && { body }) });
  return { status: response.status, text: await response.text(), headers: response.headers };
}
const nothing = { status: 404, text: '' };
const apixoBody = (taskId: string, state = 'success') => JSON.stringify({ code: 200, data: { taskId, state } });

/** Everything that is known of the attempt but its age. */
async function everything({ row }: { row: () => Promise<object | undefined> }) {
  const { age_ms: _, ...rest } = ((await row()) ?? {}) as { age_ms?: number };
  return rest;
}

const event = (id: string, type = 'video.completed') => JSON.stringify({ id: 'evt_1', type, data: { id } });
function signed(body: string, { at = new Date(), with: key = secret, id = 'evt_1' } = {}) {
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(key).sign(id, at, body),
  };
  return { body, headers };
}
const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000);

describe('POST /callbacks/{account}/{token}', () => {
  it('keeps the callback on its attempt before it answers, redacted, and wakes whoever delivers it', async () => {
    const attempt = await anAttempt();
    woken.length = 0;
    const body = JSON.stringify({
      code: 200,
      data: {
        taskId: 'task_1',
        state: 'success',
        resultJson: '{"resultUrls":["https://r2.test/a.mp4?signature=abc"]}',
        echo: `https://reelay.test/callbacks/apixo/${attempt.token}`,
        key: 'a-key-of-ours',
        padding: 'x'.repeat(100_000),
      },
    });
    expect(await post(`/callbacks/apixo/${attempt.token}`, { body })).toMatchObject({ status: 200, text: '' });
    const row = await attempt.row();
    expect(row).toMatchObject({
      state: 'intended',
      task: null,
      callback_task_id: 'task_1',
      callback_count: 1,
      callback_at: expect.any(Date),
      callback_wakes_wanted: 1,
    });
    const excerpt = row?.callback_excerpt ?? '';
    expect(Buffer.byteLength(excerpt)).toBeLessThanOrEqual(2_000);
    for (const hidden of ['signature=abc', attempt.token, 'a-key-of-ours']) expect(excerpt).not.toContain(hidden);
    expect(woken).toHaveLength(1);
  });

  it('keeps the first of many, counts the others, and lets repetitions wake nobody', async () => {
    const attempt = await anAttempt({ taskId: 'task_2' });
    const path = `/callbacks/apixo/${attempt.token}`;
    for (let sent = 0; sent < 20; sent += 1) await post(path, { body: apixoBody('task_2') });
    expect(await attempt.row()).toMatchObject({ callback_count: 20, callback_wakes_wanted: 1 });
    for (let sent = 0; sent < 20; sent += 1) await post(path, { body: apixoBody(`task_other_${sent}`) });
    expect(await attempt.row()).toMatchObject({
      state: 'accepted',
      task: { id: 'task_2' },
      callback_task_id: 'task_2',
      callback_count: 40,
      callback_wakes_wanted: 5,
    });
  });

  it('changes nothing but its own notes, whatever it says', async () => {
    const attempt = await anAttempt({ taskId: 'task_3' });
    const notes = (row: object) => Object.fromEntries(Object.entries(row).filter(([name]) => !/^callback_/.test(name)));
    const before = notes(await everything(attempt));
    for (const body of [apixoBody('task_3', 'failed'), apixoBody('task_of_somebody'), 'no json', '', '[[[[']) {
      expect(await post(`/callbacks/apixo/${attempt.token}`, { body })).toMatchObject({ status: 200 });
    }
    expect(notes(await everything(attempt))).toEqual(before);
    expect((await (await caller.get(`/api/v1/videos/jobs/${attempt.jobId}`)).json()) as object).toMatchObject({
      status: 'running',
      phase: 'waiting',
    });
  });

  it('wakes nobody when the attempt has ended, and is kept all the same', async () => {
    const attempt = await anAttempt({ taskId: 'task_4' });
    await createAttempts(api.database).recordVerdict({
      jobId: attempt.jobId,
      attempt: 1,
      task: { account: 'apixo', upstreamModel: 'sora-2', id: 'task_4' },
      verdict: { status: 'succeeded', files: [{ url: 'https://r2.test/a.mp4' }] },
    });
    expect(await post(`/callbacks/apixo/${attempt.token}`)).toMatchObject({ status: 200 });
    expect(await attempt.row()).toMatchObject({ callback_count: 1, callback_wakes_wanted: 0 });
  });

  it('says nothing to a wrong token, that of another account, an unknown account, or one that does not call back so', async () => {
    const attempt = await anAttempt();
    const before = await everything(attempt);
    const { token } = attempt;
    const changed = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
    for (const path of [
      `apixo/${changed}`,
      `apixo/${randomBytes(24).toString('base64url')}`,
      `apixo/${token.toLowerCase()}`,
      `apixo/${sha256(token).toString('base64url')}`,
      'apixo/short',
      `apixo/${encodeURIComponent(`${token}' or true --`)}`,
      'apixo/%00',
      'apixo/%E0%A4%A',
      `apixo/${token}/more`,
      'apixo',
      `apixo-2/${token}`,
      `pixazo/${token}`,
      `openai/${token}`,
      `omixa/${token}`,
      `nobody/${token}`,
      `__proto__/${token}`,
      '',
    ]) {
      expect({ path, ...(await post(`/callbacks/${path}`)) }).toMatchObject({ path, ...nothing });
    }
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']) {
      expect(await post(`/callbacks/apixo/${token}`, { method })).toMatchObject(nothing);
    }
    expect(await everything(attempt)).toEqual(before);
  });

  it('refuses a body that is too large or packed, and keeps nothing of it', async () => {
    const attempt = await anAttempt();
    const path = `/callbacks/apixo/${attempt.token}`;
    expect(await post(path, { body: 'x'.repeat(256 * 1024 + 1) })).toMatchObject({ status: 413, text: '' });
    expect(await post(path, { headers: { 'content-encoding': 'gzip' } })).toMatchObject({ status: 415, text: '' });
    expect(await attempt.row()).toMatchObject({ callback_count: 0 });
    expect(await post(path, { body: 'x'.repeat(256 * 1024) })).toMatchObject({ status: 200 });
  });

  it('asks to be called again when the database is away', async () => {
    const run = async () => {
      throw new ServiceError('service_unavailable');
    };
    const received = createCallbacks({ ...api.database, run });
    const away = await startApi({ callbacks: { readers: readers(), received } });
    const token = randomBytes(24).toString('base64url');
    const response = await fetch(new URL(`/callbacks/apixo/${token}`, away.url), { method: 'POST' });
    await away.close();
    expect([response.status, response.headers.get('retry-after'), await response.text()]).toEqual([503, '1', '']);
  });

  it('leaves no token in the log', async () => {
    const attempt = await anAttempt();
    await post(`/callbacks/apixo/${attempt.token}`);
    await post(`/callbacks/apixo/${attempt.token}/more`);
    await post(`/callbacks/pixazo/${attempt.token}`, { method: 'GET' });
    await until(() => lines.some((line) => line.includes('callbacks were refused')));
    const log = lines.join('');
    expect(log).toContain('a provider called back');
    expect(log).not.toContain(attempt.token);
    expect(log).not.toContain('/callbacks/');
  });
});

describe('a flood', () => {
  /** No test waits longer than it must to be refused. */
  const tarPit = createTarPit({ holdMs: 1 });
  const guess = () => `/callbacks/apixo/${randomBytes(36).toString('base64url')}`;

  it('is refused with 429, before the database is asked, and keeps no true callback out', async () => {
    const attempt = await anAttempt({ taskId: 'task_flooded' });
    let asked = 0;
    const callbacks = createCallbacks(api.database);
    const received = {
      ...callbacks,
      knowsToken: (token: Parameters<typeof callbacks.knowsToken>[0]) => {
        asked += 1;
        return callbacks.knowsToken(token);
      },
    };
    const limits = createCallbackLimits({ guessesPerAddress: 20 });
    const flooded = await startApi({ callbacks: { readers: readers(), received, limits, tarPit } });
    const call = (path: string) => fetch(new URL(path, flooded.url), { method: 'POST' });
    const answers = await Promise.all(Array.from({ length: 60 }, () => call(guess())));
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    const [last] = answers.filter(({ status }) => status === 429);
    const askedByGuesses = asked;
    const honest = await call(`/callbacks/apixo/${attempt.token}`);
    await flooded.close();
    expect({ 404: count(404), 429: count(429) }).toEqual({ 404: 20, 429: 40 });
    expect(last?.headers.get('retry-after')).toBe('10');
    expect(askedByGuesses).toBe(20);
    expect(honest.status).toBe(200);
    expect(await attempt.row()).toMatchObject({ callback_count: 1 });
  });

  it('of forged signatures keeps no true one out', async () => {
    const attempt = await anAttempt({ account: 'openai', taskId: 'video_flooded' });
    const limits = createCallbackLimits({ guessesPerAddress: 3 });
    const flooded = await startApi({
      callbacks: { readers: readers(), received: createCallbacks(api.database), limits, tarPit },
    });
    const call = async (sent: { body: string; headers?: Record<string, string> }) =>
      (await fetch(new URL('/callbacks/openai', flooded.url), { method: 'POST', ...sent })).status;
    const forged: number[] = [];
    for (let sent = 0; sent < 5; sent += 1) forged.push(await call({ body: '{}' }));
    const honest = await call(signed(event('video_flooded')));
    await flooded.close();
    expect(forged).toEqual([401, 401, 401, 429, 429]);
    expect(honest).toBe(200);
    expect(await attempt.row()).toMatchObject({ callback_count: 1 });
  });

  it('of anything else at these addresses is refused alike', async () => {
    const limits = createCallbackLimits({ guessesPerAddress: 3 });
    const flooded = await startApi({
      callbacks: { readers: readers(), received: createCallbacks(api.database), limits, tarPit },
    });
    const paths = [
      '/callbacks/nobody/x',
      '/callbacks',
      '/callbacks/apixo/short',
      '/callbacks/a/b/c',
      '/callbacks/nobody',
    ];
    const statuses: number[] = [];
    for (const path of paths) statuses.push((await fetch(new URL(path, flooded.url), { method: 'POST' })).status);
    await flooded.close();
    expect(statuses).toEqual([404, 404, 404, 429, 429]);
  });

  it('is answered late, and cut off where there is no room for more', async () => {
    const limits = createCallbackLimits({ guessesPerAddress: 0 });
    const narrow = createTarPit({ holdMs: 2_000, maxHeld: 3 });
    const flooded = await startApi({
      callbacks: { readers: readers(), received: createCallbacks(api.database), limits, tarPit: narrow },
    });
    const call = async () => {
      const askedAtMs = performance.now();
      const { status } = await fetch(new URL(guess(), flooded.url), { method: 'POST' }).catch(() => ({ status: 0 }));
      return { status, isLate: performance.now() - askedAtMs >= 1_990 };
    };
    const answers = await Promise.all(Array.from({ length: 8 }, call));
    const roomAgain = await call();
    await flooded.close();
    expect(answers.filter(({ status }) => status === 0)).toHaveLength(5);
    expect(answers.filter(({ status, isLate }) => status === 429 && isLate)).toHaveLength(3);
    expect(roomAgain).toEqual({ status: 429, isLate: true });
  });

  it('has an end for each account, also where every callback is true', async () => {
    const { token } = await anAttempt({ taskId: 'task_busy' });
    const limits = createCallbackLimits({ guessesPerAddress: 5, perAccount: 12 });
    const callbacks = { readers: readers(), received: createCallbacks(api.database), limits, tarPit };
    const busy = await startApi({ callbacks });
    const call = async (path: string) => (await fetch(new URL(path, busy.url), { method: 'POST' })).status;
    const statuses: number[] = [];
    for (let sent = 0; sent < 14; sent += 1) statuses.push(await call(`/callbacks/apixo/${token}`));
    const elsewhere = await call(`/callbacks/apixo-2/${token}`);
    await busy.close();
    expect(statuses).toEqual([...Array<number>(12).fill(200), 429, 429]);
    expect(elsewhere).toBe(404);
  });

  it('does not lock out who was told an address before the secret was changed', async () => {
    const { token } = await anAttempt();
    const isMarkedToken = createCallbackTokens('another secret than the one before it').isMarked;
    const callbacks = { readers: readers(), received: createCallbacks(api.database), isMarkedToken };
    const changed = await startApi({ callbacks });
    const response = await fetch(new URL(`/callbacks/apixo/${token}`, changed.url), { method: 'POST' });
    await changed.close();
    expect(response.status).toBe(200);
  });
});

describe('POST /callbacks/{account}, signed', () => {
  it('finds the attempt by its task, and replays within the time wake it once', async () => {
    const attempt = await anAttempt({ account: 'openai', taskId: 'video_1' });
    const call = signed(event('video_1'), { at: ago(200) });
    for (let sent = 0; sent < 20; sent += 1)
      expect(await post('/callbacks/openai', call)).toMatchObject({ status: 200 });
    expect(await attempt.row()).toMatchObject({
      state: 'accepted',
      callback_count: 20,
      callback_wakes_wanted: 1,
      callback_task_id: 'video_1',
    });
  });

  it('takes one of several signatures, as while a secret is renewed', async () => {
    const attempt = await anAttempt({ account: 'openai', taskId: 'video_2' });
    const { body, headers } = signed(event('video_2'));
    const signature = `v1,${randomBytes(32).toString('base64')} ${headers['webhook-signature']} v1a,x`;
    const call = { body, headers: { ...headers, 'webhook-signature': signature } };
    expect(await post('/callbacks/openai', call)).toMatchObject({ status: 200 });
    expect(await attempt.row()).toMatchObject({ callback_count: 1 });
  });

  it('refuses what is unsigned, forged, old, from the future, changed or signed twice, and changes nothing', async () => {
    const attempt = await anAttempt({ account: 'openai', taskId: 'video_3' });
    const before = await everything(attempt);
    const good = signed(event('video_3'));
    const signature = good.headers['webhook-signature'];
    const without = (name: string) => Object.fromEntries(Object.entries(good.headers).filter(([key]) => key !== name));
    const bad: Record<string, Sent> = {
      unsigned: { body: good.body },
      'another secret': signed(good.body, { with: `whsec_${randomBytes(24).toString('base64')}` }),
      'too old': signed(good.body, { at: ago(301) }),
      'from the future': signed(good.body, { at: ago(-330) }),
      'one byte changed': { ...good, body: good.body.replace('video_3', 'video_4') },
      'one byte more': { ...good, body: `${good.body} ` },
      'no UTF-8': { ...good, body: Uint8Array.from([...Buffer.from(good.body), 0xff]) },
      'another id': { ...good, headers: { ...good.headers, 'webhook-id': 'evt_2' } },
      'no id': { ...good, headers: without('webhook-id') },
      'no time': { ...good, headers: without('webhook-timestamp') },
      'no signature': { ...good, headers: without('webhook-signature') },
      'another version': {
        ...good,
        headers: { ...good.headers, 'webhook-signature': signature.replace('v1,', 'v0,') },
      },
      'a signature cut short': { ...good, headers: { ...good.headers, 'webhook-signature': signature.slice(0, -1) } },
      empty: { ...good, body: '' },
    };
    for (const [what, call] of Object.entries(bad)) {
      expect({ what, ...(await post('/callbacks/openai', call)) }).toMatchObject({ what, status: 401, text: '' });
    }
    expect(await everything(attempt)).toEqual(before);
    await until(() => lines.some((line) => /"provider":"openai","status":401,"refused":\d/.test(line)));
  });

  it('refuses a header that comes twice', async () => {
    const attempt = await anAttempt({ account: 'openai', taskId: 'video_5' });
    const { body, headers } = signed(event('video_5'));
    const status = await new Promise<number | undefined>((resolve) => {
      const sent = request(new URL('/callbacks/openai', api.url), { method: 'POST' }, (response) =>
        resolve(response.resume().statusCode),
      );
      for (const [name, value] of Object.entries(headers)) sent.setHeader(name, [value, value]);
      sent.end(body);
    });
    expect(status).toBe(401);
    expect(await attempt.row()).toMatchObject({ callback_count: 0 });
  });

  it('is kept when it comes before the answer to the submit, and wakes the attempt once it is known', async () => {
    const attempt = await anAttempt({ account: 'openai' });
    const callbacks = createCallbacks(api.database);
    for (let sent = 0; sent < 3; sent += 1) await post('/callbacks/openai', signed(event('video_6')));
    await callbacks.adoptEarly();
    expect(await attempt.row()).toMatchObject({ callback_count: 0 });
    await attempt.accept('video_6');
    await callbacks.adoptEarly();
    await callbacks.adoptEarly();
    expect(await attempt.row()).toMatchObject({
      callback_count: 1,
      callback_wakes_wanted: 1,
      callback_task_id: 'video_6',
    });
  });

  it('takes what is about something else, or about nobody’s task, and does nothing', async () => {
    const taken = [event('resp_1', 'response.completed'), event('video_of_nobody'), '{}', '[]', 'no json'];
    for (const body of taken) expect(await post('/callbacks/openai', signed(body))).toMatchObject({ status: 200 });
    const other = await anAttempt({ account: 'apixo', taskId: 'video_7' });
    await post('/callbacks/openai', signed(event('video_7')));
    expect(await other.row()).toMatchObject({ callback_count: 0 });
  });

  it('reads no more than a small body before it knows who it is from', async () => {
    expect(await post('/callbacks/openai', { body: 'x'.repeat(16 * 1024 + 1) })).toMatchObject({ status: 413 });
  });

  it('is no address of an account that does not sign', async () => {
    expect(await post('/callbacks/apixo', signed(event('video_1')))).toMatchObject(nothing);
    expect(await post('/callbacks/omixa', signed(event('video_1')))).toMatchObject(nothing);
  });
});
