import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createCanvas } from '@napi-rs/canvas';
import { imageSize } from 'image-size';
import OpenAI, { toFile } from 'openai';
import pg from 'pg';
import { type Stack, startStack } from '../../bench/support/stack.js';
import type { VideoFacts } from '../../contract/artifact.js';
import { createMediaProcess, type MediaProcess } from '../../media/process.js';
import { type DialectDemo, dialectDemos } from '../../standalone/demo-dialects.js';
import { createServedDemo } from '../../standalone/demo-served.js';
import { createCaller } from '../support/caller.js';
import { sandboxControl } from '../support/sandbox.js';

jest.setTimeout(90_000);

let stack: Stack;
let database: pg.Pool;
let caller: ReturnType<typeof createCaller>;
let sandbox: ReturnType<typeof sandboxControl>;
let media: MediaProcess;
let folder: string;
beforeAll(async () => {
  // At once, and one clip for all prompts: what is looked at here are words and lengths, not pictures.
  stack = await startStack({ SANDBOX_SPEED: '0' });
  database = new pg.Pool({ connectionString: stack.databaseUrl });
  caller = createCaller(stack);
  sandbox = sandboxControl(stack.sandboxUrl);
  media = createMediaProcess();
  folder = mkdtempSync(join(tmpdir(), 'reelay-dialects-'));
}, 120_000);
afterAll(async () => {
  await media.close();
  await database.end();
  await stack.stop();
  rmSync(folder, { recursive: true });
}, 60_000);

async function factsOf(bytes: ArrayBuffer): Promise<VideoFacts> {
  const file = join(folder, `${crypto.randomUUID()}.mp4`);
  await writeFile(file, Buffer.from(bytes));
  return media.probeVideo(file);
}

const suffixOf = (id: string) => id.slice(id.indexOf('_'));

/** Where a job is read in each dialect, whoever made it; the model is part of APIXO's address. */
const readAt = (suffix: string, model: string): Record<string, string> => ({
  native: `/api/v1/videos/jobs/job${suffix}`,
  omixa: `/api/v1/videos/jobs/status?operation=job${suffix}`,
  pixazo: `/v2/requests/status/sora-video${suffix}`,
  apixo: `/api/v1/statusTask/${model}?taskId=task${suffix}`,
  globalaiopc: `/v1/sora/videos/sora${suffix}`,
  openai: `/v1/videos/video${suffix}`,
});

describe.each(Object.entries(dialectDemos))('the API of %s', (_name, demo: DialectDemo) => {
  it('makes a real video for a client of that vendor, whose job every other dialect can read', async () => {
    const { apiUrl, apiKey } = stack;
    const served = createServedDemo({ demo, apiUrl, apiKey, show: () => undefined });

    const id = await served.create();
    const video = await served.untilDone(id);

    const file = join(folder, `${id}.mp4`);
    await served.save(video, file);
    const job = await caller.job(`job${suffixOf(id)}`);
    const { body } = demo.create as { body: { seconds?: number | string; input?: { duration: number } } };
    const seconds = Number(body.input?.duration ?? body.seconds);
    expect(await media.probeVideo(file)).toMatchObject({ width: 1280, height: 720, durationSeconds: seconds });
    expect(readFileSync(file)).toHaveLength(job.data[0]?.bytes ?? 0);

    const headers = { authorization: `Bearer ${apiKey}`, 'ocp-apim-subscription-key': apiKey };
    const { rows } = await database.query<{ model: string }>('select model from jobs where id = $1', [job.id]);
    for (const [dialect, path] of Object.entries(readAt(suffixOf(id), rows[0]?.model ?? ''))) {
      const response = await fetch(new URL(path, apiUrl), { headers });
      expect({ dialect, status: response.status }).toEqual({ dialect, status: 200 });
      expect(await response.text()).toMatch(/"(succeeded|COMPLETED|success|completed)"/);
    }
  });

  it('is driven as a provider too', async () => {
    const { request, provider } = demo.spoken;
    const prompt = `driven ${crypto.randomUUID()}`;

    const job = await caller.untilEnded((await caller.create({ ...request, prompt, wait_seconds: 0 })).id);

    expect(job).toMatchObject({ status: 'succeeded', provider, attempts: 1 });
    const accounts = (await sandbox.ledger({ promptIncludes: prompt, call: 'submit' })).map(({ account }) => account);
    expect(accounts).toEqual([provider === 'openai-compatible' ? 'openai' : provider]);
  });
});

describe('the openai package, as it is', () => {
  const frame = createCanvas(1280, 720).encodeSync('png');
  let client: OpenAI;
  beforeAll(() => {
    client = new OpenAI({ apiKey: stack.apiKey, baseURL: `${stack.apiUrl}/v1`, maxRetries: 0 });
  });
  const untilDone = async (id: string) => {
    for (;;) {
      const video = await client.videos.retrieve(id);
      if (video.status !== 'queued' && video.status !== 'in_progress') return video;
      await pause(100);
    }
  };
  const download = async (id: string, variant: 'video' | 'thumbnail' | 'spritesheet') => {
    const response = await client.videos.downloadContent(id, { variant });
    return { type: response.headers.get('content-type'), bytes: await response.arrayBuffer() };
  };

  it('creates from an image, polls, downloads all three renditions, lists, remixes, extends and deletes', async () => {
    const input = await toFile(frame, 'frame.png', { type: 'image/png' });
    const created = await client.videos.create({
      model: 'sora-2',
      prompt: 'the boat from the picture',
      seconds: '4',
      size: '1280x720',
      input_reference: input,
    });
    expect(created).toMatchObject({ object: 'video', status: 'queued', seconds: '4', size: '1280x720' });
    const video = await untilDone(created.id);
    expect(video).toMatchObject({ status: 'completed', progress: 100, error: null });

    const file = await download(video.id, 'video');
    expect(file.type).toBe('video/mp4');
    expect(await factsOf(file.bytes)).toMatchObject({ width: 1280, height: 720, durationSeconds: 4 });
    const thumbnail = await download(video.id, 'thumbnail');
    expect(thumbnail.type).toBe('image/webp');
    expect(imageSize(new Uint8Array(thumbnail.bytes))).toMatchObject({ type: 'webp', width: 1280, height: 720 });
    const spritesheet = await download(video.id, 'spritesheet');
    expect(spritesheet.type).toBe('image/jpeg');
    expect(imageSize(new Uint8Array(spritesheet.bytes))).toMatchObject({ type: 'jpg' });

    const plain = await client.videos.create({ prompt: 'another boat', seconds: '4', size: '1280x720' });
    const ids: string[] = [];
    for await (const listed of client.videos.list({ limit: 1, order: 'desc' })) {
      ids.push(listed.id);
      if (listed.id === video.id) break;
    }
    expect(ids[0]).toBe(plain.id);
    expect(ids.at(-1)).toBe(video.id);

    await untilDone(plain.id);
    const remixed = await untilDone((await client.videos.remix(plain.id, { prompt: 'by night' })).id);
    expect(remixed).toMatchObject({ status: 'completed', remixed_from_video_id: plain.id, seconds: '4' });
    const extended = await untilDone(
      (await client.videos.extend({ prompt: 'and on', seconds: '8', video: { id: plain.id } })).id,
    );
    expect(extended).toMatchObject({ status: 'completed', seconds: '12' });
    expect(await factsOf((await download(extended.id, 'video')).bytes)).toMatchObject({ durationSeconds: 12 });

    expect(await client.videos.delete(plain.id)).toEqual({ id: plain.id, deleted: true, object: 'video.deleted' });
    await expect(client.videos.retrieve(plain.id)).rejects.toMatchObject({ status: 404 });
  });
});

describe('a native follow-up', () => {
  it.each(['omixa', 'openai-compatible'])(
    'at %s adds what it was asked for, and only that is charged',
    async (provider) => {
      const model = provider === 'omixa' ? 'sora' : 'sora-2';
      const source = await caller.create({ model, prompt: 'a boat', seconds: 4, size: '1280x720', wait_seconds: 0 });
      expect(await caller.untilEnded(source.id)).toMatchObject({ status: 'succeeded', provider });

      const extension = await caller.create({
        model,
        prompt: 'and on',
        video_operation: 'extend',
        source_video: source.id,
        seconds: 8,
        wait_seconds: 0,
      });
      const extended = await caller.untilEnded(extension.id);

      expect(extended).toMatchObject({ status: 'succeeded', provider, cost: { captured: '0.800000' } });
      expect(extended.data[0]).toMatchObject({ width: 1280, height: 720, duration_seconds: 12 });

      const remix = await caller.create({
        model,
        prompt: 'by night',
        video_operation: 'remix',
        source_video: source.id,
        wait_seconds: 0,
      });
      const remixed = await caller.untilEnded(remix.id);
      expect(remixed).toMatchObject({ status: 'succeeded', provider, cost: { captured: '0.400000' } });
      expect(remixed.data[0]).toMatchObject({ duration_seconds: 4 });
    },
  );
});

describe('an image', () => {
  it.each([
    ['sora-2-stable', 'globalaiopc', 10, {}],
    ['sora-2', 'apixo', 10, { routing: 'value' }],
    ['sora-2-pro', 'pixazo', 4, {}],
  ])('of a job for %s reaches %s in the form that it takes', async (model, provider, seconds, more) => {
    const image = `data:image/png;base64,${createCanvas(1280, 720).encodeSync('png').toString('base64')}`;

    const job = await caller.create({ model, prompt: 'the picture moves', seconds, image, wait_seconds: 0, ...more });

    expect(await caller.untilEnded(job.id)).toMatchObject({ status: 'succeeded', provider, attempts: 1 });
  });
});

describe('a model that its provider calls gone', () => {
  it('is made elsewhere, and not asked for there again', async () => {
    const promptIncludes = `gone ${crypto.randomUUID()}`;
    const request = { model: 'sora-2-pro', prompt: promptIncludes, seconds: 8, size: '1280x720', wait_seconds: 0 };
    await sandbox.script({ account: 'pixazo', call: 'submit', fault: 'refuse', reason: 'model_gone', promptIncludes });

    const first = await caller.untilEnded((await caller.create(request)).id);
    expect(first).toMatchObject({ status: 'succeeded', provider: 'openai-compatible', attempts: 2 });
    await untilTripped('pixazo');
    const second = await caller.untilEnded((await caller.create(request)).id);

    expect(second).toMatchObject({ status: 'succeeded', provider: 'openai-compatible', attempts: 1 });
    const asked = await sandbox.ledger({ promptIncludes, call: 'submit', account: 'pixazo' });
    expect(asked.map(({ outcome }) => outcome)).toEqual(['refused']);
  });

  /** Every process hears of it within about a second; until then the worker passes the route over. */
  async function untilTripped(account: string): Promise<void> {
    for (;;) {
      const { providers } = await quote();
      if (providers[0] !== account) return;
      await pause(100);
    }
  }

  async function quote() {
    const wanted = { model: 'sora-2-pro', prompt: 'a boat', seconds: 8, size: '1280x720' };
    const response = await caller.post('/api/v1/videos/quote', wanted);
    return (await response.json()) as { providers: string[] };
  }
});

describe('the commands of docs/api.md', () => {
  it('run as printed, one after the other', async () => {
    const page = readFileSync('docs/api.md', 'utf8');
    const blocks = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, commands = '']) => commands).slice(1);
    // What a person does who reads on: waits for the end of the job whose file is fetched next.
    const untilDone = 'until curl -sS "$REELAY_URL/api/v1/videos/jobs/$JOB" -H "Authorization: Bearer $REELAY_KEY"';
    const waiting = `${untilDone} | grep -q succeeded; do sleep 0.1; done\n`;
    const commands = blocks.map((block) => (block.includes('-o boat.mp4') ? waiting + block : block));
    await writeFile(join(folder, 'lake.png'), createCanvas(1280, 720).encodeSync('png'));

    const { stdout } = await promisify(execFile)('bash', ['-euc', commands.join('\nprintf "\\036"\n')], {
      cwd: folder,
      env: { ...process.env, REELAY_URL: stack.apiUrl, REELAY_KEY: stack.apiKey },
    });

    const answers = stdout.split('\u001e');
    expect(answers).toHaveLength(blocks.length);
    for (const [index, answer] of answers.entries()) {
      expect({ command: blocks[index], answer }).toEqual({
        command: blocks[index],
        answer: expect.not.stringMatching(/urn:reelay:error/),
      });
    }
    expect((await media.probeVideo(join(folder, 'boat.mp4'))).durationSeconds).toBeGreaterThan(0);
  });
});
