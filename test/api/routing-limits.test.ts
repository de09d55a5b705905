import { describe, expect, it } from '@jest/globals';
import { lifeOf, type PublicModel } from '../../api/models.js';
import type { Duration } from '../../contract/abilities.js';
import {
  aPublicModel,
  aPublicRoute,
  aRoutableRequest,
  landscape,
  planFor,
  portrait,
  refusalOf,
  takesImages,
} from '../support/public-models.js';

const png = { contentType: 'image/png', bytes: 10, width: 1280, height: 720 };
const animated = (firstFrame: typeof png, changes: object = {}) =>
  aRoutableRequest({ operation: 'image_to_video', inputs: { firstFrame, references: [] }, ...changes });
const accountsOf = (...planned: Parameters<typeof planFor>) =>
  planFor(...planned).plan.routes.map(({ account }) => account);
const fieldOf = (...planned: Parameters<typeof planFor>) => refusalOf(...planned).errors[0]?.field;

describe('the life of a model', () => {
  const sunsetAt = '2026-11-21T09:00:00Z';
  const ending = aPublicRoute('ending', {
    lifecycle: { status: 'deprecated', deprecatedAt: '2026-10-01T00:00:00Z', sunsetAt },
  });
  const retired = aPublicRoute('retired', { lifecycle: { status: 'retired' } });
  const before = Date.parse(sunsetAt) - 1;

  it('asks no retired route, nor one whose end has come', () => {
    const model = aPublicModel(retired, ending, aPublicRoute('a'));

    expect(accountsOf(model, aRoutableRequest({ deadlineSeconds: 60 }))).toEqual(['ending', 'a']);
    expect(accountsOf(model, aRoutableRequest(), { nowMs: Date.parse(sunsetAt) })).toEqual(['a']);
  });

  it('refuses a model without a route that is left, naming the next one', () => {
    const model: PublicModel = { ...aPublicModel(retired, ending), replacement: 'sora-3' };

    const error = refusalOf(model, aRoutableRequest(), { nowMs: Date.parse(sunsetAt) });

    expect(error).toMatchObject({
      code: 'model_retired',
      status: 410,
      message: 'The model sora is retired; use sora-3.',
    });
  });

  it('takes no job that could outlive its last route', () => {
    const model = aPublicModel(ending);

    expect(accountsOf(model, aRoutableRequest({ deadlineSeconds: 3_600 }))).toEqual(['ending']);
    expect(fieldOf(model, aRoutableRequest({ deadlineSeconds: 3_601 }))).toBe('their deadlineSeconds');
  });

  it('is near its end when every route that is left is', () => {
    expect(lifeOf(aPublicModel(ending, aPublicRoute('a')), before)).toMatchObject({ status: 'active', sunsetAt: null });
    expect(lifeOf({ ...aPublicModel(retired, ending), replacement: 'sora-3' }, before)).toEqual({
      status: 'deprecated',
      deprecatedAt: new Date('2026-10-01T00:00:00Z'),
      sunsetAt: new Date(sunsetAt),
      replacement: 'sora-3',
    });
    expect(lifeOf(aPublicModel(retired, ending), before + 1)).toMatchObject({ status: 'retired' });
  });

  it('has no date for its end while one of its ending routes has none', () => {
    const open = aPublicRoute('open', { lifecycle: { status: 'deprecated' } });
    expect(lifeOf(aPublicModel(ending, open), before)).toMatchObject({ status: 'deprecated', sunsetAt: null });
  });
});

describe('the policy official', () => {
  it('asks only those that offer the model of its maker', () => {
    const model = aPublicModel(aPublicRoute('a'), aPublicRoute('b', { official: true }));
    expect(accountsOf(model, aRoutableRequest(), { policy: 'official' })).toEqual(['b']);
  });

  it('names itself where nobody does', () => {
    const error = refusalOf(aPublicModel(aPublicRoute('a')), aRoutableRequest(), { policy: 'official' });
    expect(error).toMatchObject({ code: 'no_route', errors: [{ field: 'their routing' }] });
  });
});

describe('images', () => {
  const exact = aPublicModel(aPublicRoute('exact', { abilities: takesImages({ framePixels: 'exact' }) }));

  it('must be as large as the video where the provider wants exact frames', () => {
    const size = { width: 1280, height: 720 };
    expect(accountsOf(exact, animated(png, { size, aspectRatio: '16:9' }))).toEqual(['exact']);
    expect(fieldOf(exact, animated({ ...png, width: 1279 }, { size, aspectRatio: '16:9' }))).toBe('their firstFrame');
  });

  it('give their size to a video that names none, where that can be made', () => {
    expect(planFor(exact, animated({ ...png, width: 720, height: 1280 })).shape).toEqual({
      size: { width: 720, height: 1280 },
      aspectRatio: '9:16',
    });
    const any = aPublicModel(aPublicRoute('any', { abilities: takesImages() }));
    expect(planFor(any, animated({ ...png, width: 500, height: 500 })).shape).toEqual({});
  });

  it('go to providers that fetch them only when we have a public address', () => {
    const model = aPublicModel(
      aPublicRoute('fetches', { abilities: takesImages({ form: 'url' }) }),
      aPublicRoute('takes', { abilities: takesImages() }),
    );
    expect(accountsOf(model, animated(png))).toEqual(['fetches', 'takes']);
    expect(accountsOf(model, animated(png), { hasPublicAddress: false })).toEqual(['takes']);
  });

  it('do not fill two slots that exclude each other', () => {
    const abilities = takesImages({ exclusive: ['firstFrame', 'references'] });
    const model = aPublicModel(aPublicRoute('a', { abilities }));
    const inputs = { firstFrame: png, references: [png] };

    expect(accountsOf(model, animated(png))).toEqual(['a']);
    expect(fieldOf(model, aRoutableRequest({ operation: 'image_to_video', inputs }))).toBe('their references');
  });
});

describe('a follow-up', () => {
  const extendDuration: Duration = { kind: 'set', values: [4] };
  const operations = ['text_to_video', 'extend', 'remix'] as const;
  const maker = aPublicRoute('maker', { abilities: { operations, extendDuration } });
  const model = aPublicModel(aPublicRoute('other', { abilities: { operations } }), maker);
  const sourceVideo = {
    jobId: 'job_1',
    task: { account: 'maker', upstreamModel: 'maker-model', id: 'task-1' },
    durationSeconds: 31.5,
    size: { width: 1000, height: 500 },
  };
  const inputs = { references: [], sourceVideo };

  it('stays with the model and the account that made its source', () => {
    const wanted = aRoutableRequest({ operation: 'remix', durationSeconds: 31.5, inputs });

    expect(accountsOf(model, wanted)).toEqual(['maker']);
    expect(planFor(model, wanted)).toMatchObject({
      holdMicros: 3_150_000,
      shape: { size: { width: 1000, height: 500 } },
    });
    const elsewhere = { ...sourceVideo, task: { ...sourceVideo.task, upstreamModel: 'newer' } };
    expect(fieldOf(model, { ...wanted, inputs: { references: [], sourceVideo: elsewhere } })).toBe('their sourceVideo');
  });

  it('adds only lengths that its maker adds', () => {
    const extend = (durationSeconds: number) => aRoutableRequest({ operation: 'extend', durationSeconds, inputs });

    expect(accountsOf(model, extend(4))).toEqual(['maker']);
    expect(fieldOf(model, extend(5))).toBe('their durationSeconds');
  });
});

describe('a price', () => {
  it('may be another one for a size', () => {
    const shapes = [landscape, portrait];
    const route = aPublicRoute('a', { abilities: { geometry: { promised: 'pixels', shapes, default: landscape } } });
    const model = { ...aPublicModel(route), sizePrices: { '720x1280': 250_000 } };
    const sized = (width: number, height: number) => planFor(model, aRoutableRequest({ size: { width, height } }));

    expect(sized(1280, 720)).toMatchObject({ priceMicrosPerSecond: 100_000, holdMicros: 800_000 });
    expect(sized(720, 1280)).toMatchObject({ priceMicrosPerSecond: 250_000, holdMicros: 2_000_000 });
  });
});
