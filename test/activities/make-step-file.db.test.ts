import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ActivityDeps } from '../../activities/deps.js';
import { makeStepFile } from '../../activities/make-step-file.js';
import { createDiskStore } from '../../artifacts/disk-store.js';
import { type ArtifactStore, newArtifactKey, storeBytes } from '../../artifacts/store.js';
import { MediaError } from '../../media/media-error.js';
import { newId } from '../../runtime/ids.js';
import type { Database } from '../../store/database.js';
import { createPipelineProgress } from '../../store/pipeline-progress.js';
import { createPipelines } from '../../store/pipelines.js';
import { activityDeps, runActivity } from '../support/activities.js';
import { aNewPipeline, aStep } from '../support/pipelines.js';
import { aWorkspace, openTestDatabase } from '../support/store.js';

describe('makeStepFile', () => {
  let database: Database;
  let closeDatabase: () => Promise<void>;
  let folder: string;
  let store: ArtifactStore;
  beforeAll(async () => {
    ({ database, close: closeDatabase } = await openTestDatabase());
    folder = await mkdtemp(join(tmpdir(), 'reelay-step-'));
    store = createDiskStore(pathToFileURL(folder));
  });
  afterAll(async () => {
    await closeDatabase();
    await rm(folder, { recursive: true });
  });

  /** A step that takes a still of another's video, which is there. */
  async function aStill(extractFrame: ActivityDeps['media']['extractFrame']) {
    const pipeline = aNewPipeline(await aWorkspace(database, { credits: 1 }), {
      steps: [
        aStep('film', 'concat', { definition: { sources: [] } }),
        aStep('still', 'frame', { definition: { source: 'film' } }),
      ],
    });
    const { id: pipelineId } = pipeline;
    await createPipelines(database).accept(pipeline);
    const progress = createPipelineProgress(database);
    await progress.start({ pipelineId, run: 1 });
    const {
      key: location,
      bytes,
      sha256,
    } = await storeBytes(store, { key: newArtifactKey('mp4'), bytes: Buffer.from('a film') });
    const facts = { width: 64, height: 64, durationSeconds: 2, framesPerSecond: 24, retentionDays: 30 };
    const artifact = {
      id: newId('art'),
      role: 'video' as const,
      location,
      bytes,
      sha256,
      contentType: 'video/mp4',
      ...facts,
    };
    await progress.begin({ pipelineId, step: 'film' });
    await progress.succeed({ pipelineId, step: 'film', run: 1, artifact });
    await progress.begin({ pipelineId, step: 'still' });
    const { media, ...deps } = activityDeps(database, { store });
    const run = () =>
      runActivity(makeStepFile, { ...deps, media: { ...media, extractFrame } }, { pipelineId, step: 'still' });
    return { run, artifactId: artifact.id, step: () => progress.step({ pipelineId, step: 'still' }) };
  }
  const taken: ActivityDeps['media']['extractFrame'] = async ({ to }) => {
    await writeFile(to, 'a still');
    return { width: 64, height: 64, atSeconds: 2 };
  };

  it('keeps the still once, also when it runs again', async () => {
    let calls = 0;
    const still = await aStill((extraction) => {
      calls += 1;
      return taken(extraction);
    });
    expect(await still.run()).toMatchObject({ name: 'still', state: 'succeeded', errorCode: null });
    expect(await still.run()).toMatchObject({ state: 'succeeded' });
    expect(calls).toBe(1);
    expect((await still.step())?.artifact_id).toMatch(/^art_/);
  });

  it('ends the step as media_failed when nothing can be taken of the file', async () => {
    const still = await aStill(async () => {
      throw new MediaError('not_a_video', 'of the file itself');
    });
    expect(await still.run()).toMatchObject({ state: 'failed', errorCode: 'media_failed' });
    expect((await still.step())?.error_detail).toBe('The file could not be made: not_a_video.');
  });

  it('leaves the step as it is when the trouble is the machine’s, to be tried again', async () => {
    const still = await aStill(async () => {
      throw new MediaError('failed', 'no space');
    });
    await expect(still.run()).rejects.toThrow('no space');
    expect(await still.step()).toMatchObject({ state: 'running', error_code: null });
  });

  it('ends the step as content_gone when its source is no longer kept', async () => {
    const still = await aStill(taken);
    await database.queries
      .updateTable('artifacts')
      .set({ deleted_at: new Date() })
      .where('id', '=', still.artifactId)
      .execute();
    expect(await still.run()).toMatchObject({ state: 'failed', errorCode: 'content_gone' });
  });
});
