import type { IncomingMessage } from 'node:http';
import type { Request, Response } from 'express';
import type { Job, JobApi, JobRequest, WordFor } from '../jobs.js';
import { callerOf } from './caller.js';
import { readIdempotencyKey } from './idempotency-key.js';
import { tellLifeOfModel } from './model-life.js';
import { waitAsPreferred } from './prefer.js';
import { withWebhookUrl } from './webhook-url.js';

type Taking = {
  request: Pick<Request, 'get'> & IncomingMessage;
  response: Response;
  wanted: JobRequest;
  wordFor: WordFor;
  dialect: string;
  /** Method and path pattern: the same idempotency key on another route is another request. */
  route: string;
};

/** What taking a job means in every dialect: it may be repeated by its key, and says so, name an address to be told at, and tells when its model is near its end. */
export async function takeJob(jobs: JobApi, taking: Taking): Promise<Job> {
  const { request, response, dialect, route } = taking;
  const { wanted, wordFor } = withWebhookUrl(taking, request);
  const idempotencyKey = readIdempotencyKey(request);
  tellLifeOfModel(response, { jobs, name: wanted.model });
  const options = { caller: callerOf(request), wordFor, dialect, route, idempotencyKey };
  const { job, isReplay } = await jobs.accept(wanted, options);
  if (isReplay) response.set('Idempotency-Replayed', 'true');
  return waitAsPreferred(jobs, { job, request, response });
}
