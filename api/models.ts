import type { ModelAbilities } from '../contract/abilities.js';
import type { Account, Catalogue, CatalogueModel, CatalogueRoute } from '../contract/catalogue.js';

/** A route of a public model, with what its upstream model can do. */
export type PublicRoute = CatalogueRoute & { abilities: ModelAbilities; official: boolean };

/** A model that callers can name. */
export type PublicModel = Omit<CatalogueModel, 'routes'> & { name: string; routes: PublicRoute[] };

export type PublicModels = ReadonlyMap<string, PublicModel>;

/** Where a model is in its life. A model lives as long as the last of its routes. */
export type ModelLife = {
  status: 'active' | 'deprecated' | 'retired';
  deprecatedAt: Date | null;
  /** When its last route ends, or ended; unknown where one has no date. */
  sunsetAt: Date | null;
  replacement: string | null;
};

type AbilitiesOf = (account: Account, upstreamModel: string) => ModelAbilities | undefined;

/** Joins the catalogue with what its models can do; throws when a route names a model that its adapter does not know. */
export function createPublicModels(catalogue: Catalogue, abilitiesOf: AbilitiesOf): PublicModels {
  const models = Object.entries(catalogue.models).map(([name, model]) => {
    const routes = model.routes.map((route) => {
      const account = catalogue.accounts[route.account];
      const abilities = account && abilitiesOf(account, route.upstreamModel);
      if (!abilities) throw new Error(`${name}: ${route.account} has no model named ${route.upstreamModel}`);
      return { ...route, abilities, official: account.official };
    });
    return [name, { ...model, name, routes }] as const;
  });
  return new Map(models);
}

/** Whether a route's time is over. */
export function isRetired({ lifecycle }: Pick<PublicRoute, 'lifecycle'>, nowMs: number): boolean {
  return lifecycle.status === 'retired' || sunsetOf(lifecycle) <= nowMs;
}

/** When a route ends, in milliseconds since 1970; never, where no date is known. */
export function sunsetOf({ sunsetAt }: PublicRoute['lifecycle']): number {
  return sunsetAt === undefined ? Number.POSITIVE_INFINITY : Date.parse(sunsetAt);
}

/** A model is near its end when every route that is left is, and at it when none is left. */
export function lifeOf({ routes, replacement }: PublicModel, nowMs: number): ModelLife {
  const left = routes.filter((route) => !isRetired(route, nowMs));
  const isEnding = left.every(({ lifecycle }) => lifecycle.status === 'deprecated' || lifecycle.sunsetAt !== undefined);
  const lives = (left.length > 0 ? left : routes).map(({ lifecycle }) => lifecycle);
  const deprecatedAt = lives.flatMap(({ deprecatedAt: at }) => (at === undefined ? [] : [Date.parse(at)]));
  const sunsetAt = Math.max(...lives.map(sunsetOf));
  return {
    status: left.length === 0 ? 'retired' : isEnding ? 'deprecated' : 'active',
    deprecatedAt: isEnding && deprecatedAt.length > 0 ? new Date(Math.max(...deprecatedAt)) : null,
    sunsetAt: isEnding && Number.isFinite(sunsetAt) ? new Date(sunsetAt) : null,
    replacement: replacement ?? null,
  };
}
