import { type Request, type RequestHandler, type Response, Router } from 'express';
import { fieldError } from '../../../contract/errors.js';
import type { Job } from '../../jobs.js';
import { bearer } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { Dialect, DialectDeps } from '../../middleware/dialect.js';
import { allowOnly } from '../../middleware/errors.js';
import { parseRequest } from '../../middleware/parse.js';
import { readWaitSeconds, waitAsPreferred } from '../../middleware/prefer.js';
import { requireScope } from '../../middleware/scopes.js';
import { sendContent } from '../../middleware/send-content.js';
import { takeJob } from '../../middleware/take-job.js';
import { attemptAnswer, jobAnswer, liveAnswer, usageAnswer } from './answers.js';
import { renderProblem } from './errors.js';
import { createEventRoutes } from './event-routes.js';
import { createFileRoutes } from './file-routes.js';
import { createModelRoutes } from './model-routes.js';
import { createPipelineRoutes } from './pipeline-routes.js';
import {
  contentSchema,
  followUpSchema,
  inputLinkSchema,
  listSchema,
  type NewJobBody,
  newJobSchema,
  statusSchema,
  usageSchema,
} from './schemas.js';
import { translateRequest } from './translate.js';
import { createWebhookRoutes } from './webhook-routes.js';

type OfJob = { id: string };

const DAY_MS = 24 * 60 * 60 * 1_000;
const DEFAULT_USAGE_DAYS = 30;
const MAX_USAGE_DAYS = 366;

/** The native API: Omixa's two routes and what we add to them. */
export function createNativeDialect(deps: DialectDeps): Dialect {
  const router = Router();
  router.use(
    '/api/v1',
    createJobRoutes(deps),
    createEventRoutes(deps),
    createModelRoutes(deps),
    createPipelineRoutes(deps),
    createWebhookRoutes(deps),
    createFileRoutes(deps),
  );
  return { prefixes: ['/api/v1'], router, renderError: renderProblem };
}

function createJobRoutes({ jobs, authenticate, limitRate, readJson }: DialectDeps): Router {
  const router = Router();
  const reading = [authenticate(bearer), limitRate, requireScope('jobs:read')];
  const writing = [authenticate(bearer), limitRate, requireScope('jobs:write')];

  const answer = (job: Job, request: Request<unknown>, { showsQueued }: { showsQueued: boolean }) => {
    const temporalLink = jobs.temporalLink(job.id, callerOf(request));
    return jobAnswer(job, { showsQueued, publicUrl: jobs.publicUrl, temporalLink });
  };

  async function create(
    request: Request<unknown>,
    response: Response,
    { body, route }: { body: NewJobBody; route: string },
  ) {
    const { request: wanted, wordFor } = translateRequest(body);
    const job = await takeJob(jobs, { request, response, wanted, wordFor, dialect: 'native', route });
    const shown = answer(job, request, { showsQueued: false });
    const isDone = job.finishedAt !== null && readWaitSeconds(request.get('prefer')) !== undefined;
    response
      .status(isDone ? 201 : 202)
      .location(shown.links.self)
      .json(shown);
  }

  const jobsPath = router.route('/videos/jobs');
  jobsPath.post(writing, readJson, async (request: Request, response: Response) => {
    await create(request, response, {
      body: parseRequest(newJobSchema, request.body),
      route: 'POST /api/v1/videos/jobs',
    });
  });
  jobsPath.get(reading, async (request: Request, response: Response) => {
    const {
      limit,
      after,
      status,
      model,
      provider,
      pipeline: pipelineId,
      ...more
    } = parseRequest(listSchema, request.query);
    const page = await jobs.list(
      {
        limit,
        after,
        status,
        model,
        provider,
        operation: more.video_operation,
        pipelineId,
        createdFrom: more.created_from,
        createdBefore: more.created_before,
      },
      callerOf(request),
    );
    response.json({
      object: 'list',
      data: page.jobs.map((job) => answer(job, request, { showsQueued: true })),
      has_more: page.hasMore,
      next_cursor: page.hasMore ? (page.jobs.at(-1)?.id ?? null) : null,
    });
  });
  jobsPath.all(allowOnly('GET', 'POST'));

  const statusPath = router.route('/videos/jobs/status');
  const answerStatus = async (request: Request, response: Response) => {
    const read = await jobs.get(readStatusId(request), callerOf(request));
    const job = await waitAsPreferred(jobs, { job: read, request, response });
    response.json(answer(job, request, { showsQueued: false }));
  };
  statusPath.get(reading, answerStatus);
  statusPath.post(reading, readJson, answerStatus);
  statusPath.all(allowOnly('GET', 'POST'));

  const jobPath = router.route('/videos/jobs/:id');
  jobPath.get(reading, async (request: Request<OfJob>, response: Response) => {
    const read = await jobs.get(request.params.id, callerOf(request));
    const job = await waitAsPreferred(jobs, { job: read, request, response });
    response.json(answer(job, request, { showsQueued: true }));
  });
  jobPath.delete(writing, async (request: Request<OfJob>, response: Response) => {
    await jobs.remove(request.params.id, callerOf(request));
    response.status(204).end();
  });
  jobPath.all(allowOnly('GET', 'DELETE'));

  for (const operation of ['extend', 'remix'] as const) {
    const followUpPath = router.route(`/videos/jobs/:id/${operation}`);
    followUpPath.post(writing, readJson, async (request: Request<OfJob>, response: Response) => {
      const asked = parseRequest(followUpSchema, request.body);
      const { id } = await jobs.get(request.params.id, callerOf(request));
      const body = { ...asked, video_operation: operation, source_video: id };
      await create(request, response, { body, route: `POST /api/v1/videos/jobs/{id}/${operation}` });
    });
    followUpPath.all(allowOnly('POST'));
  }

  const cancelPath = router.route('/videos/jobs/:id/cancel');
  cancelPath.post(writing, async (request: Request<OfJob>, response: Response) => {
    const job = await jobs.cancel(request.params.id, callerOf(request));
    response.status(job.finishedAt ? 200 : 202).json(answer(job, request, { showsQueued: true }));
  });
  cancelPath.all(allowOnly('POST'));

  const attemptsPath = router.route('/videos/jobs/:id/attempts');
  attemptsPath.get(reading, async (request: Request<OfJob>, response: Response) => {
    const caller = callerOf(request);
    const attempts = await jobs.attemptsOf(request.params.id, caller);
    const isOperator = caller.scopes.includes('operator');
    response.json({ object: 'list', data: attempts.map((attempt) => attemptAnswer(attempt, { isOperator })) });
  });
  attemptsPath.all(allowOnly('GET'));

  const livePath = router.route('/videos/jobs/:id/live');
  livePath.get(reading, async (request: Request<OfJob>, response: Response) => {
    const { job, ...live } = await jobs.live(request.params.id, callerOf(request));
    response.json({ job: answer(job, request, { showsQueued: true }), ...liveAnswer(live) });
  });
  livePath.all(allowOnly('GET'));

  const contentPath = router.route('/videos/jobs/:id/content');
  contentPath.get(reading.map(unlessSigned), async (request: Request<OfJob>, response: Response) => {
    const { index, variant: kind, expires, signature } = parseRequest(contentSchema, request.query);
    const access =
      signature === undefined
        ? ({ kind: 'workspace', workspaceId: callerOf(request).workspaceId } as const)
        : ({ kind: 'link', signature, expiresAtSeconds: expires ?? 0 } as const);
    const content = await jobs.content(request.params.id, { index, kind, access });
    await sendContent(request, response, content);
  });
  contentPath.all(allowOnly('GET', 'HEAD'));

  const inputPath = router.route('/videos/inputs/:id');
  inputPath.get(async (request: Request<OfJob>, response: Response) => {
    const { expires, signature } = parseRequest(inputLinkSchema, request.query);
    const access = { kind: 'link', signature, expiresAtSeconds: expires } as const;
    await sendContent(request, response, await jobs.input(request.params.id, access));
  });
  inputPath.all(allowOnly('GET', 'HEAD'));

  const usagePath = router.route('/usage');
  usagePath.get(reading, async (request: Request, response: Response) => {
    const span = readUsageSpan(request);
    response.json(usageAnswer(await jobs.usage(span, callerOf(request)), span));
  });
  usagePath.all(allowOnly('GET'));

  return router;
}

/** A signed link is its own key. */
function unlessSigned(handler: RequestHandler): RequestHandler {
  return (request, response, next) =>
    request.query.signature === undefined ? handler(request, response, next) : next();
}

function readStatusId(request: Request): string {
  const query = parseRequest(statusSchema, request.query);
  const body = parseRequest(statusSchema, request.body ?? {});
  const [given, second] = [...Object.entries(query), ...Object.entries(body)].filter(([, id]) => id !== undefined);
  if (second) throw fieldError('request_invalid', second[0], 'name the job once: by operation, id or job_id');
  if (!given?.[1]) throw fieldError('request_invalid', 'operation', 'is required');
  return given[1];
}

function readUsageSpan(request: Request): { from: Date; to: Date } {
  const { to = new Date(), from = new Date(to.getTime() - DEFAULT_USAGE_DAYS * DAY_MS) } = parseRequest(
    usageSchema,
    request.query,
  );
  if (from >= to) throw fieldError('request_invalid', 'from', 'must be before to');
  if (to.getTime() - from.getTime() > MAX_USAGE_DAYS * DAY_MS) {
    throw fieldError('request_invalid', 'from', `must be at most ${MAX_USAGE_DAYS} days before to`);
  }
  return { from, to };
}
