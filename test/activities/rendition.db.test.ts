import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import type { ActivityDeps } from '../../activities/deps.js';
import { makeRendition, type RenditionInput } from '../../activities/make-rendition.js';
import { createDiskStore } from '../../artifacts/disk-store.js';
import { newArtifactKey, storeBytes } from '../../artifacts/store.js';
import { MediaError } from '../../media/media-error.js';
import { createMediaProcess, type MediaProcess } from '../../media/process.js';
import { createLogger } from '../../runtime/logger.js';
import type { Database } from '../../store/database.js';
import { createJobs } from '../../store/jobs.js';
import { createHousekeeping } from '../../worker/housekeeping.js';
import { aDrawnClip } from '../media/drawn-clip.js';
import { lookAtPicture } from '../media/picture.js';
import { activityDeps } from '../support/activities.js';
import { aNewJob } from '../support/jobs.js';
import { aRoute } from '../support/plans.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

const facts = { width: 320, height: 180, durationSeconds: 1, framesPerSecond: 20 };
const retryPolicy = { maximumAttempts: 3 };

jest.setTimeout(30_000);

/** Draws in the compiled media process, so it needs a build. */
describe('makeRendition', () => {
  let database: Database;
  let close: () => Promise<void>;
  let folder: string;
  let media: MediaProcess;
  let clip: Buffer;
  let deps: ActivityDeps;
  beforeAll(async () => {
    ({ database, close } = await openTestDatabase());
    folder = await mkdtemp(join(tmpdir(), 'reelay-renditions-'));
    media = createMediaProcess({ maxConcurrent: 1 });
    clip = await aDrawnClip();
    deps = activityDeps(database, { store: createDiskStore(pathToFileURL(folder)), media });
  });
  afterAll(async () => {
    await Promise.all([close(), media.close(), rm(folder, { recursive: true })]);
  });

  async function aFinishedJob({ bytes = clip, isSettled = true }: { bytes?: Uint8Array; isSettled?: boolean } = {}) {
    const owner = await aWorkspace(database, { credits: 1 });
    const { job } = await createJobs(database).accept(aNewJob(owner));
    const jobId = job.id;
    const task = { account: 'first', upstreamModel: 'model-1', id: jobId };
    await deps.attempts.intend({ jobId, attempt: 1, route: aRoute() });
    await deps.attempts.recordSubmission({ jobId, attempt: 1, submission: { outcome: 'accepted', task } });
    const stored = await storeBytes(deps.store, { key: newArtifactKey('mp4'), bytes });
    const video = { variant: 0, stored, contentType: 'video/mp4', facts, retentionDays: 30 };
    await deps.artifacts.addVideo({ jobId, ...video });
    if (isSettled) await deps.settlement.settle({ jobId, state: 'succeeded', providerCancel: null });
    return {
      jobId,
      key: stored.key,
      remove: () => createJobs(database).remove({ id: jobId, workspaceId: owner.workspaceId }),
      events: () => database.queries.selectFrom('job_events').where('job_id', '=', jobId).select('sequence').execute(),
    };
  }
  const run = (input: RenditionInput, { attempt = 1, ...given }: Partial<ActivityDeps> & { attempt?: number } = {}) =>
    new MockActivityEnvironment({ attempt, retryPolicy }).run(() => makeRendition({ ...deps, ...given }, input));
  const files = async () =>
    (await readdir(folder, { recursive: true, withFileTypes: true })).filter((it) => it.isFile());
  const failing = (reason: MediaError['reason']) => {
    const fail = () => Promise.reject(new MediaError(reason, 'as the test wants it'));
    return { media: { ...media, drawThumbnail: fail, drawSpritesheet: fail } };
  };

  it.each([
    { kind: 'thumbnail', type: 'webp', contentType: 'image/webp', width: 320, height: 180 },
    { kind: 'spritesheet', type: 'jpg', contentType: 'image/jpeg', width: 1_600, height: 720 },
  ] as const)('keeps a $kind as long as its video, once, however often it runs', async (expected) => {
    const { kind, contentType, ...size } = expected;
    const { jobId, events } = await aFinishedJob();
    const before = { files: await files(), events: await events() };

    expect(await run({ jobId, variant: 0, kind })).toEqual({ kind: 'made' });
    const row = await deps.artifacts.rendition({ jobId, variant: 0, role: kind });
    expect(await run({ jobId, variant: 0, kind }, failing('failed'))).toEqual({ kind: 'made' });

    const [video] = await deps.artifacts.videosOf(jobId);
    expect(row).toMatchObject({ content_type: contentType, role: kind, variant: 0, expires_at: video?.expires_at });
    expect(await deps.artifacts.rendition({ jobId, variant: 0, role: kind })).toEqual(row);
    expect(await deps.store.describe(row?.location ?? '')).toMatchObject({ bytes: row?.bytes, sha256: row?.sha256 });
    expect(await deps.store.withLocalFile(row?.location ?? '', lookAtPicture)).toMatchObject(size);
    expect(await files()).toHaveLength(before.files.length + 1);
    expect(await events()).toEqual(before.events);
  });

  it('writes the row of a file that a run stored before it died', async () => {
    const { jobId } = await aFinishedJob();
    const dying = { ...deps.artifacts, addRendition: () => Promise.reject(new Error('the process ends here')) };
    await expect(run({ jobId, variant: 0, kind: 'thumbnail' }, { artifacts: dying })).rejects.toThrow('ends here');
    const count = (await files()).length;

    expect(await run({ jobId, variant: 0, kind: 'thumbnail' }, failing('failed'))).toEqual({ kind: 'made' });

    expect(await deps.artifacts.rendition({ jobId, variant: 0, role: 'thumbnail' })).toBeDefined();
    expect(await files()).toHaveLength(count);
  });

  it('finds it impossible where there is no video, or nothing that can be drawn', async () => {
    const kind = 'thumbnail';
    const noVideo = await aFinishedJob({ bytes: Buffer.from('these bytes are no video') });
    const lost = await aFinishedJob();
    await deps.store.remove(lost.key);
    const count = (await files()).length;

    const impossible = { kind: 'impossible' };
    expect(await run({ jobId: noVideo.jobId, variant: 0, kind })).toEqual(impossible);
    expect(await run({ jobId: lost.jobId, variant: 0, kind })).toEqual(impossible);
    expect(await run({ jobId: noVideo.jobId, variant: 1, kind })).toEqual(impossible);
    expect(await run({ jobId: 'job_none', variant: 0, kind })).toEqual(impossible);
    expect(await files()).toHaveLength(count);
  });

  it('keeps nothing of a job that is not finished, or is deleted while it draws', async () => {
    const kind = 'thumbnail';
    const open = await aFinishedJob({ isSettled: false });
    const deleted = await aFinishedJob();
    const count = (await files()).length;
    const drawThumbnail: MediaProcess['drawThumbnail'] = async (drawing) => {
      await media.drawThumbnail(drawing);
      await deleted.remove();
    };

    const outcomes = [
      await run({ jobId: open.jobId, variant: 0, kind }),
      await run({ jobId: deleted.jobId, variant: 0, kind }, { media: { ...media, drawThumbnail } }),
    ];

    expect(outcomes).toEqual([{ kind: 'impossible' }, { kind: 'impossible' }]);
    expect(await deps.artifacts.rendition({ jobId: deleted.jobId, variant: 0, role: kind })).toBeUndefined();
    expect(await files()).toHaveLength(count);
  });

  it('is tried again when its process is killed, and gives the video up with the last try', async () => {
    const { jobId } = await aFinishedJob();
    const input = { jobId, variant: 0, kind: 'spritesheet' } as const;
    // Far too little time: the child is killed while it works.
    const hurried = createMediaProcess({ timeoutMs: 1 });
    const attempt = (number: number) => run(input, { media: hurried, attempt: number });

    await expect(attempt(1)).rejects.toMatchObject({ reason: 'timed_out' });
    await expect(attempt(2)).rejects.toMatchObject({ reason: 'timed_out' });
    expect(await attempt(3)).toEqual({ kind: 'impossible' });
    await hurried.close();
    expect(await run(input)).toEqual({ kind: 'made' });
  });

  it.each(['failed', 'closed'] as const)('never blames the video for trouble of our own: %s', async (reason) => {
    const { jobId } = await aFinishedJob();
    const last = run({ jobId, variant: 0, kind: 'thumbnail' }, { ...failing(reason), attempt: 3 });
    await expect(last).rejects.toMatchObject({ reason });
  });

  it('is cleared away with its video when the job is deleted', async () => {
    const { jobId, remove } = await aFinishedJob();
    await run({ jobId, variant: 0, kind: 'thumbnail' });
    const row = await deps.artifacts.rendition({ jobId, variant: 0, role: 'thumbnail' });
    expect(await deps.store.stat(row?.location ?? '')).toBeDefined();

    await remove();
    const { artifacts, store } = deps;
    const logger = createLogger('test', 'silent');
    await createHousekeeping({
      artifacts,
      store,
      logger,
      unfinishedFilesLiveMs: 60_000,
      unownedFilesLiveMs: 60_000,
    }).tidy();

    expect(await deps.store.stat(row?.location ?? '')).toBeUndefined();
    expect((await deps.artifacts.rendition({ jobId, variant: 0, role: 'thumbnail' }))?.deleted_at).not.toBeNull();
  });
});
