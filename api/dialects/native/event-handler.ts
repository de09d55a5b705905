import type { Request, Response } from 'express';
import type { Caller, EventFeed, FeedEvent } from '../../jobs.js';
import { callerOf } from '../../middleware/caller.js';
import { openEventStream } from '../../middleware/event-stream.js';
import { parseRequest } from '../../middleware/parse.js';
import { eventHeadersSchema, eventQuerySchema } from './event-schemas.js';

type OfOne = { id: string };

/** What the events are of: a job or a pipeline. */
type Told<Data, Subject> = {
  events: EventFeed<Data>;
  read: (id: string, caller: Caller) => Promise<Subject>;
  /** `subject`: as it has ended with the event, where it has. */
  answer: (event: FeedEvent<Data>, subject: Subject | undefined, request: Request<OfOne>) => object;
};

/** Tells what happened: as a page, or as it happens. */
export function createEventHandler<Data, Subject extends { finishedAt: Date | null }>({
  events,
  read,
  answer,
}: Told<Data, Subject>) {
  return async (request: Request<OfOne>, response: Response): Promise<void> => {
    const { after, limit } = readPosition(request);
    response.vary('Accept');
    if (wantsStream(request)) await sendStream(request, response, after);
    else await sendPage(request, response, { after, limit });
  };

  async function sendPage(request: Request<OfOne>, response: Response, span: { after: number; limit: number }) {
    const page = await events.page(request.params.id, callerOf(request), span);
    const data: object[] = [];
    for (const event of page.events) data.push(answer(event, await endedWith(event, request), request));
    response.json({
      object: 'list',
      data,
      has_more: page.hasMore,
      next_cursor: page.hasMore ? (page.events.at(-1)?.sequence ?? null) : null,
    });
  }

  async function sendStream(request: Request<OfOne>, response: Response, lastSeen: number) {
    const { id } = request.params;
    const caller = callerOf(request);
    const after = await events.positionOf(id, caller, lastSeen);
    if (after === undefined) {
      // The one answer after which an EventSource does not come again.
      response.status(204).end();
      return;
    }
    if (response.closed) return;
    let sending = Promise.resolve();
    const stop = events.follow(id, caller, {
      after,
      onEvents: (news) => {
        // One after the other: an end waits for what it shows, and what comes of another run comes after it.
        sending = sending.then(() => send(news)).catch(() => stream.endForNow());
      },
      onClose: () => stream.endForNow(),
    });
    response.once('close', stop);
    const stream = openEventStream(response);

    async function send(news: FeedEvent<Data>[]): Promise<void> {
      for (const event of news) {
        const subject = await endedWith(event, request);
        stream.send({ id: event.sequence, type: event.type, data: answer(event, subject, request) });
        if (subject) stream.end();
      }
    }
  }

  /** Nothing of one that was run again meanwhile: its end was none. */
  async function endedWith(event: FeedEvent<Data>, request: Request<OfOne>): Promise<Subject | undefined> {
    if (!event.isEnd) return undefined;
    const subject = await read(request.params.id, callerOf(request));
    return subject.finishedAt === null ? undefined : subject;
  }
}

/** JSON, unless a stream is asked for by its name. */
function wantsStream(request: Request<OfOne>): boolean {
  return request.method === 'GET' && request.accepts(['application/json', 'text/event-stream']) === 'text/event-stream';
}

/** A browser that comes again says by the header how far it came; the query is still that of its first request. */
function readPosition(request: Request<OfOne>): { after: number; limit: number } {
  const { last_event_id: fromQuery = 0, limit } = parseRequest(eventQuerySchema, request.query);
  const header = request.get('last-event-id') || undefined;
  const { 'Last-Event-ID': after = fromQuery } = parseRequest(eventHeadersSchema, { 'Last-Event-ID': header });
  return { after, limit };
}
