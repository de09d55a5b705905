import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from '../runtime/logger.js';
import { type CallbackDeps, createCallbackRoutes } from './callbacks.js';
import { renderProblem } from './dialects/native/errors.js';
import { createDialects, dialectDescriptions } from './dialects.js';
import { createDocsRoutes } from './docs-page.js';
import { createHealthRoutes, type HealthDeps } from './health.js';
import type { Caller, JobApi } from './jobs.js';
import { createAuthentication } from './middleware/authenticate.js';
import { createErrorHandler, refuseUnknownPath } from './middleware/errors.js';
import { createJsonBody } from './middleware/json-body.js';
import { createRequestLog } from './middleware/log-requests.js';
import { createRateLimit } from './middleware/rate-limit.js';
import { describeApi } from './openapi.js';
import type { PipelineApi } from './pipelines.js';
import type { WebhookApi } from './webhooks.js';

export type AppDeps = HealthDeps & {
  jobs: JobApi;
  webhooks: WebhookApi;
  pipelines: PipelineApi;
  findCaller: (secret: string) => Promise<Caller | undefined>;
  maxBodyBytes: number;
  callbacks: Omit<CallbackDeps, 'logger'>;
  logger: Logger;
};

/** The HTTP application: what every request passes through, and the dialects. */
export function createApp({
  jobs,
  webhooks,
  pipelines,
  findCaller,
  maxBodyBytes,
  callbacks,
  logger,
  ...health
}: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  // Answers change as jobs do; hashing each of them for a tag would cost more than it saves. Files have their own.
  app.disable('etag');
  app.set('query parser', 'simple');

  // Before the log, which writes addresses down: these hold secrets. And before all that a flood of them would keep busy.
  app.use(createCallbackRoutes({ ...callbacks, logger }));
  app.use(createRequestLog(logger));
  app.use(helmet());
  const dialects = createDialects({
    jobs,
    webhooks,
    pipelines,
    authenticate: createAuthentication(findCaller),
    limitRate: createRateLimit(),
    readJson: createJsonBody({ maxBytes: maxBodyBytes }),
    maxBodyBytes,
  });
  // What is asked most stands first: a request pays for every router that it passes.
  for (const { router } of dialects) app.use(router);
  app.use(createHealthRoutes(health));
  app.use(createDocsRoutes(describeApi(dialectDescriptions, { publicUrl: jobs.publicUrl })));
  // Whatever goes wrong at a dialect's address is said in its words: the more particular prefix stands first.
  const places = dialects.flatMap(({ prefixes, renderError }) => prefixes.map((prefix) => ({ prefix, renderError })));
  for (const { prefix, renderError } of places.toSorted((left, right) => right.prefix.length - left.prefix.length)) {
    app.use(prefix, refuseUnknownPath, createErrorHandler({ logger, render: renderError }));
  }
  app.use(refuseUnknownPath, createErrorHandler({ logger, render: renderProblem }));
  return app;
}
