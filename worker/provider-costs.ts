import type { Catalogue } from '../contract/catalogue.js';

/** What a provider account bills for a second of a model; the dearest, where routes differ. 0 for what is not in the catalogue. */
export function createProviderCosts({ models }: Catalogue) {
  const costs = new Map<string, number>();
  for (const { account, upstreamModel, costMicrosPerSecond } of Object.values(models).flatMap(({ routes }) => routes)) {
    const key = keyOf({ account, upstreamModel });
    costs.set(key, Math.max(costs.get(key) ?? 0, costMicrosPerSecond));
  }
  return (made: Made): number => costs.get(keyOf(made)) ?? 0;
}

type Made = { account: string; upstreamModel: string };

function keyOf({ account, upstreamModel }: Made): string {
  return `${account}/${upstreamModel}`;
}
