import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { ActivityDeps } from '../../activities/deps.js';
import { downloadResult } from '../../activities/download-result.js';
import { submitGeneration } from '../../activities/submit-generation.js';
import { createDiskStore } from '../../artifacts/disk-store.js';
import { newArtifactKey, storeBytes } from '../../artifacts/store.js';
import type { Generation, Operation } from '../../contract/generation.js';
import { createMediaProcess, type MediaProcess } from '../../media/process.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { aDrawnClip } from '../media/drawn-clip.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { aNewJob } from '../support/jobs.js';
import { aPlan, aRoute } from '../support/plans.js';
import { scriptedProvider } from '../support/scripted-provider.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

jest.setTimeout(60_000);

const route = { ...aRoute(), isBridged: true as const };
const task = { account: route.account, upstreamModel: route.upstreamModel, id: 'task-2' };
const retentionDays = 30;
const contentType = 'video/mp4';

/** Works in the compiled media process, so it needs a build. */
describe('a follow-up that is bridged', () => {
  let database: Database;
  let close: () => Promise<void>;
  let folder: string;
  let media: MediaProcess;
  let clip: Buffer;
  let deps: ActivityDeps;
  let facts: Awaited<ReturnType<MediaProcess['probeVideo']>>;
  /** Whether the pictures of each join were made anew. */
  const reencoded: boolean[] = [];
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
    folder = await mkdtemp(join(tmpdir(), 'reelay-bridge-'));
    media = createMediaProcess({ maxConcurrent: 1 });
    clip = await aDrawnClip();
    const joinVideos: MediaProcess['joinVideos'] = async (...asked) => {
      const joined = await media.joinVideos(...asked);
      reencoded.push(joined.reencoded);
      return joined;
    };
    const store = createDiskStore(pathToFileURL(folder));
    deps = activityDeps(database, { store, media: { ...media, joinVideos } });
    const stored = await storeBytes(deps.store, { key: newArtifactKey('mp4'), bytes: clip });
    facts = await deps.store.withLocalFile(stored.key, (path) => media.probeVideo(path));
  });
  afterAll(async () => {
    await Promise.all([close(), media.close(), rm(folder, { recursive: true })]);
  });

  async function aFollowUp(operation: Operation, { hasSource = true } = {}) {
    const owner = await aWorkspace(database, { credits: 2 });
    const jobs = createJobs(database);
    const { job: source } = await jobs.accept(aNewJob(owner));
    await deps.attempts.intend({ jobId: source.id, attempt: 1, route: aRoute() });
    const stored = await storeBytes(deps.store, { key: newArtifactKey('mp4'), bytes: clip });
    await deps.artifacts.addVideo({ jobId: source.id, variant: 0, stored, contentType, facts, retentionDays });
    const [video] = await deps.artifacts.videosOf(source.id);
    if (!hasSource) await deps.store.remove(stored.key);

    const asked = aNewJob(owner);
    const sourceVideo = { jobId: source.id, artifactId: video?.id, durationSeconds: facts.durationSeconds };
    const inputs = { references: [], sourceVideo };
    const request = { ...asked.request, operation, size: { width: facts.width, height: facts.height }, inputs };
    const { job } = await jobs.accept({ ...asked, request, plan: { ...aPlan(), routes: [route] } });
    return job.id;
  }

  async function submit(jobId: string) {
    const sent: Generation[] = [];
    const { providers } = scriptedProvider({
      submit: async (generation) => {
        sent.push(generation);
        return { outcome: 'accepted', task };
      },
    });
    const outcome = await runActivity(
      submitGeneration,
      { ...deps, providers },
      { jobId, attempt: 1, route, timeoutMs: 5_000 },
    );
    return { outcome, sent };
  }

  async function download(jobId: string) {
    const files = [{ url: 'https://files.example/continued' }];
    await deps.attempts.recordVerdict({ jobId, attempt: 1, task, verdict: { status: 'succeeded', files } });
    const { providers } = scriptedProvider({});
    const fetchGuarded = {
      get: async () => ({
        status: 200,
        headers: { 'content-length': String(clip.length) },
        body: (async function* () {
          yield clip;
        })(),
        discard() {},
      }),
      post: () => Promise.reject(new Error('a download posts nothing')),
      close: async () => {},
    };
    const input = { jobId, attempt: 1, task, timeoutMs: 20_000, lookTimeoutMs: 1_000 };
    return runActivity(downloadResult, { ...deps, providers, fetchGuarded }, input);
  }

  it.each(['extend', 'remix'] as const)('is sent as the animation of a still: %s', async (operation) => {
    const jobId = await aFollowUp(operation);

    const { outcome, sent } = await submit(jobId);

    expect(outcome).toMatchObject({ kind: 'accepted' });
    expect(sent).toMatchObject([
      { operation: 'image_to_video', inputs: { references: [], firstFrame: { contentType: 'image/png' } } },
    ]);
    expect(sent[0]?.inputs).not.toHaveProperty('sourceVideo');
  });

  it.each([
    ['extend', 'last'],
    ['remix', 'first'],
  ] as const)('animates, for %s, the %s frame', async (operation, at) => {
    const jobId = await aFollowUp(operation);
    const source = await deps.artifacts.sourceOf(jobId);
    const expected = await deps.store.withLocalFile(source?.location ?? '', (path) =>
      deps.store.withScratchFile('png', async (to) => {
        await media.extractFrame({ path, to, at, format: 'png' });
        return readFile(to);
      }),
    );

    const { sent } = await submit(jobId);

    expect(Buffer.compare(Buffer.from(sent[0]?.inputs.firstFrame?.bytes ?? []), expected)).toBe(0);
  });

  it('sends nothing when the source is gone', async () => {
    const { outcome, sent } = await submit(await aFollowUp('extend', { hasSource: false }));

    expect([outcome.kind, sent]).toEqual(['not_sent', []]);
  });

  it('stores an extension joined to its source, once, and nothing beside it', async () => {
    const jobId = await aFollowUp('extend');
    await submit(jobId);

    expect(await download(jobId)).toEqual({ kind: 'stored' });
    expect(await download(jobId)).toEqual({ kind: 'stored' });

    const [video, ...others] = await deps.artifacts.videosOf(jobId);
    expect(others).toEqual([]);
    const expected = 2 * facts.durationSeconds - 1 / facts.framesPerSecond;
    expect(video?.duration_seconds).toBeCloseTo(expected, 2);
    const measured = await deps.store.withLocalFile(video?.location ?? '', (path) => media.probeVideo(path));
    expect(measured.durationSeconds).toBeCloseTo(expected, 2);
    // Both are of one encoder, so no picture is touched.
    expect(reencoded).toContain(false);
    expect(reencoded).not.toContain(true);
  });

  it('stores a remix as it was made', async () => {
    const jobId = await aFollowUp('remix');
    await submit(jobId);

    expect(await download(jobId)).toEqual({ kind: 'stored' });
    expect(await deps.artifacts.videosOf(jobId)).toMatchObject([{ bytes: clip.length }]);
  });

  it('has no result when its source goes before the two are joined', async () => {
    const jobId = await aFollowUp('extend');
    await submit(jobId);
    const source = await deps.artifacts.sourceOf(jobId);
    await deps.store.remove(source?.location ?? '');

    expect(await download(jobId)).toEqual({ kind: 'result_lost' });
    expect(await deps.artifacts.videosOf(jobId)).toEqual([]);
  });
});
