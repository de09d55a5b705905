import { type Request, type Response, Router } from 'express';
import { ServiceError } from '../../../contract/errors.js';
import type { JobApi } from '../../jobs.js';
import { bearer } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { DialectDeps } from '../../middleware/dialect.js';
import { allowOnly } from '../../middleware/errors.js';
import { parseRequest } from '../../middleware/parse.js';
import { requireScope } from '../../middleware/scopes.js';
import { modelAnswer, quoteAnswer } from './model-answers.js';
import { newJobSchema } from './schemas.js';
import { translateRequest } from './translate.js';

/** What can be asked for, and what it costs. */
export function createModelRoutes({ jobs, authenticate, limitRate, readJson }: DialectDeps): Router {
  const router = Router();
  const reading = [authenticate(bearer), limitRate, requireScope('jobs:read')];

  const quotePath = router.route('/videos/quote');
  const answerQuote = (bodyOf: (request: Request) => unknown) => async (request: Request, response: Response) => {
    const { request: wanted, wordFor } = translateRequest(parseRequest(newJobSchema, bodyOf(request)));
    tellLifeOfModel(response, { jobs, name: wanted.model });
    response.json(quoteAnswer(await jobs.quote(wanted, { caller: callerOf(request), wordFor })));
  };
  quotePath.post(
    reading,
    readJson,
    answerQuote(({ body }) => body),
  );
  quotePath.get(
    reading,
    answerQuote(({ query }) => query),
  );
  quotePath.all(allowOnly('GET', 'POST'));

  const modelsPath = router.route('/models');
  modelsPath.get(reading, (_request: Request, response: Response) => {
    const data = [...jobs.models.values()].map((model) => modelAnswer(model, jobs.lifeOf(model)));
    response.json({ object: 'list', data });
  });
  modelsPath.all(allowOnly('GET'));

  const modelPath = router.route('/models/:name');
  modelPath.get(reading, (request: Request<{ name: string }>, response: Response) => {
    const model = jobs.models.get(request.params.name);
    if (!model) throw new ServiceError('not_found', { detail: 'There is no such model.' });
    tellLifeOfModel(response, { jobs, name: model.name });
    response.json(modelAnswer(model, jobs.lifeOf(model)));
  });
  modelPath.all(allowOnly('GET'));

  return router;
}

/** RFC 9745 and RFC 8594: when the model was deprecated, when it ends, and which one comes after it. */
export function tellLifeOfModel(response: Response, { jobs, name }: { jobs: JobApi; name: string }): void {
  const model = jobs.models.get(name);
  if (!model) return;
  const { status, deprecatedAt, sunsetAt, replacement } = jobs.lifeOf(model);
  if (status === 'active') return;
  const pathOf = (of: string) => `${jobs.publicUrl}/api/v1/models/${encodeURIComponent(of)}`;
  if (deprecatedAt) response.set('Deprecation', `@${Math.floor(deprecatedAt.getTime() / 1_000)}`);
  if (sunsetAt) response.set('Sunset', sunsetAt.toUTCString());
  response.append('Link', `<${pathOf(name)}>; rel="deprecation"; type="application/json"`);
  if (replacement !== null) response.append('Link', `<${pathOf(replacement)}>; rel="successor-version"`);
}
