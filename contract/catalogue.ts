import { z } from 'zod';

const microsSchema = z.int().nonnegative();

/** An upstream account. `credential` names the environment variable that holds the key; the key itself is never in the file. */
const accountSchema = z.strictObject({
  adapter: z.string().min(1),
  baseUrl: z.url({ protocol: /^https?$/ }),
  credential: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
  /** Adapter settings for what a vendor's page leaves open. */
  settings: z.record(z.string(), z.string()).default({}),
});
export type Account = z.infer<typeof accountSchema>;

const catalogueRouteSchema = z.strictObject({
  account: z.string().min(1),
  upstreamModel: z.string().min(1),
  /** What the provider bills us, in micro-USD per second of video. */
  costMicrosPerSecond: microsSchema,
  /** Whether a moderation refusal here may be tried elsewhere. */
  failoverOnModeration: z.boolean().default(false),
});
export type CatalogueRoute = z.infer<typeof catalogueRouteSchema>;

const catalogueModelSchema = z.strictObject({
  description: z.string().default(''),
  priceMicrosPerSecond: microsSchema,
  minimumHoldMicros: microsSchema,
  defaultSeconds: z.number().positive(),
  routes: z.array(catalogueRouteSchema).min(1),
});
export type CatalogueModel = z.infer<typeof catalogueModelSchema>;

/** `config/catalogue.yaml`: the public models with their ordered routes, and the provider accounts. */
export const catalogueSchema = z
  .strictObject({
    accounts: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), accountSchema),
    models: z.record(z.string().min(1), catalogueModelSchema),
  })
  .superRefine((catalogue, context) => {
    for (const [model, { routes }] of Object.entries(catalogue.models)) {
      for (const [index, route] of routes.entries()) {
        if (catalogue.accounts[route.account]) continue;
        const path = ['models', model, 'routes', index, 'account'];
        context.addIssue({ code: 'custom', path, message: `no account is named ${route.account}` });
      }
    }
  });
export type Catalogue = z.infer<typeof catalogueSchema>;
