import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { dataUrlOf, pictureOf } from '../sandbox/web.js';
import { type Api, readJson } from '../support/api.js';
import { startImageServer } from '../support/image-server.js';
import { anImage } from '../support/images.js';
import {
  addPixazoWorkspace,
  aPixazoCatalogue,
  generate,
  generateFromImage,
  result,
  startPixazo,
  status,
  tracesOf,
} from './pixazo-world.js';

const prompt = 'a paper boat';
const wide = pictureOf(1280, 720);
const image = dataUrlOf(wide);
const json = 'application/json';

/** The header of a PNG that would unpack to gigabytes. */
const bomb = Buffer.from(anImage.bytes);
bomb.writeUInt32BE(16_000, 16);
bomb.writeUInt32BE(16_000, 20);

let images: Awaited<ReturnType<typeof startImageServer>>;
let api: Api;
beforeAll(async () => {
  images = await startImageServer({
    '/lie.png': (_request, response) => response.writeHead(200, { 'content-type': 'image/png' }).end('<html>no</html>'),
    '/bomb.png': (_request, response) => response.end(bomb),
    '/vast.png': (_request, response) => response.writeHead(200, { 'content-length': 21 * 1024 * 1024 }).flushHeaders(),
    '/private.png': (_request, response) => response.writeHead(302, { location: 'http://10.0.0.1/boat.png' }).end(),
  });
  api = await startPixazo({ allowLoopbackPorts: [images.port] });
});
/** Closed after each test, also after one that fails. */
const opened: { close(): Promise<void> }[] = [];
const open = async (options: Parameters<typeof startPixazo>[0]) => {
  const world = await startPixazo(options);
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

describe('a refused request', () => {
  const long = 'x'.repeat(32_001);
  const ofText: [object, RegExp][] = [
    [{ prompt: undefined }, /^prompt: is required/],
    [{ prompt: ' \n' }, /^prompt: must not be blank/],
    [{ prompt: long }, /^prompt: /],
    [{ prompt: 'a\u0000' }, /^prompt: .*U\+0000/],
    [{ prompt: 7 }, /^prompt: /],
    [{ seconds: '8' }, /^seconds: .*4\|8\|12/],
    [{ seconds: 5 }, /^seconds: /],
    [{ seconds: 4.5 }, /^seconds: /],
    [{ seconds: 1e9 }, /^seconds: /],
    [{ seconds: null }, /^seconds: /],
    [{ size: '1920x1080' }, /^size: /],
    [{ size: 720 }, /^size: /],
    [{ image }, /^image: is not a known field/],
    [{ n: 2 }, /^n: is not a known field/],
    [{ callback_url: 'hook' }, /^callback_url: /],
    [{ callback_url: 'http://127.0.0.1/' }, /^callback_url: .*public internet/],
    [{ callback_url: 'https://user:word@example.com/' }, /^callback_url: /],
  ];
  const ofImage: [object, RegExp][] = [
    [{ image: undefined }, /^image: is required/],
    [{ image: { url: image } }, /^image: /],
    [{ image: 'boat.png' }, /^image: must be an http\(s\) address or a base64 data URL/],
    [{ image: 'data:image/gif;base64,R0lGODlhAQABAAAAACw=' }, /^image: must be one of/],
    [{ image: image.replace('image/png', 'image/jpeg') }, /^image: says image\/jpeg, but its content is image\/png/],
    [{ image: anImage.dataUrl }, /^image: is 1x1 pixels; it must be one of 1280x720, 720x1280, 1792x1024, 1024x1792/],
    [{ image: dataUrlOf(pictureOf(1281, 720)) }, /^image: is 1281x720 pixels/],
    [{ image: dataUrlOf(bomb) }, /^image: is 16000x16000 pixels/],
    [{ size: '720x1280' }, /^size: is 720x1280, but the image is 1280x720/],
    [{ seconds: 10 }, /^seconds: /],
    [{ prompt: '' }, /^prompt: /],
  ];
  const cases = [
    ...ofText.map(([fields, message]) => ({ path: generate, body: { prompt, ...fields }, message })),
    ...ofImage.map(([fields, message]) => ({ path: generateFromImage, body: { prompt, image, ...fields }, message })),
  ];

  it.each(cases)('to $path says $message and leaves nothing behind', async ({ path, body, message }) => {
    const { workspaceId, post } = await addPixazoWorkspace(api);
    const before = await tracesOf(api, workspaceId);

    const response = await post(path, body, { 'idempotency-key': 'refused' });

    expect(response.status).toBe(400);
    expect(await readJson(response)).toEqual({ error: 'Bad Request', message: expect.stringMatching(message) });
    expect(await tracesOf(api, workspaceId)).toEqual(before);
    // A refused request leaves its key free.
    expect(
      (await post(path, { prompt, ...(path === generate ? {} : { image }) }, { 'idempotency-key': 'refused' })).status,
    ).toBe(202);
  });

  it.each([
    ['that is no image', () => images.url('/lie.png'), /not known|must be one of/],
    ['that would unpack to gigabytes', () => images.url('/bomb.png'), /16000x16000 pixels/],
    ['that is too large', () => images.url('/vast.png'), /at most/],
    ['of which there is nothing', () => images.url('/none.png'), /answered 404/],
    ['in our own network', () => 'http://169.254.169.254/latest/meta-data', /public internet/],
    ['that leads into our own network', () => images.url('/private.png'), /public internet/],
  ])('for an image at an address %s leaves nothing behind', async (_, address, message) => {
    const { workspaceId, post } = await addPixazoWorkspace(api);
    const before = await tracesOf(api, workspaceId);

    const response = await post(generateFromImage, { prompt, image: address() });

    expect(response.status).toBe(400);
    expect(await readJson(response)).toEqual({ error: 'Bad Request', message: expect.stringMatching(message) });
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it.each([
    [
      'another address in the field',
      { callback_url: 'https://example.com/b' },
      'https://example.com/a',
      /^callback_url: .*X-Webhook-URL/,
    ],
    ['a private address in the header', {}, 'http://192.168.0.1/', /^X-Webhook-URL: /],
    ['no address in the header', {}, '', /^X-Webhook-URL: /],
    ['two addresses in the header', {}, 'https://example.com/a, https://example.com/b', /^X-Webhook-URL: must be one/],
  ])('for %s names where it stands', async (_, fields, header, message) => {
    const { workspaceId, post } = await addPixazoWorkspace(api);
    const before = await tracesOf(api, workspaceId);

    const response = await post(generate, { prompt, ...fields }, { 'x-webhook-url': header });

    expect([response.status, await readJson(response)]).toEqual([
      400,
      { error: 'Bad Request', message: expect.stringMatching(message) },
    ]);
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it.each(['sora', 'sora-2', 'sora-video', ''])(
    'for the model %j says that it is not found, as the page does',
    async (model) => {
      const { post } = await addPixazoWorkspace(api);

      const response = await post(generate, { prompt, model });

      expect([response.status, await readJson(response)]).toEqual([
        400,
        { error: 'Model not found', message: `Model '${model}' not found or is disabled` },
      ]);
    },
  );

  it('for want of money is called an insufficient balance, and removes its files', async () => {
    const { workspaceId, post } = await addPixazoWorkspace(api, { micros: 1_199_999 });
    const before = await tracesOf(api, workspaceId);

    const response = await post(generateFromImage, { prompt, image });

    expect([response.status, await readJson(response)]).toEqual([
      402,
      {
        error: 'Insufficient Balance',
        message: 'The job needs 1.200000 USD; 1.199999 USD are available.',
      },
    ]);
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it('for too many open jobs says when to come back', async () => {
    const { workspaceId, post } = await addPixazoWorkspace(api);
    await api.database.queries
      .updateTable('workspaces')
      .set({ open_job_limit: 1 })
      .where('id', '=', workspaceId)
      .execute();
    expect((await post(generate, { prompt })).status).toBe(202);

    const response = await post(generate, { prompt });

    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await readJson(response)).toEqual({ error: 'Too Many Requests', message: expect.any(String) });
  });
});

describe('what the catalogue cannot do', () => {
  const omixa = { account: 'omixa', upstreamModel: 'sora' };
  it.each([
    ['a size', { route: omixa }, { size: '1792x1024' }, /^size: /],
    ['a length', { route: omixa, settings: { secondsAllowed: '4' } }, { seconds: 12 }, /^seconds: /],
  ])('is refused with 400: %s', async (_, changes, fields, message) => {
    const narrow = await open({ catalogue: aPixazoCatalogue(changes) });
    const { workspaceId, post } = await addPixazoWorkspace(narrow);

    const response = await post(generate, { prompt, ...fields });

    expect([response.status, await readJson(response)]).toEqual([
      400,
      { error: 'Bad Request', message: expect.stringMatching(message) },
    ]);
    expect(await tracesOf(narrow, workspaceId)).toEqual([
      0,
      0,
      0,
      { availableMicros: 100_000_000, heldMicros: 0, reservedMicros: 0 },
    ]);
  });

  it('is the model itself when it is retired, or not there', async () => {
    const {
      models: { sora },
      accounts,
    } = aPixazoCatalogue();
    if (!sora) throw new Error('the catalogue has no model named sora');
    const retired = await open({ catalogue: aPixazoCatalogue({ route: { lifecycle: { status: 'retired' } } }) });
    const without = await open({ catalogue: { accounts, models: { sora } } });

    const answers = [];
    for (const world of [retired, without]) {
      const response = await (await addPixazoWorkspace(world)).post(generate, { prompt });
      answers.push([response.status, await readJson(response)]);
    }

    expect(answers).toEqual([
      [400, { error: 'Model not found', message: "Model 'sora-video' not found or is disabled" }],
      [400, { error: 'Model not found', message: "Model 'sora-2-pro' not found or is disabled" }],
    ]);
  });
});

describe('a key', () => {
  it('is asked for in its own header, and a bearer opens nothing', async () => {
    const { native } = await addPixazoWorkspace(api);
    const { post } = await addPixazoWorkspace(api, { scopes: [] });
    const unknown = { 'ocp-apim-subscription-key': 'rly_unknown' };

    const responses = [
      await native.post(generate, { prompt }),
      await post(generate, { prompt }, unknown),
      await fetch(new URL(`${status}/sora-video_1`, api.url)),
      await native.post(result, { video_id: 'video_1' }),
    ];

    for (const response of responses) {
      expect([response.status, await readJson(response)]).toEqual([
        401,
        { error: 'Unauthorized', message: 'Send a valid key: Ocp-Apim-Subscription-Key: rly_…' },
      ]);
      expect(response.headers.get('www-authenticate')).toBeNull();
    }
  });

  it('without the scope is refused', async () => {
    const reader = await addPixazoWorkspace(api, { scopes: ['jobs:read'] });
    const writer = await addPixazoWorkspace(api, { scopes: ['jobs:write'] });

    const responses = [
      await reader.post(generate, { prompt }),
      await reader.post(generateFromImage, { prompt, image }),
      await writer.get(`${status}/sora-video_01kaz0000000000000000000zz`),
      await writer.post(result, { video_id: 'video_01kaz0000000000000000000zz' }),
    ];

    const bodies = await Promise.all(responses.map(readJson));
    expect(responses.map(({ status: code }) => code)).toEqual([403, 403, 403, 403]);
    expect(bodies.map(({ error }) => error)).toEqual(['Forbidden', 'Forbidden', 'Forbidden', 'Forbidden']);
    expect(bodies.map(({ message }) => /jobs:\w+/.exec(String(message))?.[0])).toEqual([
      'jobs:write',
      'jobs:write',
      'jobs:read',
      'jobs:read',
    ]);
  });

  it('of another workspace finds nothing', async () => {
    const [mine, theirs] = [await addPixazoWorkspace(api), await addPixazoWorkspace(api)];
    const { request_id: requestId } = await readJson(await mine.post(generate, { prompt }));

    const responses = [
      await theirs.get(`${status}/${String(requestId)}`),
      await theirs.post(result, { video_id: requestId }),
    ];

    for (const response of responses) {
      expect([response.status, await readJson(response)]).toEqual([
        404,
        { error: 'Not Found', message: expect.any(String) },
      ]);
    }
  });
});

describe('the doors', () => {
  it.each(['sora-video_1', 'job_01kaz0000000000000000000zz', 'video_01kaz0000000000000000000zz', 'a%00b'])(
    'know no request %s',
    async (id) => {
      const { get } = await addPixazoWorkspace(api);

      const response = await get(`${status}/${id}`);

      expect([response.status, await readJson(response)]).toMatchObject([404, { error: 'Not Found' }]);
    },
  );

  it.each([
    [{}, /^video_id: is required/],
    [{ video_id: 7 }, /^video_id: /],
    [{ video_id: 'video_1', more: 1 }, /^more: /],
  ])('ask a result by video_id alone: %j', async (body, message) => {
    const { post } = await addPixazoWorkspace(api);

    const response = await post(result, body);

    expect([response.status, await readJson(response)]).toEqual([
      400,
      { error: 'Bad Request', message: expect.stringMatching(message) },
    ]);
  });

  it.each([
    ['GET', generate, 'POST'],
    ['PUT', generateFromImage, 'POST'],
    ['GET', result, 'POST'],
    ['DELETE', `${status}/sora-video_1`, 'GET'],
  ])('do not take %s %s', async (method, at, allowed) => {
    const response = await fetch(new URL(at, api.url), { method });

    expect([response.status, response.headers.get('allow')]).toEqual([405, allowed]);
    expect(await readJson(response)).toEqual({ error: 'Method Not Allowed', message: `Use ${allowed}.` });
  });

  it.each(['/sora-video/v1', '/sora-video/v1/video', '/v2/requests', '/v2/requests/status'])(
    'say in this shape that there is nothing at %s',
    async (at) => {
      const response = await fetch(new URL(at, api.url));

      expect([response.status, await readJson(response)]).toEqual([
        404,
        { error: 'Not Found', message: 'There is nothing at this address.' },
      ]);
    },
  );

  it.each<[string, string, Record<string, string>, number, string]>([
    ['of another type', '{}', { 'content-type': 'text/plain' }, 415, 'Unsupported Media Type'],
    ['that is cut off', '{"prompt":', { 'content-type': json }, 400, 'Bad Request'],
    ['that is a list', '[]', { 'content-type': json }, 400, 'Bad Request'],
    [
      'that is too large',
      `{"prompt":"${'x'.repeat(1024 * 1024)}"}`,
      { 'content-type': json },
      413,
      'Payload Too Large',
    ],
  ])('refuse a body %s', async (_, body, headers, code, error) => {
    const { send } = await addPixazoWorkspace(api);

    const response = await send('POST', generate, { body, headers });

    expect([response.status, await readJson(response)]).toEqual([code, { error, message: expect.any(String) }]);
  });

  it('open no more often in a minute than the workspace may', async () => {
    const { workspaceId, get } = await addPixazoWorkspace(api);
    await api.database.queries
      .updateTable('workspaces')
      .set({ requests_per_minute: 1 })
      .where('id', '=', workspaceId)
      .execute();
    await get(`${status}/sora-video_1`);

    const response = await get(`${status}/sora-video_1`);

    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await readJson(response)).toEqual({ error: 'Too Many Requests', message: expect.any(String) });
  });

  it('tell nothing of a mistake of ours', async () => {
    const broken = await open({ app: { findCaller: () => Promise.reject(new Error('password=hunter2')) } });
    const { get } = await addPixazoWorkspace(broken);

    const response = await get(`${status}/sora-video_1`);

    expect([response.status, await readJson(response)]).toEqual([
      500,
      { error: 'Internal Server Error', message: 'Something went wrong here' },
    ]);
  });
});
