import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { dataUrlOf, pictureOf } from '../sandbox/web.js';
import { type Api, readJson } from '../support/api.js';
import { startImageServer } from '../support/image-server.js';
import { anImage } from '../support/images.js';
import { livesOf } from '../support/lives.js';
import { aCompletedVideo, anError, formOf, jobIdOf, prompt, startOpenai, tracesOf, videos } from './openai-world.js';

const wide = pictureOf(1280, 720);
const size = '1280x720';
const json = 'application/json';
const unknownVideo = 'video_01kaz0000000000000000000zz';
const mismatch = /^Inpaint image must match the requested width and height$/;

/** The header of a PNG that would unpack to gigabytes. */
const bomb = Buffer.from(anImage.bytes);
bomb.writeUInt32BE(16_000, 16);
bomb.writeUInt32BE(16_000, 20);

const fileOf = (bytes: Uint8Array, type = 'image/png') => new Blob([new Uint8Array(bytes)], { type });

let images: Awaited<ReturnType<typeof startImageServer>>;
let api: Api;
beforeAll(async () => {
  images = await startImageServer({
    '/wide.png': (_request, response) => response.end(wide),
    '/lie.png': (_request, response) => response.writeHead(200, { 'content-type': 'image/png' }).end('<html>no</html>'),
    '/bomb.png': (_request, response) => response.end(bomb),
    '/vast.png': (_request, response) => response.writeHead(200, { 'content-length': 21 * 1024 * 1024 }).flushHeaders(),
    '/private.png': (_request, response) => response.writeHead(302, { location: 'http://10.0.0.1/boat.png' }).end(),
  });
  api = await startOpenai({ allowLoopbackPorts: [images.port] });
});
afterAll(async () => {
  await images.close();
  await api.close();
});

describe('a refused create', () => {
  const reference = (value: unknown) => ({ size, input_reference: value });
  const cases: [object, string, RegExp][] = [
    [{ prompt: undefined }, 'prompt', /is required/],
    [{ prompt: ' \n' }, 'prompt', /must not be blank/],
    [{ prompt: 'x'.repeat(32_001) }, 'prompt', /^prompt: /],
    [{ prompt: 'a\u0000' }, 'prompt', /U\+0000/],
    [{ seconds: 8 }, 'seconds', /"4"\|"8"\|"12"/],
    [{ seconds: '5' }, 'seconds', /^seconds: /],
    [{ seconds: '8.0' }, 'seconds', /^seconds: /],
    [{ size: '1920x1080' }, 'size', /^size: /],
    [{ size: '1792x1024' }, 'size', /^size: /],
    [{ size: 720 }, 'size', /^size: /],
    [{ model: 'sora-2-2024-01-01' }, 'model', /must be one of/],
    [{ model: '' }, 'model', /^model: /],
    [{ model: 'sora-2-pro', seconds: '16' }, 'seconds', /^seconds: /],
    [{ n: 2 }, 'n', /not a known field/],
    [{ characters: [{ id: 'char_1' }] }, 'characters', /not a known field/],
    [reference('https://example.com/a.png'), 'input_reference', /must be a file, or an object/],
    [reference(null), 'input_reference', /^input_reference: /],
    [reference({}), 'input_reference', /exactly one of image_url and file_id/],
    [reference({ image_url: dataUrlOf(wide), file_id: 'file-1' }), 'input_reference', /exactly one/],
    [reference({ file_id: 'file-1' }), 'input_reference', /not that of a file/],
    [reference({ file_id: 'https://example.com/a.png' }), 'input_reference', /not that of a file/],
    [reference({ file_id: 'file_01kaz0000000000000000000zz' }), 'input_reference', /not known/],
    [reference({ url: dataUrlOf(wide) }), 'input_reference.url', /not a known field/],
    [reference({ image_url: 'boat.png' }), 'input_reference', /http\(s\) address or a base64 data URL/],
    [reference({ image_url: 'data:image/gif;base64,R0lGODlhAQABAAAAACw=' }), 'input_reference', /must be one of/],
    [reference({ image_url: dataUrlOf(wide, 'jpeg') }), 'input_reference', /says image\/jpeg/],
    [reference({ image_url: dataUrlOf(bomb) }), 'input_reference', /16000x16000/],
    [reference({ image_url: anImage.dataUrl }), 'input_reference', mismatch],
    [{ input_reference: { image_url: dataUrlOf(wide) } }, 'input_reference', mismatch],
  ];

  it.each(cases)('%j names %s and leaves nothing behind', async (fields, param, message) => {
    const { workspaceId, post } = await api.addWorkspace();
    const before = await tracesOf(api, workspaceId);

    const response = await post(videos, { prompt, ...fields }, { 'idempotency-key': 'refused' });

    expect(response.status).toBe(400);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await readJson(response)).toEqual(anError(message, { param }));
    expect(await tracesOf(api, workspaceId)).toEqual(before);
    // A refused request leaves its key free.
    expect((await post(videos, { prompt }, { 'idempotency-key': 'refused' })).status).toBe(200);
  });

  it.each([
    ['that is no image', () => images.url('/lie.png'), /not known|must be one of/],
    ['that would unpack to gigabytes', () => images.url('/bomb.png'), /16000x16000/],
    ['that is too large', () => images.url('/vast.png'), /at most/],
    ['of which there is nothing', () => images.url('/none.png'), /answered 404/],
    ['in our own network', () => 'http://169.254.169.254/latest/meta-data', /public internet/],
    ['that leads into our own network', () => images.url('/private.png'), /public internet/],
  ])('for an image at an address %s leaves nothing behind', async (_, address, message) => {
    const { workspaceId, post } = await api.addWorkspace();
    const before = await tracesOf(api, workspaceId);

    const response = await post(videos, { prompt, size, input_reference: { image_url: address() } });

    expect(response.status).toBe(400);
    expect(await readJson(response)).toEqual(anError(message, { param: 'input_reference' }));
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it('for too many open jobs may be tried again, and is told when', async () => {
    const { workspaceId, post } = await api.addWorkspace();
    await setWorkspace(workspaceId, { open_job_limit: 1 });
    expect((await post(videos, { prompt })).status).toBe(200);

    const response = await post(videos, { prompt });

    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '5']);
    expect(response.headers.get('x-should-retry')).toBeNull();
    const code = { code: 'rate_limit_exceeded', type: 'rate_limit_error' };
    expect(await readJson(response)).toEqual(anError(/open jobs/, { param: null, ...code }));
  });

  it('for want of money removes its files', async () => {
    const { workspaceId, send } = await api.addWorkspace({ micros: 399_999 });
    const before = await tracesOf(api, workspaceId);

    const response = await send('POST', videos, { body: formOf({ prompt, size, input_reference: fileOf(wide) }) });

    expect([response.status, response.headers.get('x-should-retry')]).toEqual([429, 'false']);
    const code = { code: 'insufficient_quota', type: 'insufficient_quota' };
    expect(await readJson(response)).toEqual(anError(/0\.400000 USD/, { param: null, ...code }));
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });
});

describe('a form', () => {
  const postForm = async (fields: Record<string, string | Blob>, path = videos) => {
    const { workspaceId, send } = await api.addWorkspace();
    const before = await tracesOf(api, workspaceId);
    const response = await send('POST', path, { body: formOf(fields) });
    return { response, before, after: await tracesOf(api, workspaceId) };
  };

  it('says all that JSON can say', async () => {
    const { response } = await postForm({
      prompt: 'ein Schiff aus Papier: 紙の船',
      model: 'sora-2',
      seconds: '12',
      size,
      'input_reference[image_url]': images.url('/wide.png'),
    });
    expect(response.status).toBe(200);
    expect(await readJson(response)).toMatchObject({ prompt: 'ein Schiff aus Papier: 紙の船', seconds: '12', size });
  });

  it.each<[string, Record<string, string | Blob>, string, RegExp]>([
    ['a bare text as image', { input_reference: 'boat.png' }, 'input_reference', /must be a file, or an object/],
    [
      'a file that is no image',
      { input_reference: fileOf(Buffer.from('a boat')) },
      'input_reference',
      /not known|one of/,
    ],
    ['other pixels', { input_reference: fileOf(anImage.bytes), size }, 'input_reference', mismatch],
    ['the pixels of another size', { input_reference: fileOf(wide), size: '720x1280' }, 'input_reference', mismatch],
    ['gigabytes', { input_reference: fileOf(bomb), size }, 'input_reference', /16000x16000/],
    ['a file of another name', { image: fileOf(wide) }, 'image', /not a known field/],
    [
      'an image twice',
      { 'input_reference[image_url]': dataUrlOf(wide), input_reference: fileOf(wide) },
      'input_reference',
      /must be sent once/,
    ],
    ['a file id', { 'input_reference[file_id]': 'file-1' }, 'input_reference', /not that of a file/],
    ['a length that is none', { seconds: '4.0' }, 'seconds', /^seconds: /],
  ])('with %s leaves nothing behind', async (_, fields, param, message) => {
    const { response, before, after } = await postForm({ prompt, ...fields });

    expect(response.status).toBe(400);
    expect(await readJson(response)).toEqual(anError(message, { param }));
    expect(after).toEqual(before);
  });

  it('with more than a body may have is refused as too large', async () => {
    const { response, before, after } = await postForm({ prompt, input_reference: fileOf(Buffer.alloc(1_100_000)) });

    expect(response.status).toBe(413);
    expect(await readJson(response)).toEqual(anError(/large/, { param: null, code: 'request_too_large' }));
    expect(after).toEqual(before);
  });
});

describe('a follow-up', () => {
  type FollowUp = { path: string; fields: Record<string, string>; word: string };
  const followUps = (video: string): FollowUp[] => [
    { path: `${videos}/${video}/remix`, fields: { prompt }, word: 'video_id' },
    { path: `${videos}/edits`, fields: { prompt, 'video[id]': video }, word: 'video' },
    { path: `${videos}/extensions`, fields: { prompt, seconds: '4', 'video[id]': video }, word: 'video' },
  ];

  it('may come as a form', async () => {
    const caller = await api.addWorkspace();
    const source = await aCompletedVideo(api, caller);
    for (const { path, fields } of followUps(source)) {
      const response = await caller.send('POST', path, { body: formOf(fields) });
      expect([response.status, await readJson(response)]).toMatchObject([200, { object: 'video', size }]);
    }
  });

  it('of a video that is unknown, or of somebody else, is not found', async () => {
    const stranger = await api.addWorkspace();
    const theirs = await aCompletedVideo(api, stranger);
    const { workspaceId, send } = await api.addWorkspace();
    const before = await tracesOf(api, workspaceId);

    for (const { path, fields } of [theirs, unknownVideo, 'boat'].flatMap(followUps)) {
      const response = await send('POST', path, { body: formOf(fields) });
      expect(response.status).toBe(404);
      expect(await readJson(response)).toEqual(anError(/There is no/, { param: null, code: 'not_found' }));
    }
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it('waits for the end of its source, and does not knock meanwhile', async () => {
    const { workspaceId, post, send } = await api.addWorkspace();
    const open = String((await readJson(await post(videos, { prompt }))).id);
    const before = await tracesOf(api, workspaceId);

    for (const { path, fields, word } of followUps(open)) {
      const response = await send('POST', path, { body: formOf(fields) });
      expect([response.status, response.headers.get('x-should-retry')]).toEqual([400, 'false']);
      expect(await readJson(response)).toEqual(anError(/queued/, { param: word, code: 'video_not_completed' }));
    }
    expect(await tracesOf(api, workspaceId)).toEqual(before);
  });

  it('has nothing to go on from after a failure', async () => {
    const { post, send } = await api.addWorkspace();
    const failed = String((await readJson(await post(videos, { prompt }))).id);
    await livesOf(api).fail(jobIdOf(failed), 'prompt_rejected');

    for (const { path, fields, word } of followUps(failed)) {
      const response = await send('POST', path, { body: formOf(fields) });
      expect([response.status, await readJson(response)]).toEqual([400, anError(/failed/, { param: word })]);
    }
  });

  it.each<[string, object, string, RegExp]>([
    ['edits', { prompt }, 'video', /required|object/],
    ['edits', { prompt, video: unknownVideo }, 'video', /object/],
    ['edits', { prompt, video: {} }, 'video.id', /required/],
    ['edits', { prompt, video: { id: unknownVideo }, seconds: '4' }, 'seconds', /not a known field/],
    ['extensions', { prompt, video: { id: unknownVideo } }, 'seconds', /^seconds: /],
    ['extensions', { prompt, seconds: 4, video: { id: unknownVideo } }, 'seconds', /^seconds: /],
    ['extensions', { prompt, seconds: '6', video: { id: unknownVideo } }, 'seconds', /^seconds: /],
    ['extensions', { prompt: '', seconds: '4', video: { id: unknownVideo } }, 'prompt', /blank/],
    [`${unknownVideo}/remix`, { prompt: ' ' }, 'prompt', /blank/],
    [`${unknownVideo}/remix`, { prompt, seconds: '4' }, 'seconds', /not a known field/],
  ])('%s with %j names %s', async (path, body, param, message) => {
    const { post } = await api.addWorkspace();
    const response = await post(`${videos}/${path}`, body);
    expect([response.status, await readJson(response)]).toEqual([400, anError(message, { param })]);
  });

  it.each<[string, Record<string, string>]>([
    ['edits', {}],
    ['extensions', { seconds: '4' }],
  ])('of a file is refused for now: %s', async (path, fields) => {
    const { send } = await api.addWorkspace();
    const body = formOf({ prompt, ...fields, video: fileOf(wide, 'video/mp4') });
    const response = await send('POST', `${videos}/${path}`, { body });
    expect([response.status, await readJson(response)]).toEqual([
      400,
      anError(/file cannot be taken/, { param: 'video' }),
    ]);
  });

  it('of a video that was never measured is refused', async () => {
    const caller = await api.addWorkspace();
    const source = await aCompletedVideo(api, caller);
    await api.database.queries
      .updateTable('artifacts')
      .set({ duration_seconds: null })
      .where('job_id', '=', jobIdOf(source))
      .execute();
    const response = await caller.post(`${videos}/${source}/remix`, { prompt });
    expect([response.status, await readJson(response)]).toEqual([400, anError(/measured/, { param: 'video_id' })]);
  });
});

describe('the doors', () => {
  it('ask for a key in the words of the dialect', async () => {
    const response = await fetch(new URL(videos, api.url), { headers: { authorization: 'Bearer sk-1' } });
    expect(response.status).toBe(401);
    expect(await readJson(response)).toEqual(anError(/valid key/, { param: null, code: 'invalid_api_key' }));
  });

  it.each([
    ['POST', videos, 'jobs:read'],
    ['DELETE', `${videos}/${unknownVideo}`, 'jobs:read'],
    ['POST', `${videos}/edits`, 'jobs:read'],
    ['GET', videos, 'jobs:write'],
    ['GET', `${videos}/${unknownVideo}/content`, 'jobs:write'],
  ] as const)('are closed to a key without the scope: %s %s', async (method, path, scope) => {
    const { send } = await api.addWorkspace({ scopes: [scope] });
    const response = await send(method, path);
    expect(response.status).toBe(403);
    expect(await readJson(response)).toEqual(anError(/scope/, { param: null, code: 'insufficient_permissions' }));
  });

  it.each([
    ['PUT', videos, 'GET, POST'],
    ['GET', `${videos}/edits`, 'POST'],
    ['GET', `${videos}/extensions`, 'POST'],
    ['POST', `${videos}/${unknownVideo}`, 'GET, DELETE'],
    ['POST', `${videos}/${unknownVideo}/content`, 'GET, HEAD'],
    ['GET', `${videos}/${unknownVideo}/remix`, 'POST'],
  ])('do not take %s %s', async (method, path, allowed) => {
    const response = await fetch(new URL(path, api.url), { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, allowed]);
    expect(await readJson(response)).toEqual(anError(/^Use/, { param: null, code: 'method_not_supported' }));
  });

  it.each([
    ['GET', `${videos}/${unknownVideo}`],
    ['GET', `${videos}/job_01kaz0000000000000000000zz`],
    ['DELETE', `${videos}/${unknownVideo}`],
    ['GET', `${videos}/${unknownVideo}/content`],
    ['GET', `${videos}/boat/content`],
    ['GET', `${videos}/${unknownVideo}/nothing`],
  ])('know nothing of %s %s', async (method, path) => {
    const { send } = await api.addWorkspace();
    const response = await send(method, path);
    expect(response.status).toBe(404);
    expect(await readJson(response)).toEqual(anError(/There is no/, { param: null, code: 'not_found' }));
  });

  it.each([
    ['POST', `${videos}/characters`],
    ['GET', `${videos}/characters/char_1`],
  ])('know no characters: %s %s', async (method, path) => {
    const response = await fetch(new URL(path, api.url), { method });
    expect(response.status).toBe(404);
    expect(await readJson(response)).toEqual(anError(/There is nothing/, { param: null, code: 'not_found' }));
  });

  it('show nobody what belongs to somebody else', async () => {
    const owner = await api.addWorkspace();
    const theirs = await aCompletedVideo(api, owner);
    const { send } = await api.addWorkspace();

    const answers = await Promise.all([
      send('GET', `${videos}/${theirs}`),
      send('GET', `${videos}/${theirs}/content`),
      send('DELETE', `${videos}/${theirs}`),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404]);
    expect((await owner.get(`${videos}/${theirs}`)).status).toBe(200);
  });

  it.each([
    ['after=job_01kaz0000000000000000000zz', 'after'],
    ['after=video_1', 'after'],
    ['limit=101', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=ten', 'limit'],
    ['order=newest', 'order'],
    ['page=2', 'page'],
  ])('of the list name what is wrong in %s', async (query, param) => {
    const { get } = await api.addWorkspace();
    const response = await get(`${videos}?${query}`);
    expect([response.status, await readJson(response)]).toEqual([400, anError(new RegExp(`^${param}: `), { param })]);
  });

  it('of the content name what is wrong', async () => {
    const { get } = await api.addWorkspace();
    const response = await get(`${videos}/${unknownVideo}/content?variant=sound`);
    expect([response.status, await readJson(response)]).toEqual([400, anError(/^variant: /, { param: 'variant' })]);
  });

  it('take JSON and forms only, and not too much of them', async () => {
    const { post, send } = await api.addWorkspace();

    const text = await send('POST', videos, { body: 'prompt=a', headers: { 'content-type': 'text/plain' } });
    const broken = await send('POST', videos, { body: '{', headers: { 'content-type': json } });
    const large = await post(videos, { prompt, input_reference: { image_url: 'x'.repeat(1_100_000) } });

    expect([text.status, broken.status, large.status]).toEqual([415, 400, 413]);
    const answers = [await readJson(text), await readJson(broken), await readJson(large)];
    expect(answers).toEqual([
      anError(/JSON or a form/, { param: null, code: 'unsupported_content_type' }),
      anError(/JSON/, { param: null }),
      anError(/large/, { param: null, code: 'request_too_large' }),
    ]);
  });

  it('say when the limit of requests is reached', async () => {
    const { workspaceId, get } = await api.addWorkspace();
    await setWorkspace(workspaceId, { requests_per_minute: 1 });

    const [, response] = [await get(videos), await get(videos)];

    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(50);
    const code = { code: 'rate_limit_exceeded', type: 'rate_limit_error' };
    expect(await readJson(response)).toEqual(anError(/requests a minute/, { param: null, ...code }));
  });
});

async function setWorkspace(id: string, change: { open_job_limit?: number; requests_per_minute?: number }) {
  await api.database.queries.updateTable('workspaces').set(change).where('id', '=', id).execute();
}
