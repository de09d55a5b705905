import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { startSandbox } from '../support/sandbox.js';
import { until } from '../support/until.js';
import {
  type ApixoAnswer,
  apixoCaller,
  apixoTask,
  bodyOf,
  type GlobalaiopcVideo,
  globalaiopcCaller,
  globalaiopcTask,
  type OmixaJob,
  type OpenaiVideo,
  omixaCaller,
  omixaJob,
  openaiCaller,
  openaiVideo,
  type PixazoAnswer,
  pixazoCaller,
  pixazoTask,
} from './callers.js';

// The first run draws the clips that are the shortest of each vendor.
jest.setTimeout(60_000);

type Script = Parameters<Awaited<ReturnType<typeof startSandbox>>['control']['script']>[0];
type Look = { status: string; fileUrl?: string | undefined };
type Caller = {
  submit(prompt: string): Promise<Response>;
  idOf(submitted: Response): Promise<string | undefined>;
  look(id: string): Promise<Response>;
  read(look: Response): Promise<Look>;
  download(id: string, fileUrl: string | undefined): Promise<Response>;
};
type Speech = {
  name: string;
  caller: (url: string) => Caller;
  /** What it answers to a key, a balance and a model that do not do. */
  auth: [number, object];
  balance: [number, object];
  gone: [number, object];
  done: string;
};

const HANG_SEEN_AFTER_MS = 300;
const fetchFile = (_: string, fileUrl: string | undefined) => fetch(fileUrl ?? '');

const speeches: Speech[] = [
  {
    name: 'Omixa',
    caller: (url) => {
      const { submit, look } = omixaCaller(url);
      return {
        submit: (prompt) => submit(omixaJob({ prompt })),
        idOf: async (response) => (await bodyOf<OmixaJob>(response)).operation,
        look,
        read: async (response) => {
          const { status, data } = await bodyOf<OmixaJob>(response);
          return { status, fileUrl: data[0]?.url };
        },
        download: fetchFile,
      };
    },
    auth: [401, { error: { code: 'invalid_api_key' } }],
    balance: [402, { error: { code: 'insufficient_balance' } }],
    gone: [404, { error: { code: 'model_not_found' } }],
    done: 'succeeded',
  },
  {
    name: 'APIXO',
    caller: (url) => {
      const { submit, look } = apixoCaller(url);
      return {
        submit: (prompt) => submit(apixoTask({ prompt })),
        idOf: async (response) => (await bodyOf<ApixoAnswer>(response)).data.taskId,
        look: (id) => look(id),
        read: async (response) => {
          const { state, resultJson } = (await bodyOf<ApixoAnswer>(response)).data;
          return { status: state, fileUrl: state === 'success' ? JSON.parse(resultJson).resultUrls[0] : undefined };
        },
        download: fetchFile,
      };
    },
    auth: [401, { code: 401, data: null }],
    balance: [400, { code: 400, message: 'Insufficient credits', data: null }],
    gone: [404, { code: 404, data: null }],
    done: 'success',
  },
  {
    name: 'Pixazo',
    caller: (url) => {
      const { submit, look } = pixazoCaller(url);
      return {
        submit: (prompt) => submit(pixazoTask({ prompt })),
        idOf: async (response) => (await bodyOf<PixazoAnswer>(response)).request_id,
        look,
        read: async (response) => {
          const { status, output } = await bodyOf<PixazoAnswer>(response);
          return { status, fileUrl: output?.media_url[0] };
        },
        download: fetchFile,
      };
    },
    auth: [401, { error: 'Unauthorized', message: expect.any(String) }],
    balance: [402, { error: 'Insufficient Balance', message: expect.any(String) }],
    gone: [400, { error: 'Model not found', message: "Model 'sora-video' not found or is disabled" }],
    done: 'COMPLETED',
  },
  {
    name: 'GlobalAIOPC',
    caller: (url) => {
      const { submit, look } = globalaiopcCaller(url);
      return {
        submit: (prompt) => submit(globalaiopcTask({ prompt })),
        idOf: async (response) => (await bodyOf<GlobalaiopcVideo>(response)).id,
        look,
        read: async (response) => {
          const { status, video_url: fileUrl } = await bodyOf<GlobalaiopcVideo>(response);
          return { status, fileUrl };
        },
        download: fetchFile,
      };
    },
    auth: [401, { error: { code: 'invalid_api_key' } }],
    balance: [402, { error: { code: 'insufficient_balance' } }],
    gone: [404, { error: { code: 'model_not_found' } }],
    done: 'completed',
  },
  {
    name: 'OpenAI',
    caller: (url) => {
      const { submit, look, content } = openaiCaller(url);
      return {
        submit: (prompt) => submit(openaiVideo({ prompt })),
        idOf: async (response) => (await bodyOf<OpenaiVideo>(response)).id,
        look,
        read: async (response) => ({ status: (await bodyOf<OpenaiVideo>(response)).status }),
        download: (id) => content(id),
      };
    },
    auth: [401, { error: { code: 'invalid_api_key' } }],
    balance: [429, { error: { type: 'insufficient_quota', code: 'insufficient_quota' } }],
    gone: [404, { error: { code: 'model_not_found' } }],
    done: 'completed',
  },
];

describe.each(speeches)('a scripted fault at $name', ({ caller: callerAt, auth, balance, gone, done }) => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  let caller: Caller;
  beforeAll(async () => {
    sandbox = await startSandbox();
    caller = callerAt(sandbox.url);
  });
  afterAll(() => sandbox.close());

  const planned = async (script: Omit<Script, 'promptIncludes'>) => {
    const prompt = `a boat ${randomUUID()}`;
    await sandbox.control.script({ ...script, promptIncludes: prompt });
    return prompt;
  };
  const submitted = async (prompt: string) => (await caller.idOf(await caller.submit(prompt))) ?? '';
  const looked = async (id: string) => caller.read(await caller.look(id));
  const finished = async (prompt: string) => {
    const id = await submitted(prompt);
    const { fileUrl } = await until(async () => {
      const look = await looked(id);
      return look.status === done && look;
    }, 20);
    return { id, download: () => caller.download(id, fileUrl) };
  };
  const hangs = (call: Promise<Response>) =>
    Promise.race([
      call.then(
        () => false,
        () => false,
      ),
      new Promise<boolean>((resolve) => void setTimeout(() => resolve(true), HANG_SEEN_AFTER_MS)),
    ]);

  it.each<[string, [number, object]]>([
    ['auth', auth],
    ['balance', balance],
    ['model_gone', gone],
    ['invalid', [400, {}]],
    ['moderation', [400, {}]],
  ])('refuses for the reason %s in its own words', async (reason, [status, body]) => {
    const prompt = await planned({ call: 'submit', fault: 'refuse', reason });
    const response = await caller.submit(prompt);
    expect([response.status, await response.json()]).toMatchObject([status, body]);
    expect(await sandbox.control.counts({ promptIncludes: prompt })).toMatchObject({ submissions: 1, accepted: 0 });
  });

  it('of a submit leaves it open whether a task exists', async () => {
    const limited = await caller.submit(await planned({ call: 'submit', fault: 'rate_limit', retryAfterSeconds: 7 }));
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7']);
    const isJson = (response: Response) => response.headers.get('content-type')?.includes('json');
    expect(isJson(await caller.submit(await planned({ call: 'submit', fault: 'garbage' })))).toBe(false);
    expect((await caller.submit(await planned({ call: 'submit', fault: 'server_error' }))).status).toBe(500);

    const silent = await planned({ call: 'submit', fault: 'accept_then_hang' });
    expect(await hangs(caller.submit(silent))).toBe(true);
    const cut = await planned({ call: 'submit', fault: 'accept_then_drop' });
    await expect(caller.submit(cut)).rejects.toThrow();
    const nameless = await planned({ call: 'submit', fault: 'accept_without_id' });
    const response = await caller.submit(nameless);
    expect(response.ok).toBe(true);
    expect(await response.text()).not.toMatch(/_[0-9a-f]{8}|operations\//);
    for (const promptIncludes of [silent, cut, nameless]) {
      expect(await sandbox.control.counts({ promptIncludes })).toMatchObject({ submissions: 1, accepted: 1 });
    }
  });

  it('finishes a task at once, or stalls it', async () => {
    await sandbox.control.speed(0.01);
    const id = await submitted(await planned({ call: 'submit', fault: 'finished_at_once' }));
    expect((await looked(id)).status).toBe(done);
    await sandbox.control.speed(0);
    const stalled = await looked(await submitted(await planned({ call: 'submit', fault: 'stall' })));
    expect([done, 'failed', 'FAILED', 'ERROR']).not.toContain(stalled.status);
  });

  it('of a look passes by', async () => {
    const id = await submitted(await planned({ call: 'look', fault: 'unknown_status' }));
    expect((await looked(id)).status.toLowerCase()).toBe('warming_up');
    const failing = await submitted(await planned({ call: 'look', fault: 'server_error' }));
    expect((await caller.look(failing)).status).toBe(500);
    expect((await caller.look(failing)).status).toBe(200);
    const cut = await submitted(await planned({ call: 'look', fault: 'drop' }));
    await expect(caller.look(cut)).rejects.toThrow();
  });

  it('keeps a finished file back for as many tries as it says', async () => {
    const { id, download } = await finished(await planned({ call: 'submit', fault: 'succeed_without_url', looks: 1 }));
    const isThere = async () => (await download().catch(() => undefined))?.status === 200;
    expect(await isThere()).toBe(false);
    const { fileUrl } = await looked(id);
    expect((await caller.download(id, fileUrl)).status).toBe(200);
  });

  it('of a download cuts, empties, slows or withholds the file', async () => {
    const { download } = await finished(`a boat ${randomUUID()}`);
    const whole = (await (await download()).arrayBuffer()).byteLength;
    const withFault = async (fault: string) => finished(await planned({ call: 'download', fault }));

    const cut = await withFault('truncate');
    const response = await cut.download();
    expect(response.headers.get('content-length')).toBe(String(whole));
    await expect(response.arrayBuffer()).rejects.toThrow();
    expect((await (await cut.download()).arrayBuffer()).byteLength).toBe(whole);
    const short = await (await withFault('truncate_without_length')).download();
    expect((await short.arrayBuffer()).byteLength).toBe(Math.floor(whole / 2));
    expect((await (await (await withFault('empty')).download()).arrayBuffer()).byteLength).toBe(0);
    expect((await (await withFault('html')).download()).headers.get('content-type')).toContain('text/html');
    expect((await (await withFault('server_error')).download()).status).toBe(500);

    const expired = await withFault('expired');
    expect((await expired.download()).ok).toBe(false);
    const { fileUrl } = await looked(expired.id);
    expect((await caller.download(expired.id, fileUrl)).status).toBe(200);
  });

  it('ends a stalled task late, after so many looks or so much time', async () => {
    const looks = await submitted(await planned({ call: 'submit', fault: 'stall', looks: 2 }));
    const seen = [await looked(looks), await looked(looks)].map(({ status }) => status);
    expect(seen).not.toContain(done);
    await until(async () => (await looked(looks)).status === done, 20);
    const time = await submitted(await planned({ call: 'submit', fault: 'stall', seconds: 1.5 }));
    expect((await looked(time)).status).not.toBe(done);
    await until(async () => (await looked(time)).status === done, 20);
  });

  it('takes back that a task is done, for as many looks as it says', async () => {
    const id = await submitted(await planned({ call: 'submit', fault: 'goes_back', looks: 2 }));
    await until(async () => (await looked(id)).status === done, 20);
    const seen = [await looked(id), await looked(id), await looked(id)].map(({ status }) => status === done);
    expect(seen).toEqual([false, false, true]);
  });

  it.each(['huge_body', 'gzip_bomb', 'deep_nesting', 'drip_headers', 'drip_body'])(
    'answers a submit and a look with %s, and has made the task',
    async (fault) => {
      const prompt = await planned({ call: 'submit', fault });
      const giveUp = new AbortController();
      const answer = caller.submit(prompt).then(
        (response) => firstBytes(response, giveUp.signal),
        () => 'cut',
      );
      await until(async () => (await sandbox.control.counts({ promptIncludes: prompt })).accepted === 1, 20);
      const id = await submitted(await planned({ call: 'look', fault }));
      const look = caller.look(id).then(
        (response) => firstBytes(response, giveUp.signal),
        () => 'cut',
      );
      const isDrip = fault.startsWith('drip');
      const read = Promise.all([answer, look]);
      if (isDrip) expect(await hangs(read.then(() => new Response()))).toBe(true);
      giveUp.abort();
      if (!isDrip) expect(await read).toEqual(['read', 'read']);
      expect((await caller.look(id)).status).toBe(200);
    },
  );

  it('of a download has no end, is a picture, or goes on as another film', async () => {
    const { download } = await finished(`a boat ${randomUUID()}`);
    const whole = Buffer.from(await (await download()).arrayBuffer());
    const withFault = async (fault: string) => finished(await planned({ call: 'download', fault }));

    const huge = await (await withFault('huge')).download();
    expect(huge.headers.get('content-length')).toBe(String(10 * 1024 ** 3));
    expect((await headOf(huge, whole.length + 100)).subarray(0, whole.length).equals(whole)).toBe(true);
    const endless = await (await withFault('endless')).download();
    expect(endless.headers.get('content-length')).toBeNull();
    expect((await headOf(endless, 4 * whole.length)).length).toBeGreaterThan(3 * whole.length);
    const picture = await (await withFault('image')).download();
    expect(picture.headers.get('content-type')).toBe('video/mp4');
    expect(Buffer.from(await picture.arrayBuffer()).toString('latin1', 1, 4)).toBe('PNG');

    const swapped = await withFault('swap');
    await expect((await swapped.download()).arrayBuffer()).rejects.toThrow();
    const other = Buffer.from(await (await swapped.download()).arrayBuffer());
    expect(other.equals(whole)).toBe(false);
    expect(other.toString('latin1', 4, 8)).toBe('ftyp');
  });

  it('tells of another file at each look, and both can be had', async () => {
    const { id, download } = await finished(await planned({ call: 'submit', fault: 'two_results' }));
    const first = Buffer.from(await (await download()).arrayBuffer());
    const { fileUrl } = await looked(id);
    const second = Buffer.from(await (await caller.download(id, fileUrl)).arrayBuffer());
    expect(second.equals(first)).toBe(false);
  });
});

/** Enough of a body to know that it comes. */
async function headOf(response: Response, bytes: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece);
    length += piece.length;
    if (length >= bytes) break;
  }
  return Buffer.concat(pieces);
}

/** Reads a body whole, whatever becomes of it when it is unpacked. */
async function firstBytes(response: Response, signal: AbortSignal): Promise<string> {
  for await (const _ of response.body ?? []) if (signal.aborted) break;
  return 'read';
}

it('of a list passes by', async () => {
  const sandbox = await startSandbox();
  const openai = openaiCaller(sandbox.url);
  await sandbox.control.script({ call: 'list', fault: 'server_error', account: 'openai' });
  expect([(await openai.call('')).status, (await openai.call('')).status]).toEqual([500, 200]);
  await sandbox.control.script({ call: 'list', fault: 'drop' });
  await expect(openai.call('')).rejects.toThrow();
  const entries = await sandbox.control.ledger({ call: 'list' });
  expect(entries.map(({ outcome }) => outcome)).toEqual(['server_error', 'listed', 'drop']);
  await sandbox.close();
});
