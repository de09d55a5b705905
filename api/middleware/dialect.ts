import type { RequestHandler, Router } from 'express';
import type { JobApi } from '../jobs.js';
import type { PipelineApi } from '../pipelines.js';
import type { WebhookApi } from '../webhooks.js';
import type { Credential } from './authenticate.js';
import type { RenderError } from './errors.js';

/** What every dialect builds its routes with. */
export type DialectDeps = {
  jobs: JobApi;
  webhooks: WebhookApi;
  pipelines: PipelineApi;
  /** Lets in who has a valid key; how a key is sent differs between dialects. */
  authenticate: (credential: Credential) => RequestHandler;
  limitRate: RequestHandler;
  readJson: RequestHandler;
  maxBodyBytes: number;
};

/** One vendor's API, served over our jobs. */
export type Dialect = {
  /** Every address that begins so belongs to this dialect and gets its errors, also where there is nothing. */
  prefixes: string[];
  /** Its routes, by their whole paths. */
  router: Router;
  renderError: RenderError;
};
