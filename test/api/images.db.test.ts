import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Api, readJson, startApi } from '../support/api.js';
import { startImageServer } from '../support/image-server.js';
import { anImage } from '../support/images.js';

const path = '/api/v1/videos/jobs';
const MEBIBYTE = 1024 * 1024;

/** The header of a PNG that would unpack to gigabytes. */
const bomb = Buffer.from(anImage.bytes);
bomb.writeUInt32BE(16_000, 16);
bomb.writeUInt32BE(16_000, 20);

let api: Api;
let caller: Awaited<ReturnType<Api['addWorkspace']>>;
let images: Awaited<ReturnType<typeof startImageServer>>;
/** Who came for an image that is given out to two at once only. */
const together: ServerResponse[] = [];
beforeAll(async () => {
  images = await startImageServer({
    '/together.png': (_request, response) => {
      together.push(response);
      if (together.length === 2) for (const one of together.splice(0)) one.end(anImage.bytes);
    },
    '/boat.png': (_request, response) => response.end(anImage.bytes),
    // Called what it is not, and still what it is.
    '/boat.gif': (_request, response) => response.writeHead(200, { 'content-type': 'image/gif' }).end(anImage.bytes),
    '/lie.png': (_request, response) => response.writeHead(200, { 'content-type': 'image/png' }).end('<html>no</html>'),
    '/bomb.png': (_request, response) => response.end(bomb),
    '/declared.png': (_request, response) =>
      response.writeHead(200, { 'content-length': 21 * MEBIBYTE }).flushHeaders(),
    '/endless.png': (_request, response) => {
      const chunk = Buffer.alloc(MEBIBYTE);
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', more);
      more();
    },
    '/private': (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/boat.png' }).end(),
    '/there': (_request, response) => response.writeHead(302, { location: '/boat.png' }).end(),
    '/round': (_request, response) => response.writeHead(302, { location: '/round' }).end(),
    '/cut.png': (_request, response) => {
      response.writeHead(200, { 'content-length': 1_000 });
      response.write('x', () => response.destroy());
    },
  });
  api = await startApi({ allowLoopbackPorts: [images.port] });
  caller = await api.addWorkspace();
});
afterAll(async () => {
  await images.close();
  await api.close();
});

const create = (image: string) => caller.post(path, { model: 'sora', prompt: 'a boat', seconds: 8, image });

describe('images of the steps of a pipeline', () => {
  it('are fetched a few at once', async () => {
    const step = { kind: 'image_to_video', model: 'sora', prompt: 'a boat', start_frame: images.url('/together.png') };
    const steps = ['one', 'two'].map((name) => ({ ...step, name }));
    expect((await caller.post('/api/v1/videos/pipelines', { steps })).status).toBe(202);
  });
});

describe('an image at an address', () => {
  it.each(['/boat.png', '/boat.gif', '/there'])('is fetched from %s and kept by its content', async (at) => {
    const response = await create(images.url(at));

    expect(response.status).toBe(202);
    const { id } = await readJson(response);
    const [input] = await api.database.queries
      .selectFrom('artifacts')
      .selectAll()
      .where('job_id', '=', String(id))
      .execute();
    expect(input).toMatchObject({ role: 'input', content_type: 'image/png', sha256: anImage.sha256 });
  });

  it.each([
    ['that is no image', () => images.url('/lie.png'), /not known|must be one of/],
    ['of which there is nothing', () => images.url('/none.png'), /answered 404/],
    ['that would unpack to gigabytes', () => images.url('/bomb.png'), /16000x16000 pixels/],
    ['that is said to be too large', () => images.url('/declared.png'), /at most/],
    ['that never ends', () => images.url('/endless.png'), /more than/],
    ['that is cut off', () => images.url('/cut.png'), /could not be fetched/],
    ['in our own network', () => 'http://169.254.169.254/latest/meta-data', /public internet/],
    ['on this machine', () => `http://127.0.0.1:${images.port + 1}/boat.png`, /public internet/],
    ['that leads into our own network', () => images.url('/private'), /public internet/],
    ['that leads round in circles', () => images.url('/round'), /redirects/],
    ['with a user name', () => images.url('/boat.png').replace('http://', 'http://user:word@'), /user name/],
  ])('%s is refused, naming the field, and nothing is left behind', async (_, address, message) => {
    const before = [await api.countJobs(), await api.countFiles(), await api.ledger.balance(caller.workspaceId)];

    const response = await create(address());

    expect(response.status).toBe(400);
    expect(await readJson(response)).toMatchObject({
      code: 'request_invalid',
      errors: [{ field: 'image', message: expect.stringMatching(message) }],
    });
    expect([await api.countJobs(), await api.countFiles(), await api.ledger.balance(caller.workspaceId)]).toEqual(
      before,
    );
  });
});

describe('an input', () => {
  it('can be fetched by a provider at a signed address only', async () => {
    const { id } = await readJson(await create(anImage.dataUrl));
    const input = await api.database.queries
      .selectFrom('artifacts')
      .select('id')
      .where('job_id', '=', String(id))
      .executeTakeFirstOrThrow();
    const signed = api.inputAddress(input.id).replace('https://reelay.test', api.url);

    const response = await fetch(signed);

    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('image/png');
    expect(Buffer.from(await response.arrayBuffer()).equals(anImage.bytes)).toBe(true);
    expect((await fetch(signed.replace(/signature=./, 'signature=_'))).status).toBe(403);
    expect((await fetch(signed.replace(input.id, 'art_01k'))).status).toBe(403);
    expect((await caller.get(new URL(signed).pathname)).status).toBe(400);
  });
});
