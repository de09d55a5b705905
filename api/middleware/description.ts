import type { z } from 'zod';
import type { ZodOpenApiOperationObject, ZodOpenApiPathsObject, ZodOpenApiSecuritySchemeObject } from 'zod-openapi';

/** What the published description of the api, `/openapi.json`, says of one dialect. */
export type DialectDescription = {
  /** Under this name its operations stand together. */
  tag: { name: string; description: string };
  /** How its callers send their key; an operation that wants something else says so in its own `security`. */
  securityScheme: { name: string; scheme: ZodOpenApiSecuritySchemeObject };
  /** The body of every error. */
  error: { contentType: string; schema: z.ZodType };
  /**
   * By their whole addresses. An answer of 400 and above needs a description only: the error's body is put in. So are the tag, the
   * headers that every answer has, and the errors that every operation can give: 400, 401, 403, 429, 500, 503, with a body also 413
   * and 415, without a key (`security: []`) only 400, 500 and 503. Headers of an answer are a `z.object`.
   */
  paths: ZodOpenApiPathsObject;
  /** What callers are sent, by its name. */
  webhooks?: Record<string, { post: ZodOpenApiOperationObject }>;
};

/** `Authorization: Bearer …`, as most dialects have it. */
export const bearerScheme: DialectDescription['securityScheme'] = {
  name: 'bearer',
  scheme: { type: 'http', scheme: 'bearer', description: 'A key of your workspace: `Authorization: Bearer rly_…`' },
};
