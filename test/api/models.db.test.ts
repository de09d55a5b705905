import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { catalogueSchema } from '../../contract/catalogue.js';
import { type Api, readJson, startApi } from '../support/api.js';
import { anImage } from '../support/images.js';

const jobs = '/api/v1/videos/jobs';
const quotes = '/api/v1/videos/quote';
const route = { account: 'omixa', upstreamModel: 'sora', costMicrosPerSecond: 100_000 };
const price = { priceMicrosPerSecond: 100_000, minimumHoldMicros: 10_000, defaultSeconds: 8 };
const sunsetAt = '2099-01-01T00:00:00Z';

let api: Api;
let caller: Awaited<ReturnType<Api['addWorkspace']>>;
beforeAll(async () => {
  api = await startApi({
    catalogue: catalogueSchema.parse({
      accounts: {
        omixa: { adapter: 'omixa', baseUrl: 'https://omixa.test', credential: 'OMIXA_API_KEY', official: true },
        apixo: { adapter: 'apixo', baseUrl: 'https://apixo.test', credential: 'APIXO_API_KEY' },
      },
      models: {
        sora: {
          ...price,
          routes: [route, { ...route, account: 'apixo', upstreamModel: 'sora-2', costMicrosPerSecond: 1 }],
        },
        ending: {
          ...price,
          replacement: 'sora',
          routes: [{ ...route, lifecycle: { status: 'deprecated', deprecatedAt: '2026-10-01T00:00:00Z', sunsetAt } }],
        },
        gone: { ...price, replacement: 'sora', routes: [{ ...route, lifecycle: { status: 'retired' } }] },
        'wide/dear': { ...price, sizePrices: { '1920x1080': 333_333 }, routes: [route] },
      },
    }),
  });
  caller = await api.addWorkspace();
});
afterAll(() => api.close());

describe('a quote', () => {
  it.each([
    [{ model: 'sora', prompt: 'a boat' }],
    [{ model: 'sora', prompt: 'a boat', seconds: 10, routing: 'value' }],
    [{ model: 'sora', prompt: 'a boat', seconds: 1.234567, size: '720p' }],
    [{ model: 'sora', prompt: 'a boat', image: anImage.dataUrl }],
    [{ model: 'wide/dear', prompt: 'a boat', size: '1080p', seconds: 1.1 }],
  ])('equals the later hold: %j', async (wanted) => {
    const before = [await api.countJobs(), await api.countFiles()];
    const response = await caller.post(quotes, wanted);
    const { cost, ...quote } = (await readJson(response)) as unknown as { cost: { held: string }; providers: string[] };
    const after = [await api.countJobs(), await api.countFiles()];

    const job = (await readJson(await caller.post(jobs, wanted))) as unknown as {
      cost: { held: string };
      provider: string;
    };

    expect(response.status).toBe(200);
    expect(after).toEqual(before);
    expect(cost.held).toBe(job.cost.held);
    expect(quote.providers[0]).toBe(job.provider);
  });

  it('can be asked for in the query', async () => {
    const response = await caller.get(`${quotes}?model=sora&prompt=a+boat&seconds=2.5&routing=official`);

    expect(await readJson(response)).toEqual({
      object: 'quote',
      model: 'sora',
      video_operation: 'text_to_video',
      duration_seconds: 2.5,
      sample_count: 1,
      size: null,
      providers: ['omixa'],
      cost: { currency: 'USD', held: '0.250000', per_second: '0.100000', minimum_hold: '0.010000' },
    });
  });

  it.each([
    [{ model: 'sora', prompt: 'a boat', seconds: 31 }, 400, 'request_invalid'],
    [{ model: 'sora', prompt: 'a boat', n_variants: 2 }, 422, 'no_route'],
    [{ model: 'gone', prompt: 'a boat' }, 410, 'model_retired'],
  ])('is refused as the job would be: %j', async (wanted, status, code) => {
    for (const path of [quotes, jobs]) {
      const response = await caller.post(path, wanted);
      expect(response.status).toBe(status);
      expect(await readJson(response)).toMatchObject({ code });
    }
  });
});

describe('a model near its end', () => {
  it('is taken, and tells when it ends and what comes after it', async () => {
    for (const [path, expected] of [
      [jobs, 202],
      [quotes, 200],
    ] as const) {
      const response = await caller.post(path, { model: 'ending', prompt: 'a boat' });
      expect(response.status).toBe(expected);
      expect(response.headers.get('deprecation')).toBe(`@${Date.parse('2026-10-01T00:00:00Z') / 1000}`);
      expect(response.headers.get('sunset')).toBe('Thu, 01 Jan 2099 00:00:00 GMT');
      expect(response.headers.get('link')).toBe(
        '<https://reelay.test/api/v1/models/ending>; rel="deprecation"; type="application/json", ' +
          '<https://reelay.test/api/v1/models/sora>; rel="successor-version"',
      );
    }
  });

  it.each([
    ['/v1/videos', { model: 'ending', prompt: 'a boat' }],
    ['/api/v1/generateTask/ending', { input: { mode: 'text-to-video', prompt: 'a boat', duration: 10 } }],
  ])('tells so in other dialects too: %s', async (path, body) => {
    const response = await caller.post(path, body);
    expect(response.status).toBe(200);
    expect(response.headers.get('sunset')).toBe('Thu, 01 Jan 2099 00:00:00 GMT');
    expect(response.headers.get('link')).toContain('rel="successor-version"');
  });

  it('says nothing of the kind while it is active', async () => {
    const { headers } = await caller.post(quotes, { model: 'sora', prompt: 'a boat' });
    expect([headers.get('deprecation'), headers.get('sunset'), headers.get('link')]).toEqual([null, null, null]);
  });
});

describe('a retired model', () => {
  it('is refused with its replacement, and nothing is stored or held', async () => {
    const { post, workspaceId } = await api.addWorkspace();
    const before = await api.countJobs();

    const response = await post(jobs, { model: 'gone', prompt: 'a boat' });

    expect(response.status).toBe(410);
    expect(response.headers.get('link')).toContain('<https://reelay.test/api/v1/models/sora>; rel="successor-version"');
    expect(await readJson(response)).toMatchObject({
      code: 'model_retired',
      detail: 'The model gone is retired; use sora.',
    });
    expect(await api.countJobs()).toBe(before);
    expect(await api.ledger.balance(workspaceId)).toMatchObject({ heldMicros: 0 });
  });
});

describe('the list of models', () => {
  it('shows what each can do, what it costs and where it is in its life', async () => {
    const { object, data } = (await readJson(await caller.get('/api/v1/models'))) as unknown as {
      object: string;
      data: { id: string }[];
    };

    expect(object).toBe('list');
    expect(data.map(({ id }) => id)).toEqual(['sora', 'ending', 'gone', 'wide/dear']);
    expect(data[0]).toMatchObject({
      object: 'model',
      lifecycle: { status: 'active', sunset_at: null, replacement: null },
      operations: expect.arrayContaining(['text_to_video', 'image_to_video']),
      options: {
        default_seconds: 8,
        duration_seconds: [{ min: 1, max: 30 }, { values: [10, 15] }],
        sizes: ['1280x720', '720x1280', '1920x1080'],
      },
      price: { currency: 'USD', per_second: '0.100000', minimum_hold: '0.010000' },
      providers: [
        { provider: 'omixa', official: true },
        { provider: 'apixo', official: false, duration_seconds: { values: [10, 15] } },
      ],
    });
    expect(data[1]).toMatchObject({
      lifecycle: { status: 'deprecated', sunset_at: '2099-01-01T00:00:00.000Z', replacement: 'sora' },
    });
    expect(data[2]).toMatchObject({ lifecycle: { status: 'retired' } });
  });

  it('shows no cost of a provider', async () => {
    expect(await (await caller.get('/api/v1/models')).text()).not.toMatch(/cost/i);
  });

  it('has each by its name, and nothing by another', async () => {
    const known = await caller.get(`/api/v1/models/${encodeURIComponent('wide/dear')}`);
    expect(await readJson(known)).toMatchObject({ id: 'wide/dear' });
    expect((await caller.get('/api/v1/models/toString')).status).toBe(404);
  });
});
