import { type Request, type Response, Router } from 'express';
import { ServiceError } from '../../../contract/errors.js';
import { bearer } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { DialectDeps } from '../../middleware/dialect.js';
import { allowOnly } from '../../middleware/errors.js';
import { tellLifeOfModel } from '../../middleware/model-life.js';
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
