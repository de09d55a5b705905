import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startSandbox } from '../support/sandbox.js';
import { until } from '../support/until.js';
import { bodyOf, type OmixaJob, omixaCaller, omixaJob, post } from './callers.js';

const png = `data:image/png;base64,${Buffer.from('\x89PNG\r\n\x1a\n----', 'latin1').toString('base64')}`;

describe('the stand-in for Omixa', () => {
  let sandbox: Awaited<ReturnType<typeof startSandbox>>;
  let omixa: ReturnType<typeof omixaCaller>;
  beforeAll(async () => {
    sandbox = await startSandbox({ speed: 40 });
    omixa = omixaCaller(sandbox.url);
  });
  afterAll(() => sandbox.close());

  it('carries a job from running to succeeded, with an MP4 file at the end', async () => {
    const submitted = await omixa.submitted(omixaJob());
    expect(submitted).toMatchObject({
      provider: 'azure-foundry',
      model: 'sora',
      status: 'running',
      operation: expect.stringMatching(/./),
      poll_after_seconds: expect.any(Number),
      data: [],
    });

    const done = await until(async () => {
      const looked = await omixa.looked(submitted.operation);
      return looked.status === 'succeeded' && looked;
    }, 20);
    expect(done.data).toEqual([
      { url: expect.stringContaining(`${sandbox.url}/omixa/files/`), content_type: 'video/mp4' },
    ]);
    const file = await fetch(done.data[0]?.url ?? '');
    expect(file.headers.get('content-type')).toBe('video/mp4');
    const bytes = Buffer.from(await file.arrayBuffer());
    expect(bytes.length).toBe(Number(file.headers.get('content-length')));
    expect(bytes.toString('latin1', 4, 8)).toBe('ftyp');
  });

  it('answers a status call by POST too', async () => {
    const { operation } = await omixa.submitted(omixaJob());
    const looked = await post(`${omixa.jobs}/status`, { operation });
    expect(await looked.json()).toMatchObject({ operation });
  });

  it('hints at a look no later than the job needs', async () => {
    const { poll_after_seconds: hint } = await omixa.submitted(omixaJob());
    expect(hint).toBeGreaterThan(0);
    expect(hint).toBeLessThanOrEqual(0.3);
  });

  it('does not ask to be looked at often while a job stalls', async () => {
    await sandbox.control.script({ call: 'submit', fault: 'stall', promptIncludes: 'a stalling boat' });
    const { poll_after_seconds: hint } = await omixa.submitted(omixaJob({ prompt: 'a stalling boat' }));
    expect(hint).toBe(5);
  });

  it.each<[string, object, RegExp]>([
    ['an unknown field', { length: 3 }, /length/],
    ['no prompt', { prompt: ' ' }, /prompt/],
    ['seconds as a text', { seconds: '8' }, /seconds/],
    ['31 seconds', { seconds: 31 }, /seconds/],
    ['two names of one field', { duration_seconds: 1 }, /only one of/],
    ['a size that no page names', { size: '640x480' }, /size/],
    ['a ratio against the size', { size: '1280x720', aspect_ratio: '9:16' }, /aspect_ratio/],
    ['five variants', { n_variants: 5 }, /n_variants/],
    ['a seed that is no integer', { seed: 1.5 }, /seed/],
    ['a field of other models', { negative_prompt: 'rain' }, /negative_prompt/],
    ['image_to_video without an image', { task: 'image_to_video' }, /start_frame/],
    ['an image by address', { task: 'image_to_video', image: 'https://example.com/a.png' }, /image/],
    ['an image that is none', { task: 'image_to_video', image: 'data:image/png;base64,AAAA' }, /image/],
    ['a remix of a job that it never had', { task: 'remix', video_id: 'operations/none' }, /source_video/],
  ])('refuses %s', async (_, given, message) => {
    const response = await omixa.submit(omixaJob(given));
    expect(response.status).toBe(400);
    const { error } = await bodyOf<OmixaJob>(response);
    expect(error).toMatchObject({ code: 'invalid_request', message: expect.stringMatching(message) });
  });

  it('takes an image as a data URL, and a job of its own as the source of a remix', async () => {
    const first = await omixa.submit(omixaJob({ task: 'image_to_video', start_frame: png }));
    expect(first.status).toBe(200);
    const { operation } = await bodyOf<OmixaJob>(first);
    expect((await omixa.submit(omixaJob({ task: 'remix', source_video_id: operation }))).status).toBe(200);
  });

  it('makes an extension that shows its source too, and bills what is new', async () => {
    const [prompt, size] = ['a boat that sails on', '720x1280'];
    const source = await omixa.submitted(omixaJob({ size }));
    const extension = { task: 'extend', prompt, video_id: source.operation, size: '1280x720', seconds: 1.5 };
    const { url } = await omixa.fileOf(omixaJob(extension));
    const facts = await sandbox.factsOf(await fetch(url));
    expect(facts).toMatchObject({ width: 720, height: 1280 });
    expect(facts.durationSeconds).toBeCloseTo(2.5, 1);
    expect(await sandbox.control.counts({ promptIncludes: prompt })).toMatchObject({ billedMicros: 150_000 });
  });

  it('makes a remix as long and as large as its source', async () => {
    const source = await omixa.submitted(omixaJob({ size: '720x1280' }));
    const { url } = await omixa.fileOf(omixaJob({ task: 'remix', source_video: source.operation, seconds: 4 }));
    const facts = await sandbox.factsOf(await fetch(url));
    expect(facts).toMatchObject({ width: 720, height: 1280 });
    expect(facts.durationSeconds).toBeCloseTo(1, 1);
  });

  it('refuses another model, a bad key and a body that is no JSON in its own shape', async () => {
    const shape = { error: { code: expect.any(String), message: expect.any(String) } };
    const model = await omixa.submit(omixaJob({ model: 'sora-9' }));
    expect([model.status, await model.json()]).toMatchObject([404, shape]);
    const key = await omixa.submit(omixaJob(), { authorization: 'Bearer bad-key' });
    expect([key.status, await key.json()]).toMatchObject([401, shape]);
    const json = await fetch(omixa.jobs, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{',
    });
    expect([json.status, await json.json()]).toMatchObject([400, shape]);
    const route = await fetch(`${omixa.jobs}/x/cancel`, { method: 'POST' });
    expect([route.status, await route.json()]).toMatchObject([404, shape]);
  });

  it('shows a job to its own account only', async () => {
    const { operation } = await omixa.submitted(omixaJob());
    expect((await omixaCaller(sandbox.url, 'omixa-2').look(operation)).status).toBe(404);
    expect((await omixa.look(operation)).status).toBe(200);
  });

  it('stands in for as many accounts as are named, and for no other vendor', async () => {
    expect((await omixaCaller(sandbox.url, 'omixa-17').submit(omixaJob())).status).toBe(200);
    expect((await omixaCaller(sandbox.url, 'acme').submit(omixaJob())).status).toBe(404);
  });
});
