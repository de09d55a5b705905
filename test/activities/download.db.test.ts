import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ActivityDeps } from '../../activities/deps.js';
import { downloadResult } from '../../activities/download-result.js';
import { createDiskStore } from '../../artifacts/disk-store.js';
import type { GuardedFetch } from '../../artifacts/guarded-fetch.js';
import type { ProviderTask } from '../../contract/provider.js';
import { MediaError } from '../../media/media-error.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { aFastStartVideo } from '../artifacts/builders.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { scriptedProvider } from '../support/scripted-provider.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const task: ProviderTask = { account: 'first', upstreamModel: 'model-1', id: 'task-1' };
const facts = { width: 1280, height: 720, durationSeconds: 8, framesPerSecond: 24 };

describe('downloadResult', () => {
  let database: Database;
  let close: () => Promise<void>;
  let folder: string;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
  });
  afterAll(() => close());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reelay-artifacts-'));
    return () => rm(folder, { recursive: true, force: true });
  });

  /** Answers what stands under an address; anything else is gone. */
  const fetchOf = (files: Record<string, Buffer>): GuardedFetch => ({
    async get({ url }) {
      const file = files[url];
      return {
        status: file ? 200 : 403,
        headers: { 'content-length': String(file?.length ?? 0) },
        body: (async function* () {
          if (file) yield file;
        })(),
        discard() {},
      };
    },
    post: () => Promise.reject(new Error('a download posts nothing')),
    close: async () => {},
  });

  async function aFinishedJob({
    urls,
    size,
    variants = 1,
  }: {
    urls: string[];
    size?: { width: number; height: number };
    variants?: number;
  }) {
    const owner = await aWorkspace(database, { credits: 1 });
    const aJob = aNewJob(owner);
    const { job } = await createJobs(database).accept({ ...aJob, request: { ...aJob.request, size, variants } });
    const deps = activityDeps(database, { store: createDiskStore(pathToFileURL(folder)) });
    await deps.attempts.intend({ jobId: job.id, attempt: 1, route: aRoute() });
    await deps.attempts.recordSubmission({ jobId: job.id, attempt: 1, submission: { outcome: 'accepted', task } });
    const files = urls.map((url) => ({ url }));
    await deps.attempts.recordVerdict({ jobId: job.id, attempt: 1, task, verdict: { status: 'succeeded', files } });
    const run = (given: Partial<ActivityDeps>) => {
      const input = { jobId: job.id, attempt: 1, task, timeoutMs: 5_000, lookTimeoutMs: 1_000 };
      return runActivity(downloadResult, { ...deps, ...given }, input);
    };
    return { run, videos: () => deps.artifacts.videosOf(job.id) };
  }
  const notAsked = () => {
    throw new Error('not asked for');
  };
  const media = (probeVideo: ActivityDeps['media']['probeVideo']) => ({
    media: {
      drawClip: async () => {},
      drawThumbnail: async () => {},
      drawSpritesheet: async () => {},
      extractFrame: notAsked,
      joinVideos: notAsked,
      close: async () => {},
      probeVideo,
    },
  });
  const storedFiles = async () => (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.mp4'));

  it('stores the file once, however often it runs', async () => {
    const { run, videos } = await aFinishedJob({ urls: ['https://files.example/a'] });
    const given = {
      providers: scriptedProvider({}).providers,
      fetchGuarded: fetchOf({ 'https://files.example/a': aFastStartVideo() }),
      ...media(async () => facts),
    };
    expect(await run(given)).toEqual({ kind: 'stored' });
    expect(await run(given)).toEqual({ kind: 'stored' });
    expect(await videos()).toMatchObject([
      { variant: 0, bytes: aFastStartVideo().length, duration_seconds: 8, content_type: 'video/mp4' },
    ]);
    expect(await storedFiles()).toHaveLength(1);
  });

  it('asks for a fresh address when the kept one has expired', async () => {
    const { run, videos } = await aFinishedJob({ urls: ['https://files.example/old'] });
    const look = async () => ({ status: 'succeeded' as const, files: [{ url: 'https://files.example/new' }] });
    const { providers, calls } = scriptedProvider({ look });
    const fetchGuarded = fetchOf({ 'https://files.example/new': aFastStartVideo() });
    expect(await run({ providers, fetchGuarded, ...media(async () => facts) })).toEqual({ kind: 'stored' });
    expect(calls.looks).toBe(1);
    expect(await videos()).toHaveLength(1);
  });

  it('keeps no file of another size than was asked for', async () => {
    const { run, videos } = await aFinishedJob({
      urls: ['https://files.example/a'],
      size: { width: 720, height: 1280 },
    });
    const given = {
      providers: scriptedProvider({}).providers,
      fetchGuarded: fetchOf({ 'https://files.example/a': aFastStartVideo() }),
      ...media(async () => facts),
    };
    expect(await run(given)).toEqual({ kind: 'result_lost' });
    expect(await videos()).toEqual([]);
    expect(await storedFiles()).toEqual([]);
  });

  it('keeps the files there are of several, and no more than were asked for', async () => {
    const urls = ['https://files.example/a', 'https://files.example/gone', 'https://files.example/b'];
    const { run, videos } = await aFinishedJob({ urls, variants: 2 });
    const look = async () => ({ status: 'succeeded' as const, files: urls.map((url) => ({ url })) });
    const fetchGuarded = fetchOf({
      'https://files.example/a': aFastStartVideo(),
      'https://files.example/b': aFastStartVideo(),
    });
    const given = { providers: scriptedProvider({ look }).providers, fetchGuarded, ...media(async () => facts) };
    expect(await run(given)).toEqual({ kind: 'stored' });
    expect((await videos()).map(({ variant }) => variant)).toEqual([0]);
  });

  it('is run again when the machine, and not the file, was the trouble', async () => {
    const { run, videos } = await aFinishedJob({ urls: ['https://files.example/a'] });
    const given = {
      providers: scriptedProvider({}).providers,
      fetchGuarded: fetchOf({ 'https://files.example/a': aFastStartVideo() }),
    };
    const trouble = media(async () => {
      throw new MediaError('crashed', 'the media process ended');
    });
    await expect(run({ ...given, ...trouble })).rejects.toMatchObject({ type: 'RESULT_INVALID' });
    expect(await run({ ...given, ...media(async () => facts) })).toEqual({ kind: 'stored' });
    expect(await videos()).toHaveLength(1);
  });
});
