import type { z } from 'zod';
import { ServiceError } from '../contract/errors.js';
import type { EventRow, Events, Standing } from '../store/events.js';
import type { Caller } from '../store/workspaces.js';
import type { LiveEvents } from './live-events.js';
import type { WaitingCallers } from './waiting-callers.js';

/** One thing that happened to a job or a pipeline, the subject. */
export type FeedEvent<Data> = {
  subjectId: string;
  /** 1 for the first, one more for each that follows. */
  sequence: number;
  type: string;
  createdAt: Date;
  data: Data;
  /** The subject has ended with it. */
  isEnd: boolean;
};

type EventPage<Data> = { events: FeedEvent<Data>[]; hasMore: boolean };

/** What is told to somebody who follows. `onClose`: nothing more will come from this process, and it is not the end. */
type Follower<Data> = { after: number; onEvents: (events: FeedEvent<Data>[]) => void; onClose: () => void };

export type Patience = { limitMs: number; signal: AbortSignal };

type Deps<Data> = {
  what: 'job' | 'pipeline';
  isId: (text: string) => boolean;
  /** What callers may know of an event. */
  dataSchema: z.ZodType<Data>;
  events: Events;
  live: LiveEvents;
  waitingCallers: WaitingCallers;
};

export type EventFeed<Data> = ReturnType<typeof createEventFeed<Data>>;

const RETRY_AFTER_SECONDS = 5;

/** What happened to subjects of one kind, and what does while somebody waits. */
export function createEventFeed<Data>({ what, isId, dataSchema, events, live, waitingCallers }: Deps<Data>) {
  return {
    /** Oldest first. @throws `not_found` */
    async page(
      id: string,
      caller: Caller,
      { after, limit }: { after: number; limit: number },
    ): Promise<EventPage<Data>> {
      await standingOf(id, caller);
      const rows = await events.newer([{ id, after }], limit + 1);
      return { events: rows.slice(0, limit).map(viewOfEvent), hasMore: rows.length > limit };
    },

    /** From which event on there is something to follow; undefined when the subject has ended and all of it was heard. @throws `not_found` */
    async positionOf(id: string, caller: Caller, after: number): Promise<number | undefined> {
      const { isFinished, lastSequence } = await standingOf(id, caller);
      if (isFinished && after >= lastSequence) return undefined;
      // Who claims to know more than there is goes on with what comes next.
      return Math.min(after, lastSequence);
    },

    /** @returns what ends it. @throws `rate_limited` when the workspace waits for too much already. */
    follow(id: string, caller: Caller, { after, onEvents, onClose }: Follower<Data>): () => void {
      const leave = waitingCallers.enter(caller);
      if (!leave) {
        const detail = `The workspace waits for ${waitingCallers.maxOfWorkspace} jobs and pipelines here already.`;
        throw new ServiceError('rate_limited', { detail, retryAfterSeconds: RETRY_AFTER_SECONDS });
      }
      const tell = (rows: EventRow[]) => onEvents(rows.map(viewOfEvent));
      const unwatch = live.watch({ id, after, onEvents: tell, onClose });
      return () => {
        unwatch();
        leave();
      };
    },

    /** Waits for the end: at most so long, not beyond `signal`, and not while this process is stopping. */
    async untilEnded(id: string, caller: Caller, { limitMs, signal }: Patience): Promise<void> {
      const leave = waitingCallers.enter(caller);
      if (!leave || signal.aborted) return leave?.();
      let end = () => {};
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        signal.addEventListener('abort', () => resolve(), { once: true });
        const unwatch = live.watch({
          id,
          after: 0,
          onEvents: (rows) => {
            if (rows.some(({ is_end: isEnd }) => isEnd)) resolve();
          },
          onClose: resolve,
        });
        end = () => {
          clearTimeout(timer);
          unwatch();
        };
      });
      end();
      leave();
    },
  };

  async function standingOf(id: string, { workspaceId }: Caller): Promise<Standing> {
    const standing = isId(id) ? await events.standing({ id, workspaceId }) : undefined;
    if (!standing) throw new ServiceError('not_found', { detail: `There is no ${what} ${id.slice(0, 100)}.` });
    return standing;
  }

  function viewOfEvent({
    subject_id: subjectId,
    sequence,
    type,
    created_at: createdAt,
    data,
    is_end: isEnd,
  }: EventRow) {
    return { subjectId, sequence, type, createdAt, data: dataSchema.parse(data), isEnd };
  }
}
