import express, { type Express } from 'express';
import helmet from 'helmet';
import type { Logger } from '../runtime/logger.js';
import { renderProblem } from './dialects/native/errors.js';
import { createNativeRoutes } from './dialects/native/routes.js';
import { createHealthRoutes, type HealthDeps } from './health.js';
import type { Caller, JobApi } from './jobs.js';
import { createAuthentication } from './middleware/authenticate.js';
import { createErrorHandler, refuseUnknownPath } from './middleware/errors.js';
import { createJsonBody } from './middleware/json-body.js';
import { createRequestLog } from './middleware/log-requests.js';
import { createRateLimit } from './middleware/rate-limit.js';

export type AppDeps = HealthDeps & {
  jobs: JobApi;
  findCaller: (secret: string) => Promise<Caller | undefined>;
  maxBodyBytes: number;
  logger: Logger;
};

/** The HTTP application: what every request passes through, and the dialects. */
export function createApp({ jobs, findCaller, maxBodyBytes, logger, ...health }: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  // Answers change as jobs do; hashing each of them for a tag would cost more than it saves. Files have their own.
  app.disable('etag');
  app.set('query parser', 'simple');

  app.use(createRequestLog(logger));
  app.use(helmet());
  app.use(createHealthRoutes(health));
  app.use(
    '/api/v1',
    createNativeRoutes({
      jobs,
      authenticate: createAuthentication(findCaller),
      limitRate: createRateLimit(),
      readJson: createJsonBody({ maxBytes: maxBodyBytes }),
    }),
  );
  app.use(refuseUnknownPath);
  app.use(createErrorHandler({ logger, render: renderProblem }));
  return app;
}
