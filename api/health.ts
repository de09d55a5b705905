import { type Response, Router } from 'express';
import type { z } from 'zod';
import type { livenessSchema, readinessSchema } from './health-description.js';
import { allowOnly } from './middleware/errors.js';

export type HealthDeps = {
  /** Throws when the database does not answer. */
  pingDatabase: () => Promise<void>;
  /** Throws when Temporal does not answer. */
  pingTemporal: () => Promise<void>;
};

/** For load balancers and supervisors: whether the process lives, and whether it can do its work. */
export function createHealthRoutes({ pingDatabase, pingTemporal }: HealthDeps): Router {
  const router = Router();

  router
    .route('/healthz')
    .get((_request, response: Response<z.infer<typeof livenessSchema>>) => {
      response.json({ status: 'ok' });
    })
    .all(allowOnly('GET'));

  router
    .route('/readyz')
    .get(async (_request, response: Response<z.infer<typeof readinessSchema>>) => {
      const [database, temporal] = await Promise.all([answers(pingDatabase), answers(pingTemporal)]);
      // Jobs are accepted and read while Temporal is away: it starts them when it is back.
      response.status(database ? 200 : 503).json({
        status: database ? 'ready' : 'unavailable',
        database: database ? 'ok' : 'away',
        temporal: temporal ? 'ok' : 'away',
      });
    })
    .all(allowOnly('GET'));

  return router;
}

async function answers(ping: () => Promise<void>): Promise<boolean> {
  return ping().then(
    () => true,
    () => false,
  );
}
