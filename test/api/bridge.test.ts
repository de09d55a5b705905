import { describe, expect, it } from '@jest/globals';
import type { FoundSource } from '../../api/source-video.js';
import {
  aPublicModel,
  aPublicRoute,
  aRoutableRequest,
  planFor,
  refusalOf,
  takesImages,
} from '../support/public-models.js';

const source: FoundSource = {
  jobId: 'job_1',
  artifactId: 'art_1',
  task: { account: 'maker', upstreamModel: 'maker-model', id: 'task-1' },
  durationSeconds: 8,
  size: { width: 1280, height: 720 },
};
const followUp = (operation: 'extend' | 'remix', { from = source, durationSeconds = 4 } = {}) =>
  aRoutableRequest({ operation, durationSeconds, inputs: { references: [], sourceVideo: from } });

const maker = aPublicRoute('maker', { abilities: { operations: ['text_to_video', 'extend', 'remix'] } });
const animator = aPublicRoute('animator', { abilities: takesImages({ maxBytes: 10_000_000 }) });
const model = aPublicModel(animator, maker, aPublicRoute('painter'));

const routesOf = (...planned: Parameters<typeof planFor>) =>
  planFor(...planned).plan.routes.map(({ account, isBridged }) => (isBridged ? `${account}, bridged` : account));

describe('a follow-up that its maker may fail', () => {
  it.each(['extend', 'remix'] as const)('goes on to those who animate a still: %s', (operation) => {
    expect(routesOf(model, followUp(operation))).toEqual(['maker', 'animator, bridged']);
  });

  it('has nobody but its maker where we keep no copy of the source', () => {
    const { artifactId: _, ...gone } = source;
    expect(routesOf(model, followUp('extend', { from: gone }))).toEqual(['maker']);
  });

  it('asks no account for less that can go on from the source itself', () => {
    const both = aPublicRoute('maker', {
      abilities: { ...takesImages({ maxBytes: 10_000_000 }), operations: ['image_to_video', 'extend'] },
    });
    expect(routesOf(aPublicModel(both, animator), followUp('extend'))).toEqual(['maker', 'animator, bridged']);
  });
});

describe('a source that no provider made as it is', () => {
  const { task: _, ...joined } = source;

  it('is gone on from by bridges alone, in the order of the policy', () => {
    const cheap = aPublicRoute('cheap', { abilities: animator.abilities, costMicrosPerSecond: 1 });
    const wanted = followUp('extend', { from: joined });

    expect(routesOf(aPublicModel(animator, cheap), wanted, { policy: 'value' })).toEqual([
      'cheap, bridged',
      'animator, bridged',
    ]);
  });

  it.each([
    ['a length that nobody makes', followUp('extend', { from: joined, durationSeconds: 31 }), 'durationSeconds'],
    [
      'a shape that nobody makes',
      followUp('extend', { from: { ...joined, size: { width: 64, height: 64 } } }),
      'sourceVideo',
    ],
  ])('is refused for %s', (_what, wanted, field) => {
    expect(refusalOf(model, wanted)).toMatchObject({ code: 'no_route', errors: [{ field: `their ${field}` }] });
  });

  it('is refused where nobody animates images', () => {
    const refusal = refusalOf(aPublicModel(maker), followUp('extend', { from: joined }));
    expect(refusal.errors).toMatchObject([{ field: 'their sourceVideo' }]);
  });
});
