import { type Request, type Response, Router } from 'express';
import { ServiceError } from '../../../contract/errors.js';
import { jobIdFrom } from '../../jobs.js';
import type { Credential } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { Dialect, DialectDeps } from '../../middleware/dialect.js';
import { allowOnly } from '../../middleware/errors.js';
import { parseRequest } from '../../middleware/parse.js';
import { requireScope } from '../../middleware/scopes.js';
import { takeJob } from '../../middleware/take-job.js';
import { acceptedAnswer, LINK_LIFETIME_SECONDS, resultAnswer, statusAnswer } from './answers.js';
import { renderError } from './errors.js';
import { generateHeadersSchema, imageSchema, resultRequestSchema, textSchema } from './schemas.js';
import { translateRequest } from './translate.js';

const subscriptionKey: Credential = {
  secretOf: (request) => request.get('ocp-apim-subscription-key'),
  hint: 'Send a valid key: Ocp-Apim-Subscription-Key: rly_…',
};

/** Pixazo's Sora Video API, and the status call of the queue before it. */
export function createPixazoDialect({ jobs, authenticate, limitRate, readJson }: DialectDeps): Dialect {
  const router = Router();
  const reading = [authenticate(subscriptionKey), limitRate, requireScope('jobs:read')];
  const writing = [authenticate(subscriptionKey), limitRate, requireScope('jobs:write')];

  for (const { path, schema } of [
    { path: '/sora-video/v1/video/generate', schema: textSchema },
    { path: '/sora-video/v1/video/i2v/generate', schema: imageSchema },
  ]) {
    const generatePath = router.route(path);
    generatePath.post(writing, readJson, async (request: Request, response: Response) => {
      const { request: wanted, wordFor } = translateRequest(parseRequest(schema, request.body), {
        webhookUrl: readWebhookHeader(request),
        hasModel: (name) => jobs.models.has(name),
      });
      const place = { dialect: 'pixazo', route: `POST ${path}` };
      const job = await takeJob(jobs, { request, response, wanted, wordFor, ...place });
      const answer = acceptedAnswer(job, jobs);
      response.status(202).location(answer.polling_url).json(answer);
    });
    generatePath.all(allowOnly('POST'));
  }

  const statusPath = router.route('/v2/requests/status/:id');
  statusPath.get(reading, async (request: Request<{ id: string }>, response: Response) => {
    response.json(statusAnswer(await find(request, { id: request.params.id, prefixes: ['sora-video'] })));
  });
  statusPath.all(allowOnly('GET'));

  const resultPath = router.route('/sora-video/v1/video/result');
  resultPath.post(reading, readJson, async (request: Request, response: Response) => {
    const { video_id: id } = parseRequest(resultRequestSchema, request.body);
    response.json(resultAnswer(await find(request, { id, prefixes: ['sora-video', 'video'] })));
  });
  resultPath.all(allowOnly('POST'));

  return { prefixes: ['/sora-video/v1', '/v2/requests'], router, renderError };

  async function find(request: Request<unknown>, { id, prefixes }: { id: string; prefixes: string[] }) {
    const jobId = jobIdFrom(id, ...prefixes);
    if (!jobId) throw new ServiceError('not_found', { detail: 'There is no such request.' });
    return jobs.get(jobId, callerOf(request), { linkLifetimeSeconds: LINK_LIFETIME_SECONDS });
  }
}

function readWebhookHeader(request: Request): string | undefined {
  const headers = { 'X-Webhook-URL': request.get('x-webhook-url') };
  return parseRequest(generateHeadersSchema, headers)['X-Webhook-URL'];
}
