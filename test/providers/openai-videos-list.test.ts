import { afterEach, describe, expect, it } from '@jest/globals';
import { LookError } from '../../contract/provider-errors.js';
import { abilitiesOf, type Providers } from '../../providers/registry.js';
import { never, openAccount } from './conformance.js';
import { answerWith, type Script, type ScriptedServer, startScriptedServer } from './scripted-server.js';

const since = new Date('2026-11-21T08:00:00Z');
const SINCE_SECONDS = since.getTime() / 1_000;

const aVideo = (id: string, changes: Record<string, unknown> = {}) => ({
  id,
  object: 'video',
  model: 'sora-2',
  status: 'in_progress',
  prompt: 'A paper boat on a stream',
  seconds: '8',
  size: '1280x720',
  created_at: SINCE_SECONDS + 5,
  ...changes,
});

const opened: { server: ScriptedServer; providers: Providers }[] = [];
afterEach(async () => {
  for (const { server, providers } of opened.splice(0)) {
    await server.close();
    await providers.close();
  }
});

async function serve(script: Script, settings: Record<string, string> = {}) {
  const server = await startScriptedServer(script);
  const { provider, providers } = openAccount('openai-videos', `${server.url}/v1`, settings);
  opened.push({ server, providers });
  const { list } = provider;
  if (!list) throw new Error('the provider has no list');
  return { server, read: () => list(since, { signal: never() }) };
}

/** A list that pages as the page says, newest first. */
function pages(videos: { id: string }[], { pageSize = 2 } = {}): Script {
  return (response, request) => {
    const after = new URL(request.path, 'http://provider.test').searchParams.get('after');
    const from = videos.findIndex(({ id }) => id === after) + 1;
    const data = videos.slice(from, from + pageSize);
    answerWith(200, { object: 'list', data, has_more: from + pageSize < videos.length })(response, request);
  };
}

describe('openai-videos: list', () => {
  it('tells of each video what a request can be known by', async () => {
    const { read, server } = await serve(pages([aVideo('video_1')]));
    expect(await read()).toEqual([
      {
        task: { account: 'account', upstreamModel: 'sora-2', id: 'video_1' },
        createdAt: new Date('2026-11-21T08:00:05Z'),
        prompt: 'A paper boat on a stream',
        durationSeconds: 8,
        size: { width: 1280, height: 720 },
        status: 'open',
      },
    ]);
    expect(server.requests[0]).toMatchObject({
      method: 'GET',
      path: '/v1/videos?order=desc&limit=100',
      headers: { authorization: expect.stringMatching(/^Bearer .*canary/) },
    });
  });

  it.each([
    [{ status: 'completed' }, { status: 'succeeded' }],
    [{ status: 'Failed' }, { status: 'failed' }],
    [{ status: 'expired' }, { status: 'failed' }],
    [{ status: 'warming_up' }, { status: 'open' }],
    [{ seconds: 12 }, { durationSeconds: 12 }],
    [{ created_at: (SINCE_SECONDS + 7) * 1_000 }, { createdAt: new Date('2026-11-21T08:00:07Z') }],
    [{ created_at: 1e300 }, { createdAt: null }],
    [{ id: 77 }, { task: { account: 'account', upstreamModel: 'sora-2', id: '77' } }],
  ])('reads %j as %j', async (said, read) => {
    const list = await serve(pages([aVideo('video_1', said)]));
    expect(await list.read()).toMatchObject([read]);
  });

  it('leaves out what a copy does not say, and keeps the video', async () => {
    const { read } = await serve(answerWith(200, { data: [{ id: 'video_1', size: 'large' }] }));
    await expect(read()).rejects.toBeInstanceOf(LookError);
    const whole = await serve(answerWith(200, { data: [{ id: 'video_1', size: 'large' }], has_more: false }));
    const task = { account: 'account', upstreamModel: '', id: 'video_1' };
    expect(await whole.read()).toEqual([{ task, createdAt: null, status: 'open' }]);
  });

  it('goes back page by page, and no further than it must', async () => {
    const videos = [
      aVideo('video_5'),
      aVideo('video_4', { created_at: SINCE_SECONDS }),
      aVideo('video_3', { created_at: SINCE_SECONDS }),
      aVideo('video_2', { created_at: SINCE_SECONDS - 1 }),
      aVideo('video_1', { created_at: SINCE_SECONDS - 90 }),
    ];
    const { read, server } = await serve(pages(videos));
    expect((await read()).map(({ task }) => task.id)).toEqual(['video_5', 'video_4', 'video_3']);
    expect(server.requests.map(({ path }) => path.split('limit=100')[1])).toEqual(['', '&after=video_4']);
  });

  it('reads a list that is not newest first to its end', async () => {
    const videos = [
      aVideo('video_1', { created_at: SINCE_SECONDS - 90 }),
      aVideo('video_2', { created_at: SINCE_SECONDS - 5 }),
      aVideo('video_3'),
    ];
    const { read } = await serve(pages(videos));
    expect((await read()).map(({ task }) => task.id)).toEqual(['video_3']);
  });

  it.each<[string, Script, number?]>([
    ['500', answerWith(500, {})],
    ['a page', answerWith(200, '<html>')],
    ['a reset', (response) => response.socket?.resetAndDestroy()],
    ['no list', answerWith(200, { object: 'list' })],
    ['a video without an id', answerWith(200, { data: [{ ...aVideo('x'), id: null }], has_more: false })],
    ['the same page for ever', answerWith(200, { data: [aVideo('video_1')], has_more: true }), 2],
    [
      'more than twenty pages',
      pages(
        Array.from({ length: 60 }, (_, index) => aVideo(`video_${index}`)),
        { pageSize: 1 },
      ),
      20,
    ],
  ])('fails, and tells nothing, after %s', async (_, script, mostRequests = 1) => {
    const { read, server } = await serve(script);
    await expect(read()).rejects.toBeInstanceOf(LookError);
    expect(server.requests.length).toBeLessThanOrEqual(mostRequests);
  });

  it('takes an empty page for the end where nothing says so', async () => {
    const { read } = await serve((response, request) => {
      const data = request.path.includes('after=') ? [] : [aVideo('video_1')];
      answerWith(200, { data })(response, request);
    });
    expect(await read()).toHaveLength(1);
  });

  it('is not there where the settings say that the copy has none', () => {
    const { provider, providers } = openAccount('openai-videos', 'https://copy.test/v1', { list: 'false' });
    expect(provider.list).toBeUndefined();
    expect(abilitiesOf('openai-videos', 'sora-2', { list: 'false' })?.canReconcile).toBe(false);
    expect(abilitiesOf('openai-videos', 'sora-2')?.canReconcile).toBe(true);
    return providers.close();
  });
});
