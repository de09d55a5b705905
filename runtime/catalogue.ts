import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { type Catalogue, catalogueSchema } from '../contract/catalogue.js';

/** Reads and checks the catalogue. `${NAME}` and `${NAME:-value}` are filled from the environment, as in Compose files. */
export function readCatalogue(file: string, environment: NodeJS.ProcessEnv = process.env): Catalogue {
  const text = readFileSync(file, 'utf8').replaceAll(
    /\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}/g,
    (_, name: string, fallback: string | undefined) => {
      const value = environment[name] || fallback;
      if (value === undefined) throw new Error(`${file}: the environment does not set ${name}`);
      return value;
    },
  );
  const parsed = catalogueSchema.safeParse(parse(text));
  if (!parsed.success) throw new Error(`${file} is not valid:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** The routes whose account has a key, and the models that have such a route: nobody is offered what nobody can make. */
export function withoutKeylessAccounts(
  catalogue: Catalogue,
  hasCredential: (variable: string) => boolean,
): { catalogue: Catalogue; keyless: string[] } {
  const hasKey = (account: string) => hasCredential(catalogue.accounts[account]?.credential ?? '');
  const models = Object.entries(catalogue.models)
    .map(
      ([name, model]) => [name, { ...model, routes: model.routes.filter(({ account }) => hasKey(account)) }] as const,
    )
    .filter(([, { routes }]) => routes.length > 0);
  const keyless = Object.keys(catalogue.accounts).filter((account) => !hasKey(account));
  return { catalogue: { ...catalogue, models: Object.fromEntries(models) }, keyless };
}
