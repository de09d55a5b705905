import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { dataUrlOf, pictureOf } from '../sandbox/web.js';
import { type Api, readJson } from '../support/api.js';
import { startImageServer } from '../support/image-server.js';
import { anImage } from '../support/images.js';
import { generate, startApixo, statusOf, submit, textToVideo, tracesOf } from './apixo-world.js';

const picture = pictureOf(640, 360);
const image = dataUrlOf(picture);
const imageToVideo = { ...textToVideo, mode: 'image-to-video', image_urls: [image] };
const json = { 'content-type': 'application/json' };
const tenMebibytes = 10 * 1024 * 1024;
const anId = 'task_01kaz0000000000000000000zz';

/** The header of a PNG that would unpack to gigabytes. */
const bomb = Buffer.from(anImage.bytes);
bomb.writeUInt32BE(16_000, 16);
bomb.writeUInt32BE(16_000, 20);

let images: Awaited<ReturnType<typeof startImageServer>>;
let api: Api;
beforeAll(async () => {
  const padded = (bytes: number) => Buffer.concat([picture, Buffer.alloc(bytes - picture.length)]);
  images = await startImageServer({
    '/lie.png': (_request, response) => response.writeHead(200, { 'content-type': 'image/png' }).end('<html>no</html>'),
    '/bomb.png': (_request, response) => response.end(bomb),
    '/largest.png': (_request, response) => response.end(padded(tenMebibytes)),
    '/larger.png': (_request, response) => response.end(padded(tenMebibytes + 1)),
    '/private.png': (_request, response) => response.writeHead(302, { location: 'http://10.0.0.1/boat.png' }).end(),
  });
  api = await startApixo({ allowLoopbackPorts: [images.port] });
});
afterAll(async () => {
  await images.close();
  await api.close();
});

const refusal = (code: number, message: unknown = expect.any(String)) => ({ code, message, data: null });

describe('a refused task', () => {
  const ofInput: [object, RegExp][] = [
    [{ mode: undefined }, /^input\.mode: /],
    [{ mode: 'extend' }, /^input\.mode: /],
    [{ prompt: undefined }, /^input\.prompt: is required/],
    [{ prompt: ' \n' }, /^input\.prompt: must not be blank/],
    [{ prompt: 'x'.repeat(10_001) }, /^input\.prompt: /],
    [{ prompt: 'a\u0000' }, /^input\.prompt: .*U\+0000/],
    [{ duration: 8 }, /^input\.duration: .*10\|15/],
    [{ duration: '10' }, /^input\.duration: /],
    [{ duration: null }, /^input\.duration: /],
    [{ aspect_ratio: 'square' }, /^input\.aspect_ratio: /],
    [{ aspect_ratio: '16:9' }, /^input\.aspect_ratio: /],
    [{ remove_watermark: 'yes' }, /^input\.remove_watermark: /],
    [{ image_urls: [image] }, /^input\.image_urls: is for image-to-video only/],
    [{ seed: 7 }, /^input\.seed: is not a known field/],
  ];
  const ofImage: [object, RegExp][] = [
    [{ image_urls: undefined }, /^input\.image_urls: is required/],
    [{ image_urls: [] }, /^input\.image_urls: must be one image/],
    [{ image_urls: [image, image] }, /^input\.image_urls: must be one image/],
    [{ image_urls: image }, /^input\.image_urls: /],
    [{ image_urls: [7] }, /^input\.image_urls\.0: /],
    [{ image_urls: ['boat.png'] }, /^input\.image_urls\.0: must be an http\(s\) address/],
    [{ image_urls: ['data:image/gif;base64,R0lGODlhAQABAAAAACw='] }, /^input\.image_urls\.0: must be one of/],
    [{ image_urls: [image.replace('image/png', 'image/jpeg')] }, /^input\.image_urls\.0: says image\/jpeg/],
    [{ image_urls: [dataUrlOf(bomb)] }, /^input\.image_urls\.0: is 16000x16000 pixels/],
  ];
  const ofTask: [object, RegExp][] = [
    [{ input: undefined }, /^input: /],
    [{ input: [] }, /^input: /],
    [{ request_type: 'sync' }, /^request_type: /],
    [{ request_type: 'callback' }, /^callback_url: is required with request_type callback/],
    [{ callback_url: 'hook' }, /^callback_url: /],
    [{ callback_url: 'http://127.0.0.1/' }, /^callback_url: .*public internet/],
    [{ provider: 'cheapest' }, /^provider: /],
    [{ n: 2 }, /^n: is not a known field/],
  ];
  const cases = [
    ...ofInput.map(([fields, message]) => ({ body: { input: { ...textToVideo, ...fields } }, message })),
    ...ofImage.map(([fields, message]) => ({ body: { input: { ...imageToVideo, ...fields } }, message })),
    ...ofTask.map(([fields, message]) => ({ body: { input: textToVideo, ...fields }, message })),
  ];

  it.each(cases)('says $message and leaves nothing behind', async ({ body, message }) => {
    const { workspaceId, post } = await api.addWorkspace();
    const before = await tracesOf(api, workspaceId);
    const key = { 'idempotency-key': 'refused' };

    const response = await post(generate, body, key);

    expect([response.status, await readJson(response)]).toEqual([400, refusal(400, expect.stringMatching(message))]);
    expect(await tracesOf(api, workspaceId)).toEqual(before);
    // A refused request leaves its key free.
    expect((await post(generate, { input: textToVideo }, key)).status).toBe(200);
  });

  it.each([
    ['that is no image', () => images.url('/lie.png'), /not known|must be one of/],
    ['that would unpack to gigabytes', () => images.url('/bomb.png'), /16000x16000 pixels/],
    ['that is too large', () => images.url('/larger.png'), /is 10485761 bytes; at most 10485760/],
    ['of which there is nothing', () => images.url('/none.png'), /answered 404/],
    ['in our own network', () => 'http://169.254.169.254/latest/meta-data', /public internet/],
    ['that leads into our own network', () => images.url('/private.png'), /public internet/],
  ])('for an image at an address %s leaves nothing behind', async (_, address, message) => {
    const { workspaceId, post } = await api.addWorkspace();
    const before = await tracesOf(api, workspaceId);

    const response = await post(generate, { input: { ...imageToVideo, image_urls: [address()] } });

    expect([response.status, await readJson(response)]).toEqual([400, refusal(400, expect.stringMatching(message))]);
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it('is none for the largest image', async () => {
    const { post } = await api.addWorkspace();

    const response = await post(generate, { input: { ...imageToVideo, image_urls: [images.url('/largest.png')] } });

    expect(response.status).toBe(200);
  });

  it.each([
    ['is not there', 'sora-3', {}, /^model: must be one of/],
    ['is retired', 'old', {}, /./],
    ['no maker offers', 'reseller', { provider: 'official' }, /^provider: /],
  ])('for a model that %s is refused', async (_, model, fields, message) => {
    const { workspaceId, post } = await api.addWorkspace();
    const before = await tracesOf(api, workspaceId);

    const response = await post(`/api/v1/generateTask/${model}`, { input: textToVideo, ...fields });

    expect([response.status, await readJson(response)]).toEqual([400, refusal(400, expect.stringMatching(message))]);
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it('for want of money says so in the words of the page, and removes its files', async () => {
    const { workspaceId, post } = await api.addWorkspace({ micros: 999_999 });
    const before = await tracesOf(api, workspaceId);

    const response = await post(generate, { input: imageToVideo });

    expect([response.status, await readJson(response)]).toEqual([400, refusal(400, 'Insufficient credits')]);
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it('for too many open jobs says when to come back', async () => {
    const { workspaceId, ...client } = await api.addWorkspace();
    const limit = { open_job_limit: 1 };
    await api.database.queries.updateTable('workspaces').set(limit).where('id', '=', workspaceId).execute();
    await submit(client);

    const response = await client.post(generate, { input: textToVideo });

    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '5']);
    expect(await readJson(response)).toEqual(refusal(429));
  });
});

describe('the doors', () => {
  it('want a key', async () => {
    const { send } = api.callerWith('rly_unknown');

    for (const response of [await send('POST', generate), await send('GET', statusOf(anId))]) {
      expect([response.status, await readJson(response)]).toEqual([401, refusal(401)]);
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    }
  });

  it('want a key with the scope', async () => {
    const reader = await api.addWorkspace({ scopes: ['jobs:read'] });
    const writer = await api.addWorkspace({ scopes: ['jobs:write'] });

    const responses = [await reader.post(generate, { input: textToVideo }), await writer.get(statusOf(anId))];

    const scopes = [/jobs:write/, /jobs:read/];
    for (const [index, response] of responses.entries()) {
      expect([response.status, await readJson(response)]).toEqual([
        403,
        refusal(403, expect.stringMatching(scopes[index] ?? /never/)),
      ]);
    }
  });

  it('find nothing for the key of another workspace', async () => {
    const [mine, theirs] = [await api.addWorkspace(), await api.addWorkspace()];
    const { taskId } = await submit(mine);

    const response = await theirs.get(statusOf(taskId));

    expect([response.status, await readJson(response)]).toEqual([404, refusal(404)]);
  });

  it.each(['task_1', anId, 'job_01kaz0000000000000000000zz', 'a%00b', 'x'.repeat(100)])(
    'know no task %s',
    async (taskId) => {
      const { get } = await api.addWorkspace();

      const response = await get(statusOf(taskId));

      expect([response.status, await readJson(response)]).toEqual([404, refusal(404)]);
    },
  );

  it.each([
    ['', /^taskId: is required/],
    [`?taskId=${anId}&taskId=${anId}`, /^taskId: /],
    [`?taskId=${anId}&id=1`, /^id: is not a known field/],
  ])('want one task, not %j', async (query, message) => {
    const { get } = await api.addWorkspace();

    const response = await get(`/api/v1/statusTask/sora-2${query}`);

    expect([response.status, await readJson(response)]).toEqual([400, refusal(400, expect.stringMatching(message))]);
  });

  it.each([
    ['GET', generate, 'POST'],
    ['POST', statusOf(anId), 'GET'],
  ])('do not take %s %s', async (method, at, allowed) => {
    const { send } = await api.addWorkspace();

    const response = await send(method, at);

    expect([response.status, response.headers.get('allow')]).toEqual([405, allowed]);
    expect(await readJson(response)).toEqual(refusal(405));
  });

  it.each(['/api/v1/generateTask', '/api/v1/statusTask', `${generate}/more`])(
    'say in this shape that there is nothing at %s',
    async (at) => {
      const { get } = await api.addWorkspace();

      const response = await get(at);

      expect([response.status, await readJson(response)]).toEqual([
        404,
        refusal(404, 'There is nothing at this address.'),
      ]);
    },
  );

  it.each<[string, string, Record<string, string>, number]>([
    ['of another type', '{}', { 'content-type': 'text/plain' }, 415],
    ['that is cut off', '{"input":', json, 400],
    ['that is a list', '[]', json, 400],
    ['that is too large', `{"input":"${'x'.repeat(1024 * 1024)}"}`, json, 413],
  ])('refuse a body %s', async (_, body, headers, code) => {
    const { send } = await api.addWorkspace();

    const response = await send('POST', generate, { body, headers });

    expect([response.status, await readJson(response)]).toEqual([code, refusal(code)]);
  });

  it('open no more often in a minute than the workspace may', async () => {
    const { workspaceId, get } = await api.addWorkspace();
    const limit = { requests_per_minute: 1 };
    await api.database.queries.updateTable('workspaces').set(limit).where('id', '=', workspaceId).execute();
    await get(statusOf(anId));

    const response = await get(statusOf(anId));

    expect([response.status, await readJson(response)]).toEqual([429, refusal(429)]);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('tell nothing of a mistake of ours', async () => {
    const broken = await startApixo({ app: { findCaller: () => Promise.reject(new Error('password=hunter2')) } });
    const { get } = await broken.addWorkspace();

    const response = await get(statusOf(anId));

    expect([response.status, await readJson(response)]).toEqual([500, refusal(500, 'Something went wrong here')]);
    await broken.close();
  });
});
