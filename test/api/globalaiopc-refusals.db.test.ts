import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { dataUrlOf } from '../sandbox/web.js';
import { type Api, readJson } from '../support/api.js';
import { startImageServer } from '../support/image-server.js';
import { anImage } from '../support/images.js';
import { aGlobalaiopcCatalogue, paths, startGlobalaiopc, tracesOf, videos } from './globalaiopc-world.js';

const aBody = (changes: object = {}) => ({ model: 'sora-2', prompt: 'a paper boat', ...changes });
const image = anImage.dataUrl;
const json = 'application/json';

/** The header of a PNG that would unpack to gigabytes. */
const bomb = Buffer.from(anImage.bytes);
bomb.writeUInt32BE(16_000, 16);
bomb.writeUInt32BE(16_000, 20);

let images: Awaited<ReturnType<typeof startImageServer>>;
let api: Api;
beforeAll(async () => {
  images = await startImageServer({
    '/boat.png': (_request, response) => response.end(anImage.bytes),
    '/lie.png': (_request, response) => response.writeHead(200, { 'content-type': 'image/png' }).end('<html>no</html>'),
    '/bomb.png': (_request, response) => response.end(bomb),
    '/vast.png': (_request, response) => response.writeHead(200, { 'content-length': 21 * 1024 * 1024 }).flushHeaders(),
    '/private.png': (_request, response) => response.writeHead(302, { location: 'http://10.0.0.1/boat.png' }).end(),
  });
  api = await startGlobalaiopc({ allowLoopbackPorts: [images.port] });
});
/** Closed after each test, also after one that fails. */
const opened: { close(): Promise<void> }[] = [];
const open = async (options: Parameters<typeof startGlobalaiopc>[0]) => {
  const world = await startGlobalaiopc(options);
  opened.push(world);
  return world;
};
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});
afterAll(async () => {
  await images.close();
  await api.close();
});

const invalid = (param: string | null, message: unknown = expect.any(String)) => ({
  error: { message, type: 'invalid_request_error', param, code: 'request_invalid' },
});

describe('a refused request', () => {
  const cases: [object, string][] = [
    [{ model: undefined }, 'model'],
    [{ model: 'sora' }, 'model'],
    [{ model: 'sora-2-turbo' }, 'model'],
    [{ prompt: undefined }, 'prompt'],
    [{ prompt: '\t' }, 'prompt'],
    [{ prompt: 'x'.repeat(32_001) }, 'prompt'],
    [{ prompt: 'a\ud800' }, 'prompt'],
    [{ size: '1792x1024' }, 'size'],
    [{ size: '16:9' }, 'size'],
    [{ aspect_ratio: '1:1' }, 'aspect_ratio'],
    [{ size: '1280x720', aspect_ratio: '16:9' }, 'aspect_ratio'],
    [{ duration: 10, seconds: 10 }, 'duration'],
    [{ input_reference: [image], image_urls: [image] }, 'image_urls'],
    [{ input_reference: [], image_urls: [image] }, 'image_urls'],
    [{ seconds: 8 }, 'seconds'],
    [{ seconds: '10' }, 'seconds'],
    [{ seconds: 10.5 }, 'seconds'],
    [{ seconds: 0 }, 'seconds'],
    [{ seconds: -10 }, 'seconds'],
    [{ duration: 1e12 }, 'duration'],
    [{ duration: 25 }, 'duration'],
    [{ model: 'sora-2-stable', seconds: 25 }, 'seconds'],
    [{ model: 'sora-2-pro', seconds: 20 }, 'seconds'],
    [{ image_urls: [image, image, image, image] }, 'image_urls'],
    [{ image_urls: image }, 'image_urls'],
    [{ image_urls: [{ url: image }] }, 'image_urls.0'],
    [{ input_reference: ['boat.png'] }, 'input_reference.0'],
    [{ input_reference: [image, 'ftp://example.com/boat.png'] }, 'input_reference.1'],
    [{ image_urls: [image.replace('image/png', 'image/webp')] }, 'image_urls.0'],
    [{ image_urls: ['data:image/gif;base64,R0lGODlhAQABAAAAACw='] }, 'image_urls.0'],
    [{ image_urls: [image, dataUrlOf(bomb)] }, 'image_urls.1'],
    [{ callback_url: 'https://example.com/' }, 'callback_url'],
    [{ n: 1 }, 'n'],
  ];

  it.each(cases)('with %j names %s and leaves nothing behind', async (fields, param) => {
    const { workspaceId, post } = await api.addWorkspace();
    const before = await tracesOf(api, workspaceId);

    const response = await post(videos, aBody(fields), { 'idempotency-key': 'refused' });

    expect([response.status, await readJson(response)]).toEqual([
      400,
      invalid(param, expect.stringContaining(`${param}: `)),
    ]);
    expect(await tracesOf(api, workspaceId)).toEqual(before);
    // A refused request leaves its key free.
    expect((await post(videos, aBody(), { 'idempotency-key': 'refused' })).status).toBe(200);
  });

  it('for its length says which the model has', async () => {
    const { post } = await api.addWorkspace();
    const messageOf = async (body: object) =>
      (await readJson(await post(videos, aBody(body)))).error as unknown as { message: string };

    expect(await messageOf({ seconds: 25 })).toMatchObject({ message: 'seconds: must be one of 10, 15 with sora-2' });
    expect(await messageOf({ model: 'sora-2-pro', duration: 8 })).toMatchObject({
      message: 'duration: must be one of 10, 15, 25 with sora-2-pro',
    });
  });

  it.each([
    ['that is no image', () => images.url('/lie.png'), /not known|must be one of/],
    ['that would unpack to gigabytes', () => images.url('/bomb.png'), /16000x16000 pixels/],
    ['that is too large', () => images.url('/vast.png'), /at most/],
    ['of which there is nothing', () => images.url('/none.png'), /answered 404/],
    ['in our own network', () => 'http://[::1]/boat.png', /public internet/],
    ['that leads into our own network', () => images.url('/private.png'), /public internet/],
  ])('for an image at an address %s leaves nothing behind', async (_, address, message) => {
    const { workspaceId, post } = await api.addWorkspace();
    const before = await tracesOf(api, workspaceId);

    const response = await post(videos, aBody({ image_urls: [images.url('/boat.png'), address()] }));

    expect([response.status, await readJson(response)]).toEqual([
      400,
      invalid('image_urls.1', expect.stringMatching(message)),
    ]);
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it('for want of money is 402, and removes its files', async () => {
    const { workspaceId, post } = await api.addWorkspace({ micros: 999_999 });
    const before = await tracesOf(api, workspaceId);

    const response = await post(videos, aBody({ image_urls: [image] }));

    const message = 'The job needs 1.000000 USD; 0.999999 USD are available.';
    expect([response.status, await readJson(response)]).toEqual([
      402,
      { error: { message, type: 'insufficient_quota', param: null, code: 'insufficient_funds' } },
    ]);
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it('for too many open jobs says when to come back', async () => {
    const { workspaceId, post } = await api.addWorkspace();
    await api.database.queries
      .updateTable('workspaces')
      .set({ open_job_limit: 1 })
      .where('id', '=', workspaceId)
      .execute();
    expect((await post(videos, aBody())).status).toBe(200);

    const response = await post(videos, aBody());

    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await readJson(response)).toMatchObject({ error: { type: 'rate_limit_error', code: 'too_many_jobs' } });
  });
});

describe('what the catalogue cannot do', () => {
  it.each([
    ['a length', { proLongClips: 'false' }, { model: 'sora-2-pro', duration: 25 }, 'duration'],
    ['so many references', { without: 'globalaiopc' }, { input_reference: [image, image] }, 'input_reference'],
  ])('is refused with 400: %s', async (_, changes, fields, param) => {
    const narrow = await open({ catalogue: aGlobalaiopcCatalogue(changes) });
    const { workspaceId, post } = await narrow.addWorkspace();

    const response = await post(videos, aBody(fields));

    const message = expect.stringContaining(`${param}: no provider of the model`);
    expect([response.status, await readJson(response)]).toEqual([
      400,
      { error: { message, type: 'invalid_request_error', param, code: 'no_route' } },
    ]);
    expect(await tracesOf(narrow, workspaceId)).toEqual([
      0,
      0,
      0,
      { availableMicros: 100_000_000, heldMicros: 0, reservedMicros: 0 },
    ]);
  });

  it('is references where providers cannot fetch images from us, but an image to begin with is sent along', async () => {
    const inward = await open({ jobs: { hasPublicAddress: false } });
    const { post } = await inward.addWorkspace();

    const two = await post(videos, aBody({ image_urls: [image, image] }));
    const one = await post(videos, aBody({ image_urls: [image] }));
    const stable = await post(videos, aBody({ model: 'sora-2-stable', image_urls: [image] }));

    expect([two.status, await readJson(two)]).toMatchObject([
      400,
      { error: { param: 'image_urls', code: 'no_route' } },
    ]);
    expect(one.status).toBe(200);
    expect([stable.status, await readJson(stable)]).toMatchObject([400, { error: { param: 'image_urls.0' } }]);
  });

  it('is the model itself when it is retired, or not there', async () => {
    const catalogues = [
      aGlobalaiopcCatalogue({ route: { lifecycle: { status: 'retired' } } }),
      aGlobalaiopcCatalogue({ without: 'sora-2-stable' }),
    ];

    const answers = [];
    for (const catalogue of catalogues) {
      const world = await open({ catalogue });
      const response = await (await world.addWorkspace()).post(videos, aBody({ model: 'sora-2-stable' }));
      answers.push([response.status, await readJson(response)]);
    }

    expect(answers).toMatchObject([
      [410, { error: { type: 'invalid_request_error', code: 'model_retired' } }],
      [400, { error: { param: 'model', code: 'request_invalid' } }],
    ]);
  });
});

describe('a key', () => {
  it.each(paths)('is asked for at %s', async (path) => {
    for (const at of [path, `${path}/sora_1`]) {
      const response = await fetch(new URL(at, api.url), { method: at === path ? 'POST' : 'GET' });

      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      expect(await readJson(response)).toEqual({
        error: { message: expect.any(String), type: 'authentication_error', param: null, code: 'unauthorized' },
      });
    }
  });

  it('without the scope is refused', async () => {
    const reader = await api.addWorkspace({ scopes: ['jobs:read'] });
    const writer = await api.addWorkspace({ scopes: ['jobs:write'] });

    const responses = [
      await reader.post(videos, aBody()),
      await writer.get(`${videos}/sora_01kaz0000000000000000000zz`),
    ];

    for (const response of responses) {
      expect([response.status, await readJson(response)]).toMatchObject([
        403,
        { error: { type: 'permission_error', code: 'forbidden' } },
      ]);
    }
  });

  it('of another workspace finds nothing', async () => {
    const [mine, theirs] = [await api.addWorkspace(), await api.addWorkspace()];
    const { id } = await readJson(await mine.post(videos, aBody()));

    const response = await theirs.get(`${videos}/${String(id)}`);

    expect([response.status, await readJson(response)]).toMatchObject([404, { error: { code: 'not_found' } }]);
  });
});

describe('the doors', () => {
  it.each(['sora_1', 'sora-video_01kaz0000000000000000000zz', 'job_01kaz0000000000000000000zz', 'a%00b'])(
    'know no video %s',
    async (id) => {
      const { get } = await api.addWorkspace();

      const response = await get(`${videos}/${id}`);

      expect([response.status, await readJson(response)]).toMatchObject([404, { error: { code: 'not_found' } }]);
    },
  );

  it.each([
    ['GET', '/sora/videos', 'POST'],
    ['PUT', '/v1/sora/videos', 'POST'],
    ['DELETE', '/sora/videos/sora_1', 'GET'],
    ['POST', '/v1/sora/videos/sora_1', 'GET'],
  ])('do not take %s %s', async (method, at, allowed) => {
    const response = await fetch(new URL(at, api.url), { method });

    expect([response.status, response.headers.get('allow')]).toEqual([405, allowed]);
    expect(await readJson(response)).toMatchObject({ error: { code: 'method_not_allowed' } });
  });

  it.each(['/sora', '/sora/images', '/v1/sora', '/v1/sora/videos/sora_1/content'])(
    'say in this shape that there is nothing at %s',
    async (at) => {
      const response = await fetch(new URL(at, api.url));

      expect([response.status, await readJson(response)]).toEqual([
        404,
        {
          error: {
            message: 'There is nothing at this address.',
            type: 'invalid_request_error',
            param: null,
            code: 'not_found',
          },
        },
      ]);
    },
  );

  it.each<[string, string, Record<string, string>, number, string]>([
    ['of another type', '{}', { 'content-type': 'text/plain' }, 415, 'unsupported_media_type'],
    ['that is cut off', '{"prompt":', { 'content-type': json }, 400, 'request_invalid'],
    ['that is a list', '[]', { 'content-type': json }, 400, 'request_invalid'],
    ['that is too large', `"${'x'.repeat(1024 * 1024)}"`, { 'content-type': json }, 413, 'payload_too_large'],
  ])('refuse a body %s', async (_, body, headers, code, word) => {
    const { send } = await api.addWorkspace();

    const response = await send('POST', videos, { body, headers });

    expect([response.status, await readJson(response)]).toMatchObject([
      code,
      { error: { type: 'invalid_request_error', param: null, code: word } },
    ]);
  });

  it('open no more often in a minute than the workspace may', async () => {
    const { workspaceId, get } = await api.addWorkspace();
    await api.database.queries
      .updateTable('workspaces')
      .set({ requests_per_minute: 1 })
      .where('id', '=', workspaceId)
      .execute();
    await get(`${videos}/sora_1`);

    const response = await get(`${videos}/sora_1`);

    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await readJson(response)).toMatchObject({ error: { type: 'rate_limit_error', code: 'rate_limited' } });
  });

  it('tell nothing of a mistake of ours', async () => {
    const broken = await open({ app: { findCaller: () => Promise.reject(new Error('password=hunter2')) } });
    const { get } = await broken.addWorkspace();

    const response = await get(`${videos}/sora_1`);

    expect([response.status, await readJson(response)]).toEqual([
      500,
      { error: { message: 'Something went wrong here', type: 'server_error', param: null, code: 'internal' } },
    ]);
  });
});
