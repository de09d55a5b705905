import { describe, expect, it } from '@jest/globals';
import type { RoutableRequest } from '../../api/fitness.js';
import type { PublicModel } from '../../api/models.js';
import type { ModelAbilities } from '../../contract/abilities.js';
import { aPlan } from '../support/plans.js';
import {
  aPublicModel,
  aPublicRoute,
  aRoutableRequest,
  landscape,
  planFor,
  refusalOf,
  takesImages,
} from '../support/public-models.js';

const aRoute = (account: string, abilities: Partial<ModelAbilities> = {}) => aPublicRoute(account, { abilities });
const aModel = aPublicModel;
const aRequest = aRoutableRequest;
const plan = planFor;
const { timing } = aPlan();

const accountsOf = (model: PublicModel, request: RoutableRequest) =>
  plan(model, request).plan.routes.map(({ account }) => account);

describe('planJob', () => {
  it('keeps the order of the catalogue and leaves out the routes that cannot make the length', () => {
    const model = aModel(aRoute('short', { duration: { kind: 'set', values: [4] } }), aRoute('a'), aRoute('b'));

    expect(accountsOf(model, aRequest({ durationSeconds: 8 }))).toEqual(['a', 'b']);
    expect(accountsOf(model, aRequest({ durationSeconds: 4 }))).toEqual(['short', 'a', 'b']);
  });

  it('prices what could be delivered and what each route would cost', () => {
    const model = aModel(aRoute('a', { maxVariants: 4 }));

    const { holdMicros, plan: made } = plan(model, aRequest({ durationSeconds: 2.5, variants: 2 }));

    expect(holdMicros).toBe(500_000);
    expect(made.routes[0]).toEqual({
      account: 'a',
      upstreamModel: 'a-model',
      costMicros: 350_000,
      failoverOnModeration: false,
      canReconcile: true,
      firstLookMs: 5_000,
      lookIntervalMs: 2_000,
    });
    expect(made.limits).toEqual({ triesPerProvider: 2, triesPerJob: 4, spendMicros: 1_500_000 });
  });

  it('holds at least the minimum', () => {
    const model = { ...aModel(aRoute('a')), minimumHoldMicros: 5_000_000 };

    expect(plan(model, aRequest()).holdMicros).toBe(5_000_000);
  });

  it("puts the caller's times beside the service's own", () => {
    const request = aRequest({ waitSeconds: 0, pollIntervalSeconds: 1.5, deadlineSeconds: 90 });

    expect(plan(aModel(aRoute('a')), request).plan.timing).toEqual({
      ...timing,
      firstLookMs: 0,
      lookIntervalMs: 1_500,
      deadlineMs: 90_000,
    });
    expect(plan(aModel(aRoute('a')), aRequest()).plan.timing).toEqual({
      ...timing,
      firstLookMs: null,
      lookIntervalMs: null,
    });
  });

  it('gives an aspect ratio its pixels, so that every route makes the same shape', () => {
    const model = aModel(
      aRoute('wide', { geometry: { promised: 'pixels', shapes: [landscape], default: landscape } }),
      aRoute('both'),
    );

    const { shape, plan: made } = plan(model, aRequest({ aspectRatio: '9:16' }));

    expect(shape).toEqual({ size: { width: 720, height: 1280 }, aspectRatio: '9:16' });
    expect(made.routes.map(({ account }) => account)).toEqual(['both']);
    expect(plan(model, aRequest()).shape).toEqual({});
  });

  const png = { contentType: 'image/png', bytes: 10, width: 1280, height: 720 };
  const source = {
    jobId: 'job_1',
    task: { account: 'c', upstreamModel: 'c-model', id: 'task-1' },
    durationSeconds: 8,
    size: { width: 1280, height: 720 },
  };
  it.each<[string, Partial<RoutableRequest>, string]>([
    ['an operation', { operation: 'extend' }, 'operation'],
    ['a source video', { inputs: { references: [], sourceVideo: source } }, 'sourceVideo'],
    ['a length', { durationSeconds: 31 }, 'durationSeconds'],
    ['a ratio', { aspectRatio: '1:1', size: { width: 720, height: 720 } }, 'aspectRatio'],
    ['a size', { aspectRatio: '16:9', size: { width: 1920, height: 1080 } }, 'size'],
    ['variants', { variants: 2 }, 'variants'],
    ['a long prompt', { prompt: 'x'.repeat(1_001) }, 'prompt'],
    ['a negative prompt', { negativePrompt: 'rain' }, 'negativePrompt'],
    ['a seed', { seed: 0 }, 'seed'],
    ['audio', { generateAudio: false }, 'generateAudio'],
    ['prompt enhancement', { enhancePrompt: true }, 'enhancePrompt'],
    ['persons', { personGeneration: 'allow' }, 'personGeneration'],
    ['a start frame', { inputs: { firstFrame: png, references: [] } }, 'firstFrame'],
    ['a last frame', { inputs: { lastFrame: png, references: [] } }, 'lastFrame'],
    ['references', { inputs: { references: [png] } }, 'references'],
  ])('names the field when no route can do %s', (_, changes, field) => {
    const error = refusalOf(aModel(aRoute('a'), aRoute('b')), aRequest(changes));

    expect(error.code).toBe('no_route');
    expect(error.errors).toMatchObject([{ field: `their ${field}` }]);
  });

  it('refuses images of a type or size that the route does not take', () => {
    const model = aModel(aRoute('a', takesImages()));
    const withFrame = (firstFrame: typeof png) =>
      aRequest({ operation: 'image_to_video', inputs: { firstFrame, references: [] } });

    expect(accountsOf(model, withFrame(png))).toEqual(['a']);
    expect(refusalOf(model, withFrame({ ...png, bytes: 1_001 })).errors[0]?.field).toBe('their firstFrame');
    expect(refusalOf(model, withFrame({ ...png, contentType: 'image/webp' })).errors[0]?.field).toBe(
      'their firstFrame',
    );
  });

  it('names the field that leaves no route when each field can be done by another one', () => {
    const options = {
      negativePrompt: false,
      seed: true,
      generateAudio: false,
      enhancePrompt: false,
      personGeneration: false,
    };
    const long = aRoute('long');
    const seeded = aRoute('seeded', { duration: { kind: 'set', values: [4] }, options });

    expect(refusalOf(aModel(long, seeded), aRequest({ durationSeconds: 8, seed: 1 })).errors[0]?.field).toBe(
      'their seed',
    );
  });
});
