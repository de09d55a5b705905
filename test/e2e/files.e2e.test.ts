import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { residentBytes } from '../../bench/support/memory.js';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { createMediaProcess } from '../../media/process.js';
import { pictureOf } from '../sandbox/web.js';
import { createCaller } from '../support/caller.js';
import { until } from '../support/until.js';

jest.setTimeout(180_000);

const MEGABYTE = 1_000_000;
const UPLOADS = 8;
const UPLOAD_BYTES = 90 * MEGABYTE;
const PIECE_BYTES = 64 * 1024;
/** What the api may hold for each upload: a few pieces on their way, however large the file. */
const MOST_BYTES_PER_UPLOAD = 16 * MEGABYTE;

type FileAnswer = { id: string; content_type: string; bytes: number; sha256: string; duration_seconds?: number };

/** A clip, followed by a box of nothing that makes the file as long as wanted: streamed, so that nobody holds it whole. */
async function* aLongVideo(clip: Buffer, { bytes, seed }: { bytes: number; seed: number }): AsyncGenerator<Uint8Array> {
  yield clip;
  const header = Buffer.alloc(8);
  header.writeUInt32BE(bytes - clip.length, 0);
  header.write('free', 4, 'latin1');
  yield header;
  for (let left = bytes - clip.length - header.length; left > 0; left -= PIECE_BYTES) {
    yield Buffer.alloc(Math.min(left, PIECE_BYTES), seed);
  }
}

async function* inForm(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield Buffer.from('--b\r\ncontent-disposition: form-data; name="file"; filename="clip.mp4"\r\n\r\n');
  yield* pieces;
  yield Buffer.from('\r\n--b--\r\n');
}

describe('files on the whole stack', () => {
  let stack: Stack;
  let clip: Buffer;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reelay-files-'));
    const media = createMediaProcess();
    const path = join(folder, 'clip.mp4');
    await media.drawClip({
      path,
      width: 320,
      height: 180,
      seconds: 1,
      framesPerSecond: 12,
      title: 'clip',
      prompt: 'a boat',
      detail: '',
    });
    clip = await readFile(path);
    await media.close();
    await rm(folder, { recursive: true });
    stack = await startStack();
  });
  afterAll(() => stack.stop());

  const headers = () => ({ authorization: `Bearer ${stack.apiKey}` });

  async function upload(pieces: AsyncIterable<Uint8Array>, more: Record<string, string> = {}): Promise<FileAnswer> {
    const init = {
      method: 'POST',
      headers: { ...headers(), ...more },
      body: ReadableStream.from(pieces),
      duplex: 'half',
    };
    const response = await fetch(new URL('/api/v1/files', stack.apiUrl), init as RequestInit);
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    return (await response.json()) as FileAnswer;
  }

  it(`takes ${UPLOADS} videos of ${UPLOAD_BYTES / MEGABYTE} MB at once and holds none of them in memory`, async () => {
    await upload(aLongVideo(clip, { bytes: MEGABYTE, seed: 99 }));
    const pid = stack.pidOf('api');
    const before = residentBytes(pid);
    let highest = before;
    const watch = setInterval(() => {
      highest = Math.max(highest, residentBytes(pid));
    }, 20);

    const files = await Promise.all(
      Array.from({ length: UPLOADS }, (_, seed) => {
        const pieces = aLongVideo(clip, { bytes: UPLOAD_BYTES, seed });
        return seed % 2 === 0
          ? upload(pieces)
          : upload(inForm(pieces), { 'content-type': 'multipart/form-data; boundary=b' });
      }),
    );
    clearInterval(watch);

    for (const file of files) {
      expect(file).toMatchObject({ content_type: 'video/mp4', bytes: UPLOAD_BYTES, width: 320, height: 180 });
      expect(file.duration_seconds).toBeCloseTo(1, 1);
    }
    expect(new Set(files.map(({ sha256 }) => sha256)).size).toBe(UPLOADS);
    const grown = highest - before;
    process.stdout.write(
      `uploads: ${UPLOADS} × ${UPLOAD_BYTES / MEGABYTE} MB at once; the api held ${Math.round(before / MEGABYTE)} MB before and at ` +
        `most ${Math.round(grown / MEGABYTE)} MB more (${Math.round(grown / UPLOADS / MEGABYTE)} MB for each)\n`,
    );
    if (!Number.isNaN(grown)) expect(grown).toBeLessThan(UPLOADS * MOST_BYTES_PER_UPLOAD);
  });

  it('carries a job that begins with a file, also after the file is deleted', async () => {
    const caller = createCaller(stack);
    const picture = pictureOf(1280, 720);
    const { id } = await upload(
      (async function* () {
        yield picture;
      })(),
    );
    const job = await caller.create({ model: 'sora', prompt: 'a boat from a file', seconds: 4, start_frame: id });
    const deleted = await fetch(new URL(`/api/v1/files/${id}`, stack.apiUrl), { method: 'DELETE', headers: headers() });
    expect(deleted.status).toBe(204);

    expect(await caller.untilEnded(job.id)).toMatchObject({ status: 'succeeded' });
  });

  it('knows nothing of a video that is none', async () => {
    const broken = Buffer.concat([clip.subarray(0, 40), Buffer.alloc(100_000)]);
    await expect(
      upload(
        (async function* () {
          yield broken;
        })(),
      ),
    ).rejects.toThrow(/400.*no video/);
  });

  it('leaves half a file to the sweep when the api is killed while it is sent', async () => {
    const folder = join(stack.home, 'artifacts', 'tmp');
    const unfinished = async () => (await readdir(folder).catch(() => [])).length;
    const before = await unfinished();
    let mayEnd = () => {};
    const ending = new Promise<void>((resolve) => {
      mayEnd = resolve;
    });
    const sending = upload(
      (async function* () {
        yield* aLongVideo(clip, { bytes: 2 * MEGABYTE, seed: 7 });
        await ending;
      })(),
    ).catch(() => 'cut');
    await until(async () => (await unfinished()) > before, 10);

    process.kill(stack.pidOf('api'), 'SIGKILL');
    mayEnd();

    expect(await sending).toBe('cut');
    const list = async () => fetch(new URL('/api/v1/files?limit=100', stack.apiUrl), { headers: headers() });
    const answer = await until(async () => {
      const response = await list();
      return response.ok && ((await response.json()) as { data: FileAnswer[] });
    });
    expect(answer.data.filter(({ bytes }) => bytes === 2 * MEGABYTE)).toEqual([]);
    expect(await unfinished()).toBe(before + 1);
  });
});
