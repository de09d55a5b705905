import type { ModelAbilities } from '../contract/abilities.js';
import type { Account, Catalogue, CatalogueModel, CatalogueRoute } from '../contract/catalogue.js';

/** A route of a public model, with what its upstream model can do. */
export type PublicRoute = CatalogueRoute & { abilities: ModelAbilities };

/** A model that callers can name. */
export type PublicModel = Omit<CatalogueModel, 'routes'> & { name: string; routes: PublicRoute[] };

export type PublicModels = ReadonlyMap<string, PublicModel>;

type AbilitiesOf = (account: Account, upstreamModel: string) => ModelAbilities | undefined;

/** Joins the catalogue with what its models can do; throws when a route names a model that its adapter does not know. */
export function createPublicModels(catalogue: Catalogue, abilitiesOf: AbilitiesOf): PublicModels {
  const models = Object.entries(catalogue.models).map(([name, model]) => {
    const routes = model.routes.map((route) => {
      const account = catalogue.accounts[route.account];
      const abilities = account && abilitiesOf(account, route.upstreamModel);
      if (!abilities) throw new Error(`${name}: ${route.account} has no model named ${route.upstreamModel}`);
      return { ...route, abilities };
    });
    return [name, { ...model, name, routes }] as const;
  });
  return new Map(models);
}
