import { type Request, type RequestHandler, type Response, Router } from 'express';
import { pipelineWorkflowId } from '../../../contract/pipeline-plan.js';
import { bearer } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { DialectDeps } from '../../middleware/dialect.js';
import { allowOnly } from '../../middleware/errors.js';
import { readIdempotencyKey } from '../../middleware/idempotency-key.js';
import { parseRequest } from '../../middleware/parse.js';
import { requireScope } from '../../middleware/scopes.js';
import { sendContent } from '../../middleware/send-content.js';
import type { Pipeline } from '../../pipelines.js';
import { createEventHandler } from './event-handler.js';
import { pipelineAnswer, pipelineEventAnswer, pipelineQuoteAnswer, pipelineSummaryAnswer } from './pipeline-answers.js';
import { decisionSchema, pipelineListSchema } from './pipeline-schemas.js';
import { readPipeline, readRetry } from './pipeline-translate.js';
import { stepLinkSchema } from './schemas.js';

type OfOne = { id: string };
type OfStep = { id: string; step: string };

/** Jobs that follow from each other, taken and paid for as one. */
export function createPipelineRoutes(deps: DialectDeps): Router {
  const router = Router();
  router.use(createCollectionRoutes(deps), createOneRoutes(deps));
  return router;
}

function answererOf({ jobs, pipelines: { publicUrl } }: DialectDeps) {
  const settingsOf = (pipeline: Pipeline, request: Request<unknown>) => ({
    publicUrl,
    temporalLink: jobs.temporalLink(pipelineWorkflowId(pipeline), callerOf(request)),
  });
  return {
    answer: (pipeline: Pipeline, request: Request<unknown>) => pipelineAnswer(pipeline, settingsOf(pipeline, request)),
    summary: (pipeline: Pipeline, request: Request<unknown>) =>
      pipelineSummaryAnswer(pipeline, settingsOf(pipeline, request)),
  };
}

function createCollectionRoutes(deps: DialectDeps): Router {
  const { pipelines, authenticate, limitRate, readJson } = deps;
  const { answer, summary } = answererOf(deps);
  const router = Router();
  const reading = [authenticate(bearer), limitRate, requireScope('jobs:read')];
  const writing = [authenticate(bearer), limitRate, requireScope('jobs:write')];

  const allPath = router.route('/videos/pipelines');
  allPath.post(writing, readJson, async (request: Request, response: Response) => {
    const idempotencyKey = readIdempotencyKey(request);
    const wanted = await readPipeline(request.body);
    const { pipeline, isReplay } = await pipelines.accept(wanted, {
      caller: callerOf(request),
      idempotencyKey,
      body: request.body,
    });
    if (isReplay) response.set('Idempotency-Replayed', 'true');
    const body = answer(pipeline, request);
    response.status(202).location(body.links.self).json(body);
  });
  allPath.get(reading, async (request: Request, response: Response) => {
    const { status: state, ...page } = parseRequest(pipelineListSchema, request.query);
    const { pipelines: found, hasMore } = await pipelines.list({ ...page, state }, callerOf(request));
    response.json({
      object: 'list',
      data: found.map((pipeline) => summary(pipeline, request)),
      has_more: hasMore,
      next_cursor: hasMore ? (found.at(-1)?.id ?? null) : null,
    });
  });
  allPath.all(allowOnly('GET', 'POST'));

  const quotePath = router.route('/videos/pipelines/quote');
  quotePath.post(reading, readJson, async (request: Request, response: Response) => {
    const wanted = await readPipeline(request.body);
    response.json(pipelineQuoteAnswer(await pipelines.quote(wanted, callerOf(request))));
  });
  quotePath.all(allowOnly('POST'));
  return router;
}

function createOneRoutes(deps: DialectDeps): Router {
  const { pipelines, authenticate, limitRate, readJson } = deps;
  const { answer } = answererOf(deps);
  const router = Router();
  const reading = [authenticate(bearer), limitRate, requireScope('jobs:read')];
  const writing = [authenticate(bearer), limitRate, requireScope('jobs:write')];

  const onePath = router.route('/videos/pipelines/:id');
  onePath.get(reading, async (request: Request<OfOne>, response: Response) => {
    response.json(answer(await pipelines.get(request.params.id, callerOf(request)), request));
  });
  onePath.delete(writing, async (request: Request<OfOne>, response: Response) => {
    await pipelines.remove(request.params.id, callerOf(request));
    response.status(204).end();
  });
  onePath.all(allowOnly('GET', 'DELETE'));

  const eventsPath = router.route('/videos/pipelines/:id/events');
  const sendEvents = createEventHandler({
    events: pipelines.events,
    read: pipelines.get,
    answer: (event, pipeline, request) => pipelineEventAnswer(event, pipeline && answer(pipeline, request)),
  });
  eventsPath.get(reading, sendEvents);
  eventsPath.all(allowOnly('GET'));

  const cancelPath = router.route('/videos/pipelines/:id/cancel');
  cancelPath.post(writing, async (request: Request<OfOne>, response: Response) => {
    const pipeline = await pipelines.cancel(request.params.id, callerOf(request));
    response.status(pipeline.finishedAt ? 200 : 202).json(answer(pipeline, request));
  });
  cancelPath.all(allowOnly('POST'));

  const retryPath = router.route('/videos/pipelines/:id/retry');
  retryPath.post(writing, readJson, async (request: Request<OfOne>, response: Response) => {
    const edited = await readRetry(request.body);
    response.status(202).json(answer(await pipelines.retry(request.params.id, edited, callerOf(request)), request));
  });
  retryPath.all(allowOnly('POST'));

  for (const [verb, decision] of [
    ['approve', 'approved'],
    ['reject', 'rejected'],
  ] as const) {
    const path = router.route(`/videos/pipelines/:id/${verb}`);
    path.post(writing, readJson, async (request: Request<OfOne>, response: Response) => {
      const { step, note = null } = parseRequest(decisionSchema, request.body);
      const said = { step, decision, note };
      response.status(202).json(answer(await pipelines.decide(request.params.id, said, callerOf(request)), request));
    });
    path.all(allowOnly('POST'));
  }

  const contentPath = router.route('/videos/pipelines/:id/steps/:step/content');
  contentPath.get(reading.map(unlessSigned), async (request: Request<OfStep>, response: Response) => {
    const { id, step } = request.params;
    const { expires, signature } = parseRequest(stepLinkSchema, request.query);
    const access =
      signature === undefined
        ? ({ kind: 'workspace', workspaceId: callerOf(request).workspaceId } as const)
        : ({ kind: 'link', signature, expiresAtSeconds: expires ?? 0 } as const);
    await sendContent(request, response, await pipelines.content(id, { step, access }));
  });
  contentPath.all(allowOnly('GET', 'HEAD'));
  return router;
}

/** A signed link is its own key. */
function unlessSigned(handler: RequestHandler): RequestHandler {
  return (request, response, next) =>
    request.query.signature === undefined ? handler(request, response, next) : next();
}
