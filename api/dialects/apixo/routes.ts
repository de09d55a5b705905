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
import { createdAnswer, LINK_LIFETIME_SECONDS, statusAnswer } from './answers.js';
import { renderError } from './errors.js';
import { statusQuerySchema, taskSchema } from './schemas.js';
import { translateTask, wordFor } from './translate.js';

type OfModel = { model: string };

/** APIXO's task API. */
export function createApixoDialect({ jobs, authenticate, limitRate, readJson }: DialectDeps): Dialect {
  const router = Router();
  const reading = [authenticate(bearer), limitRate, requireScope('jobs:read')];
  const writing = [authenticate(bearer), limitRate, requireScope('jobs:write')];

  const generatePath = router.route('/api/v1/generateTask/:model');
  generatePath.post(writing, readJson, async (request: Request<OfModel>, response: Response) => {
    const wanted = translateTask(request.params.model, parseRequest(taskSchema, request.body));
    const place = { dialect: 'apixo', route: 'POST /api/v1/generateTask/{model}' };
    response.json(createdAnswer(await takeJob(jobs, { request, response, wanted, wordFor, ...place })));
  });
  generatePath.all(allowOnly('POST'));

  const statusPath = router.route('/api/v1/statusTask/:model');
  statusPath.get(reading, async (request: Request<OfModel>, response: Response) => {
    const { taskId } = parseRequest(statusQuerySchema, request.query);
    const jobId = jobIdFrom(taskId, 'task');
    if (!jobId) throw unknownTask();
    const job = await jobs.get(jobId, callerOf(request), { linkLifetimeSeconds: LINK_LIFETIME_SECONDS });
    if (job.model !== request.params.model) throw unknownTask();
    response.json(statusAnswer(job));
  });
  statusPath.all(allowOnly('GET'));

  return { prefixes: ['/api/v1/generateTask', '/api/v1/statusTask'], router, renderError };
}

function unknownTask(): ServiceError {
  return new ServiceError('not_found', { detail: 'This model has no such task.' });
}
