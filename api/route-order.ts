import type { RoutingPolicy } from '../contract/plan.js';
import type { PublicRoute } from './models.js';

type Circumstances = {
  policy: RoutingPolicy;
  isHealthy: (route: PublicRoute) => boolean;
  /** From 0 to below 1, for the shares of weighted routes. */
  random: () => number;
};

/**
 * In which order the candidates are asked. Whoever is unwell comes last in every policy, so that there is still somebody to ask;
 * `value` puts the cheapest first, the others keep the catalogue's order, with weighted neighbours drawn by their weights.
 */
export function orderRoutes(
  candidates: readonly PublicRoute[],
  { policy, isHealthy, random }: Circumstances,
): PublicRoute[] {
  const drawn = neighboursByWeight(candidates).flatMap((group) => drawByWeight(group, random));
  const ordered =
    policy === 'value' ? drawn.toSorted((left, right) => left.costMicrosPerSecond - right.costMicrosPerSecond) : drawn;
  return [...ordered.filter(isHealthy), ...ordered.filter((route) => !isHealthy(route))];
}

/** Routes in a row that have a weight share their place; every other stands alone. */
function neighboursByWeight(routes: readonly PublicRoute[]): PublicRoute[][] {
  const groups: PublicRoute[][] = [];
  for (const route of routes) {
    const last = groups.at(-1);
    if (route.weight !== undefined && last?.[0]?.weight !== undefined) last.push(route);
    else groups.push([route]);
  }
  return groups;
}

function drawByWeight(group: PublicRoute[], random: () => number): PublicRoute[] {
  const left = [...group];
  const drawn: PublicRoute[] = [];
  while (left.length > 1) {
    let mark = random() * left.reduce((sum, { weight = 1 }) => sum + weight, 0);
    const index = left.findIndex(({ weight = 1 }) => {
      mark -= weight;
      return mark < 0;
    });
    drawn.push(...left.splice(Math.max(index, 0), 1));
  }
  return [...drawn, ...left];
}
