import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createActivities } from '../../activities/index.js';
import { type ContentAccess, findContent } from '../../api/content.js';
import { createLinkSigner } from '../../artifacts/signed-links.js';
import type { ContentKind } from '../../contract/artifact.js';
import { createMediaProcess, type MediaProcess } from '../../media/process.js';
import { createTemporalClient } from '../../runtime/temporal.js';
import { createArtifacts } from '../../store/artifacts.js';
import { createJobs } from '../../store/jobs.js';
import { aDrawnClip } from '../media/drawn-clip.js';
import { activityDeps } from '../support/activities.js';
import { type Api, startApi } from '../support/api.js';
import { createJob, livesOf } from '../support/lives.js';
import { startRenditionWorld } from '../support/rendition-world.js';

jest.setTimeout(60_000);

/** The worker's own activity makes them, in the compiled media process. */
describe('the stills of a video', () => {
  const signer = createLinkSigner('a secret of this test, long enough for links');
  let api: Api;
  let media: MediaProcess;
  let world: Awaited<ReturnType<typeof startRenditionWorld>>;
  let caller: Awaited<ReturnType<Api['addWorkspace']>>;
  let clip: Buffer;
  let drawings = 0;
  let drawInstead: (() => Promise<void>) | undefined;
  beforeAll(async () => {
    api = await startApi();
    caller = await api.addWorkspace();
    clip = await aDrawnClip();
    media = createMediaProcess({ maxConcurrent: 1 });
    const drawThumbnail: MediaProcess['drawThumbnail'] = (drawing) => {
      drawings += 1;
      return drawInstead ? drawInstead() : media.drawThumbnail(drawing);
    };
    const deps = activityDeps(api.database, { store: api.store, media: { ...media, drawThumbnail } });
    world = await startRenditionWorld(createActivities(deps).media);
  });
  afterEach(() => {
    drawings = 0;
    drawInstead = undefined;
  });
  afterAll(async () => {
    await world.close();
    await media.close();
    await api.close();
  });

  async function aFinishedJob(bytes: Uint8Array = clip): Promise<string> {
    const id = await createJob(caller);
    await livesOf(api).succeed(id, bytes);
    return id;
  }
  type Asked = { kind?: ContentKind; index?: number; access?: ContentAccess; temporal?: typeof world.client };
  const get = (jobId: string, { index = 0, access, temporal, ...more }: Asked = {}) => {
    const own: ContentAccess = { kind: 'workspace', workspaceId: caller.workspaceId };
    const { database, store } = api;
    const links = { artifactLinks: 'proxy' } as const;
    const deps = { jobs: createJobs(database), artifacts: createArtifacts(database), store, signer, ...links };
    const request = { jobId, index, access: access ?? own, ...more };
    return findContent({ ...deps, temporal: temporal ?? world.client }, request);
  };
  const bytesOf = async (content: Awaited<ReturnType<typeof get>>) => {
    const pieces = await (await content.open())?.toArray();
    return Buffer.concat(pieces ?? []);
  };

  it('are made when somebody first asks, and found from then on, also while Temporal is away', async () => {
    const id = await aFinishedJob();
    const made = await get(id, { kind: 'thumbnail' });
    const away = createTemporalClient({ TEMPORAL_ADDRESS: '127.0.0.1:9', TEMPORAL_NAMESPACE: 'default' });
    const found = await get(id, { kind: 'thumbnail', temporal: away });
    await away.connection.close();

    expect(made).toMatchObject({ contentType: 'image/webp', fileName: `${id}.webp` });
    expect(await bytesOf(made)).toHaveLength(made.bytes);
    expect([found.sha256, found.bytes]).toEqual([made.sha256, made.bytes]);
    expect(drawings).toBe(1);
  });

  it('are of the kind that is asked for', async () => {
    const id = await aFinishedJob();
    const [sheet, thumbnail, video] = [
      await get(id, { kind: 'spritesheet' }),
      await get(id, { kind: 'thumbnail' }),
      await get(id, { kind: 'video' }),
    ];
    expect(sheet).toMatchObject({ contentType: 'image/jpeg', fileName: `${id}.jpg` });
    expect(thumbnail).toMatchObject({ contentType: 'image/webp', fileName: `${id}.webp` });
    expect(video).toMatchObject({ contentType: 'video/mp4', fileName: `${id}.mp4`, bytes: clip.length });
  });

  it('are made once for all who ask at the same time', async () => {
    const id = await aFinishedJob();
    const all = await Promise.all(Array.from({ length: 8 }, () => get(id, { kind: 'thumbnail' })));
    expect(new Set(all.map(({ sha256 }) => sha256)).size).toBe(1);
    expect(drawings).toBe(1);
  });

  it('are shown to whoever may see the video, and nobody else', async () => {
    const id = await aFinishedJob();
    const stranger = await api.addWorkspace();
    const expiresAtSeconds = Math.ceil(Date.now() / 1_000) + 60;
    const signature = signer.sign({ id, index: 0, expiresAtSeconds });
    const link = { kind: 'link', expiresAtSeconds, signature } as const;

    const foreign = get(id, {
      kind: 'thumbnail',
      access: { kind: 'workspace', workspaceId: stranger.workspaceId },
    });
    await expect(foreign).rejects.toMatchObject({ code: 'not_found' });
    const forged = get(id, { kind: 'thumbnail', access: { ...link, expiresAtSeconds: expiresAtSeconds + 1 } });
    await expect(forged).rejects.toMatchObject({ code: 'link_invalid' });
    expect(drawings).toBe(0);
    expect((await get(id, { kind: 'thumbnail', access: link })).contentType).toBe('image/webp');
  });

  it('are gone with the video, and are not there before it', async () => {
    const open = await createJob(caller);
    await expect(get(open, { kind: 'thumbnail' })).rejects.toMatchObject({ code: 'content_not_ready' });

    const id = await aFinishedJob();
    await get(id, { kind: 'thumbnail' });
    await expect(get(id, { kind: 'thumbnail', index: 1 })).rejects.toMatchObject({ code: 'not_found' });
    const past = new Date(Date.now() - 1_000);
    const { queries } = api.database;
    await queries.updateTable('artifacts').set({ expires_at: past }).where('job_id', '=', id).execute();
    await expect(get(id, { kind: 'thumbnail' })).rejects.toMatchObject({ code: 'content_gone' });
  });

  it('are made at another try when the media process was killed at its work', async () => {
    const id = await aFinishedJob();
    const hurried = createMediaProcess({ timeoutMs: 1 });
    drawInstead = () => {
      drawInstead = undefined;
      return hurried.drawThumbnail({ path: 'none.mp4', to: 'none.webp' });
    };
    expect((await get(id, { kind: 'thumbnail' })).contentType).toBe('image/webp');
    await hurried.close();
    expect(drawings).toBe(2);
  });

  it('are nothing where nothing can be drawn', async () => {
    const id = await aFinishedJob(Buffer.from('these bytes are no video'));
    await expect(get(id, { kind: 'thumbnail' })).rejects.toMatchObject({ code: 'not_found' });
  });

  it('can be asked for again when they could not be made this time', async () => {
    const id = await aFinishedJob();
    drawInstead = () => Promise.reject(new Error('the disk is full'));
    const failed = get(id, { kind: 'thumbnail' });
    await expect(failed).rejects.toMatchObject({ code: 'content_not_ready', retryAfterSeconds: 5 });
    drawInstead = undefined;
    expect((await get(id, { kind: 'thumbnail' })).contentType).toBe('image/webp');
  });

  it('are not ready when they take longer than a caller should wait, and go on being made', async () => {
    const id = await aFinishedJob();
    let finish = () => {};
    drawInstead = () =>
      new Promise((_, reject) => {
        finish = () => reject(new Error('tried again, and then at once'));
      });
    const askedAt = performance.now();
    const slow = get(id, { kind: 'thumbnail' });
    await expect(slow).rejects.toMatchObject({ code: 'content_not_ready', retryAfterSeconds: 5 });
    expect(performance.now() - askedAt).toBeGreaterThan(19_000);

    drawInstead = undefined;
    finish();
    expect((await get(id, { kind: 'thumbnail' })).contentType).toBe('image/webp');
    expect(drawings).toBe(2);
  });

  it('cannot be made while Temporal is away, which the video does not need', async () => {
    const id = await aFinishedJob();
    const away = createTemporalClient({ TEMPORAL_ADDRESS: '127.0.0.1:9', TEMPORAL_NAMESPACE: 'default' });
    const refused = get(id, { kind: 'thumbnail', temporal: away });
    await expect(refused).rejects.toMatchObject({ code: 'service_unavailable', retryAfterSeconds: 5 });
    expect((await get(id, { temporal: away })).fileName).toBe(`${id}.mp4`);
    await away.connection.close();
  });
});
