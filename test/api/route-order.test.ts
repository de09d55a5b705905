import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { orderRoutes } from '../../api/route-order.js';
import { aPublicRoute } from '../support/public-models.js';

const wellFor = { policy: 'auto', isHealthy: () => true, random: () => 0 } as const;
const accounts = (routes: { account: string }[]) => routes.map(({ account }) => account);

describe('orderRoutes', () => {
  const [a, b, c] = [
    aPublicRoute('a', { costMicrosPerSecond: 3 }),
    aPublicRoute('b', { costMicrosPerSecond: 1 }),
    aPublicRoute('c', { costMicrosPerSecond: 2 }),
  ];

  it('keeps the order of the catalogue, with whoever is unwell last', () => {
    expect(accounts(orderRoutes([a, b, c], wellFor))).toEqual(['a', 'b', 'c']);
    const isHealthy = ({ account }: { account: string }) => account !== 'a';
    expect(accounts(orderRoutes([a, b, c], { ...wellFor, isHealthy }))).toEqual(['b', 'c', 'a']);
  });

  it('puts the cheapest healthy one first for value', () => {
    expect(accounts(orderRoutes([a, b, c], { ...wellFor, policy: 'value' }))).toEqual(['b', 'c', 'a']);
    const isHealthy = ({ account }: { account: string }) => account !== 'b';
    expect(accounts(orderRoutes([a, b, c], { ...wellFor, policy: 'value', isHealthy }))).toEqual(['c', 'a', 'b']);
  });

  it('draws neighbours that have weights by them, and leaves the others where they are', () => {
    const routes = [
      aPublicRoute('first'),
      aPublicRoute('heavy', { weight: 3 }),
      aPublicRoute('light', { weight: 1 }),
      aPublicRoute('last'),
    ];
    const drawnAt = (mark: number) => accounts(orderRoutes(routes, { ...wellFor, random: () => mark }));

    expect(drawnAt(0)).toEqual(['first', 'heavy', 'light', 'last']);
    expect(drawnAt(0.74)).toEqual(['first', 'heavy', 'light', 'last']);
    expect(drawnAt(0.76)).toEqual(['first', 'light', 'heavy', 'last']);
  });

  it('loses no route and makes none up, whatever is drawn', () => {
    const route = fc.record({
      weight: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
      isWell: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(route, { maxLength: 8 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (all, mark) => {
        const routes = all.map(({ weight }, index) =>
          aPublicRoute(`r${index}`, weight === undefined ? {} : { weight }),
        );
        const isHealthy = ({ account }: { account: string }) => all[Number(account.slice(1))]?.isWell ?? false;
        const ordered = orderRoutes(routes, { policy: 'auto', isHealthy, random: () => mark });
        expect(accounts(ordered).toSorted()).toEqual(accounts(routes).toSorted());
      }),
    );
  });
});
