import { z } from 'zod';

const microsSchema = z.int().nonnegative();

/** An upstream account. `credential` names the environment variable that holds the key; the key itself is never in the file. */
const accountSchema = z.strictObject({
  adapter: z.string().min(1),
  baseUrl: z.url({ protocol: /^https?$/ }),
  credential: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
  /** The variable with the secret of its webhooks, for a vendor that signs what it calls back with. */
  webhookSecret: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*$/)
    .optional(),
  /** Whether it offers the model of its maker, and not a reseller's imitation: what the policy `official` asks for. */
  official: z.boolean().default(false),
  /** Adapter settings for what a vendor's page leaves open. */
  settings: z.record(z.string(), z.string()).default({}),
});
export type Account = z.infer<typeof accountSchema>;

/** Where a model is in its life at one provider. Past `sunsetAt` a route counts as retired, whatever `status` says. */
const lifecycleSchema = z.strictObject({
  status: z.enum(['active', 'deprecated', 'retired']).default('active'),
  deprecatedAt: z.iso.datetime({ offset: true }).optional(),
  sunsetAt: z.iso.datetime({ offset: true }).optional(),
});
export type Lifecycle = z.infer<typeof lifecycleSchema>;

const catalogueRouteSchema = z.strictObject({
  account: z.string().min(1),
  upstreamModel: z.string().min(1),
  /** What the provider bills us, in micro-USD per second of video. */
  costMicrosPerSecond: microsSchema,
  /** Whether a moderation refusal here may be tried elsewhere. */
  failoverOnModeration: z.boolean().default(false),
  /** Routes in a row that have one share the jobs in this proportion; the others keep their place. */
  weight: z.int().positive().optional(),
  lifecycle: lifecycleSchema.default({ status: 'active' }),
});
export type CatalogueRoute = z.infer<typeof catalogueRouteSchema>;

const catalogueModelSchema = z.strictObject({
  description: z.string().default(''),
  priceMicrosPerSecond: microsSchema,
  /** For sizes that cost something else, such as `1792x1024`. */
  sizePrices: z.record(z.string().regex(/^\d+x\d+$/), microsSchema).default({}),
  minimumHoldMicros: microsSchema,
  defaultSeconds: z.number().positive(),
  /** The model to go on with when this one is retired. */
  replacement: z.string().min(1).optional(),
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
    for (const [model, { routes, replacement }] of Object.entries(catalogue.models)) {
      if (replacement !== undefined && !catalogue.models[replacement]) {
        const path = ['models', model, 'replacement'];
        context.addIssue({ code: 'custom', path, message: `no model is named ${replacement}` });
      }
      for (const [index, route] of routes.entries()) {
        if (catalogue.accounts[route.account]) continue;
        const path = ['models', model, 'routes', index, 'account'];
        context.addIssue({ code: 'custom', path, message: `no account is named ${route.account}` });
      }
    }
  });
export type Catalogue = z.infer<typeof catalogueSchema>;
