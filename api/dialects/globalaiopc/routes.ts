import { type Request, type Response, Router } from 'express';
import { ServiceError } from '../../../contract/errors.js';
import { jobIdFrom } from '../../jobs.js';
import { bearer } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { Dialect, DialectDeps } from '../../middleware/dialect.js';
import { allowOnly } from '../../middleware/errors.js';
import { parseRequest } from '../../middleware/parse.js';
import { requireScope } from '../../middleware/scopes.js';
import { takeJob } from '../../middleware/take-job.js';
import { createdAnswer, LINK_LIFETIME_SECONDS, videoAnswer } from './answers.js';
import { renderError } from './errors.js';
import { newVideoSchema } from './schemas.js';
import { translateRequest } from './translate.js';

/** The vendor's page has one of them in its heading and the other in its sample. */
const createPaths = ['/sora/videos', '/v1/sora/videos'];

/** GlobalAIOPC's create call, and the query that its page promises and does not describe. */
export function createGlobalaiopcDialect({ jobs, authenticate, limitRate, readJson }: DialectDeps): Dialect {
  const router = Router();
  const reading = [authenticate(bearer), limitRate, requireScope('jobs:read')];
  const writing = [authenticate(bearer), limitRate, requireScope('jobs:write')];

  const videosPath = router.route(createPaths);
  videosPath.post(writing, readJson, async (request: Request, response: Response) => {
    const { request: wanted, wordFor } = translateRequest(parseRequest(newVideoSchema, request.body));
    // One name for both addresses: a request that is repeated at the other is the same request.
    const place = { dialect: 'globalaiopc', route: 'POST /sora/videos' };
    const job = await takeJob(jobs, { request, response, wanted, wordFor, ...place });
    response.json(createdAnswer(job));
  });
  videosPath.all(allowOnly('POST'));

  const videoPath = router.route(createPaths.map((path) => `${path}/:id`));
  videoPath.get(reading, async (request: Request<{ id: string }>, response: Response) => {
    const jobId = jobIdFrom(request.params.id, 'sora');
    if (!jobId) throw new ServiceError('not_found', { detail: 'There is no such video.' });
    const job = await jobs.get(jobId, callerOf(request), { linkLifetimeSeconds: LINK_LIFETIME_SECONDS });
    response.json(videoAnswer(job));
  });
  videoPath.all(allowOnly('GET'));

  return { prefixes: ['/v1/sora', '/sora'], router, renderError };
}
