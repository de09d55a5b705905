import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { type Stack, startStack } from '../../bench/support/stack.js';
import { createMediaProcess } from '../../media/process.js';
import { findProjectRoot } from '../../runtime/root.js';
import { aRequest, createCaller, type JobAnswer } from '../support/caller.js';
import { anImage } from '../support/images.js';
import { expectOneOfEverything, type World } from '../support/one-of-everything.js';
import { type S3Server, startS3Server } from '../support/s3-server.js';
import { sandboxControl } from '../support/sandbox.js';
import { until } from '../support/until.js';

jest.setTimeout(60_000);

const DAY_MS = 86_400_000;

describe('the whole stack with its files in S3', () => {
  let server: S3Server;
  let stack: Stack;
  let world: World;
  let database: pg.Pool;
  beforeAll(async () => {
    server = await startS3Server();
    stack = await startStack({ SANDBOX_SPEED: '20', ...server.settings('films') });
    database = new pg.Pool({ connectionString: stack.databaseUrl });
    world = { stack, database, caller: createCaller(stack), sandbox: sandboxControl(stack.sandboxUrl) };
  }, 120_000);
  afterAll(async () => {
    await database.end();
    await stack.stop();
    await server.close();
  }, 60_000);
  beforeEach(() => server.intercept(() => undefined));

  const killWorker = () => process.kill(stack.pidOf('worker'), 'SIGKILL');
  const locations = async () => {
    const { rows } = await database.query<{ location: string }>(
      'select location from artifacts where deleted_at is null',
    );
    return rows.map(({ location }) => `films/${location}`).sort();
  };
  const bytesOf = async (response: Response) => Buffer.from(await response.arrayBuffer());
  const linkOf = ({ data }: JobAnswer) => data[0]?.url ?? '';

  it('carries a job to an MP4 that is served in parts, and a still of it', async () => {
    const request = aRequest({ prompt: `a paper boat ${randomUUID()}`, video_operation: 'image_to_video' });
    const job = await world.caller.create({ ...request, start_frame: anImage.dataUrl });
    const ended = await world.caller.untilEnded(job.id);
    await expectOneOfEverything(world, ended);

    const whole = await bytesOf(await fetch(linkOf(ended)));
    const half = Math.floor(whole.length / 2);
    const parts = await Promise.all(
      [`bytes=0-${half - 1}`, `bytes=${half}-`].map((range) => fetch(linkOf(ended), { headers: { range } })),
    );
    expect(parts.map(({ status }) => status)).toEqual([206, 206]);
    const film = Buffer.concat(await Promise.all(parts.map(bytesOf)));
    const path = join(stack.home, 'fetched.mp4');
    writeFileSync(path, film);
    const media = createMediaProcess();
    expect(await media.probeVideo(path)).toMatchObject({ width: 1280, height: 720 });
    await media.close();

    const still = await world.caller.get(`/api/v1/videos/jobs/${job.id}/content?variant=thumbnail`);
    expect([still.status, still.headers.get('content-type')]).toEqual([200, 'image/webp']);
    expect((await bytesOf(still)).length).toBeGreaterThan(1_000);

    expect(stack.artifactsDir).toBe('');
    expect(await locations()).toHaveLength(3);
    expect((await server.keys()).sort()).toEqual(await locations());
  });

  describe('and a film of several parts', () => {
    const prompt = `a long film ${randomUUID()}`;
    beforeAll(async () => {
      const known = readdirSync(join(stack.home, 'clips'));
      await world.caller.untilEnded((await world.caller.create(aRequest({ prompt }))).id);
      const [clip = ''] = readdirSync(join(stack.home, 'clips')).filter((name) => !known.includes(name));
      // Still a whole film: the box says that nothing in it is needed.
      const box = Buffer.alloc(9_000_000);
      box.writeUInt32BE(box.length);
      box.write('free', 4);
      appendFileSync(join(stack.home, 'clips', clip), box);
      // It keeps what it has served in memory.
      const pid = stack.pidOf('sandbox');
      process.kill(pid, 'SIGKILL');
      await until(
        async () => stack.pidOf('sandbox') !== pid && (await fetch(`${stack.sandboxUrl}/_sandbox/health`)).ok,
      );
    });

    async function expectWhole(job: JobAnswer): Promise<void> {
      const ended = await world.caller.untilEnded(job.id);
      const film = await bytesOf(await fetch(linkOf(ended)));
      expect(film.length).toBeGreaterThan(9_000_000);
      expect(ended).toMatchObject({
        status: 'succeeded',
        attempts: 1,
        data: [{ bytes: film.length, sha256: createHash('sha256').update(film).digest('hex') }],
      });
      expect((await server.keys()).sort()).toEqual(await locations());
    }

    it('stores it once when the worker dies half-way through the upload, and when it dies as S3 puts the parts together', async () => {
      for (const [method, wanted] of [
        ['PUT', 'partNumber'],
        ['POST', 'uploadId'],
      ] as const) {
        let isKilled = false;
        server.intercept(({ method: asked, query }) => {
          const isIt = asked === method && query.has(wanted) && query.get('partNumber') !== '1';
          if (isIt && !isKilled) {
            isKilled = true;
            killWorker();
          }
          return undefined;
        });
        await expectWhole(await world.caller.create(aRequest({ prompt })));
        expect([method, isKilled]).toEqual([method, true]);
      }
    });

    it('clears away what dead workers left and what belongs to nobody, and nothing else', async () => {
      expect(server.unfinishedUploads()).toBe(1);
      const stray = 'films/ab/abcdefghij.mp4';
      await fetch(`${server.url}/${server.bucket}/${stray}`, { method: 'PUT', body: 'nobody knows me' });
      const owned = await locations();
      for (const key of [...owned, stray]) server.age(key, 2 * DAY_MS);

      killWorker();

      await until(async () => !(await server.keys()).includes(stray) && server.unfinishedUploads() === 0);
      expect((await server.keys()).sort()).toEqual(owned);
    });
  });

  it.each(['api', 'worker'])('ends the %s at its start, and says why, when the bucket is not there', async (part) => {
    const settings = { ...server.settings('films'), ARTIFACTS_URL: 's3://no-such-bucket/films' };
    const { databaseUrl: DATABASE_URL, temporalAddress: TEMPORAL_ADDRESS } = stack;
    const main = join(findProjectRoot(), 'dist', part, 'main.js');
    const LINK_SECRET = randomUUID();
    const env = { ...process.env, NODE_OPTIONS: '', DATABASE_URL, TEMPORAL_ADDRESS, LINK_SECRET, ...settings };
    const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const said = text(child.stderr);
    const [code] = await once(child, 'exit');

    expect(code).toBe(1);
    expect(await said).toContain('s3://no-such-bucket/films/ cannot be used: NoSuchBucket');
  });
});
