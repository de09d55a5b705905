import { type Request, type Response, Router } from 'express';
import type { z } from 'zod';
import type { Job, JobEvent } from '../../jobs.js';
import { bearer } from '../../middleware/authenticate.js';
import { callerOf } from '../../middleware/caller.js';
import type { DialectDeps } from '../../middleware/dialect.js';
import { allowOnly } from '../../middleware/errors.js';
import { openEventStream } from '../../middleware/event-stream.js';
import { parseRequest } from '../../middleware/parse.js';
import { requireScope } from '../../middleware/scopes.js';
import { jobAnswer } from './answers.js';
import { eventHeadersSchema, eventQuerySchema, type eventSchema } from './event-schemas.js';

type OfJob = { id: string };
type EventAnswer = z.infer<typeof eventSchema>;

/** What happened to a job: as a page, or as it happens. */
export function createEventRoutes({ jobs, authenticate, limitRate }: DialectDeps): Router {
  const router = Router();
  const { events } = jobs;

  const eventsPath = router.route('/videos/jobs/:id/events');
  eventsPath.get(
    [authenticate(bearer), limitRate, requireScope('jobs:read')],
    async (request: Request<OfJob>, response: Response) => {
      const { after, limit } = readPosition(request);
      response.vary('Accept');
      if (wantsStream(request)) await sendStream(request, response, after);
      else await sendPage(request, response, { after, limit });
    },
  );
  eventsPath.all(allowOnly('GET'));
  return router;

  async function sendPage(request: Request<OfJob>, response: Response, span: { after: number; limit: number }) {
    const { id } = request.params;
    const page = await events.page(id, callerOf(request), span);
    const job = page.events.some(({ isEnd }) => isEnd) ? await jobs.get(id, callerOf(request)) : undefined;
    response.json({
      object: 'list',
      data: page.events.map((event) => answer(request, event, event.isEnd ? job : undefined)),
      has_more: page.hasMore,
      next_cursor: page.hasMore ? (page.events.at(-1)?.sequence ?? null) : null,
    });
  }

  async function sendStream(request: Request<OfJob>, response: Response, lastSeen: number) {
    const { id } = request.params;
    const caller = callerOf(request);
    const after = await events.positionOf(id, caller, lastSeen);
    if (after === undefined) {
      // The one answer after which an EventSource does not come again.
      response.status(204).end();
      return;
    }
    if (response.closed) return;
    const stop = events.follow(id, caller, {
      after,
      onEvents: (news) => {
        send(news).catch(() => stream.endForNow());
      },
      onClose: () => stream.endForNow(),
    });
    response.once('close', stop);
    const stream = openEventStream(response);

    async function send(news: JobEvent[]): Promise<void> {
      for (const event of news) {
        const job = event.isEnd ? await jobs.get(id, caller) : undefined;
        stream.send({ id: event.sequence, type: event.type, data: answer(request, event, job) });
        if (event.isEnd) stream.end();
      }
    }
  }

  function answer(request: Request<OfJob>, event: JobEvent, job: Job | undefined): EventAnswer {
    const { jobId, sequence, type, createdAt, data } = event;
    const temporalLink = jobs.temporalLink(jobId, callerOf(request));
    const shown = job && jobAnswer(job, { showsQueued: true, publicUrl: jobs.publicUrl, temporalLink });
    return { job_id: jobId, sequence, type, created_at: createdAt, data, ...(shown && { job: shown }) };
  }
}

/** JSON, unless a stream is asked for by its name. */
function wantsStream(request: Request<OfJob>): boolean {
  return request.method === 'GET' && request.accepts(['application/json', 'text/event-stream']) === 'text/event-stream';
}

/** A browser that comes again says by the header how far it came; the query is still that of its first request. */
function readPosition(request: Request<OfJob>): { after: number; limit: number } {
  const { last_event_id: fromQuery = 0, limit } = parseRequest(eventQuerySchema, request.query);
  const header = request.get('last-event-id') || undefined;
  const { 'Last-Event-ID': after = fromQuery } = parseRequest(eventHeadersSchema, { 'Last-Event-ID': header });
  return { after, limit };
}
