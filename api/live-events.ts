import type { Logger } from '../runtime/logger.js';
import type { EventRow, Events, Position } from '../store/events.js';

/** Who waits for what happens to a job or a pipeline. */
export type Watcher = {
  /** Called with what comes next, in order, each event once. */
  onEvents: (events: EventRow[]) => void;
  /** Nothing more will come from this process: it is about to stop. */
  onClose: () => void;
};

export type LiveEvents = ReturnType<typeof createLiveEvents>;

type Deps = {
  events: Events;
  logger: Logger;
  /** How often all that is watched is looked at together, whether or not anybody announced a change. */
  lookEveryMs?: number;
};

type Watching = Watcher & Position;

const LOOK_EVERY_MS = 1_000;
/** In one statement. */
const MAX_AT_ONCE = 500;
const MAX_EVENTS_OF_EACH = 200;

/**
 * Hears for everybody who waits in this process for what one kind of events is of. Announcements say where to look, a look each second is
 * the net under them, and either asks the database once for all that are concerned.
 */
export function createLiveEvents({ events, logger, lookEveryMs = LOOK_EVERY_MS }: Deps) {
  const watched = new Map<string, Set<Watching>>();
  const due = new Set<string>();
  let isLooking = false;
  let looking: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isAway = false;
  let isClosed = false;

  return {
    /** From the event after `after` on. @returns what ends it. */
    watch({ id, after, ...watcher }: Position & Watcher): () => void {
      if (isClosed) {
        queueMicrotask(watcher.onClose);
        return () => {};
      }
      const watching = { id, after, ...watcher };
      const others = watched.get(id);
      if (others) others.add(watching);
      else watched.set(id, new Set([watching]));
      timer ??= setInterval(lookAtAll, lookEveryMs);
      look([id]);
      return () => forget(watching);
    },

    /** These may have changed. Who is not watched here is passed over, of whatever kind it is. */
    look,

    /** Any of them may have changed. */
    lookAtAll,

    /** Sends everybody away, and whoever still comes. */
    async close(): Promise<void> {
      isClosed = true;
      clearInterval(timer);
      due.clear();
      for (const watching of [...watched.values()].flatMap((some) => [...some])) watching.onClose();
      watched.clear();
      await looking;
    },
  };

  function forget(watching: Watching): void {
    const all = watched.get(watching.id);
    all?.delete(watching);
    if (all?.size === 0) watched.delete(watching.id);
    if (watched.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function lookAtAll(): void {
    look(watched.keys());
  }

  function look(ids: Iterable<string>): void {
    for (const id of ids) if (watched.has(id)) due.add(id);
    if (due.size === 0 || isLooking) return;
    isLooking = true;
    looking = lookAtDue();
  }

  async function lookAtDue(): Promise<void> {
    // What comes in the same breath is looked for in one statement.
    await Promise.resolve();
    while (due.size > 0) {
      const positions = takePositions();
      try {
        const news = positions.length > 0 ? await events.newer(positions, MAX_EVENTS_OF_EACH) : [];
        if (isAway) logger.info({ watched: watched.size }, 'what is waited for can be looked at again');
        isAway = false;
        deliver(positions, news);
      } catch (error) {
        if (!isAway)
          logger.warn({ err: error }, 'what is waited for cannot be looked at; it is tried again every second');
        isAway = true;
        due.clear();
      }
    }
    isLooking = false;
  }

  function takePositions(): Position[] {
    const ids = [...due].slice(0, MAX_AT_ONCE);
    for (const id of ids) due.delete(id);
    return ids.flatMap((id) => {
      const all = watched.get(id);
      return all ? [{ id, after: Math.min(...[...all].map(({ after }) => after)) }] : [];
    });
  }

  function deliver(positions: Position[], found: EventRow[]): void {
    const eventsOf = new Map<string, EventRow[]>();
    for (const event of found) {
      const earlier = eventsOf.get(event.subject_id);
      if (earlier) earlier.push(event);
      else eventsOf.set(event.subject_id, [event]);
    }
    for (const { id, after } of positions) {
      const news = eventsOf.get(id) ?? [];
      if (news.length === MAX_EVENTS_OF_EACH) due.add(id);
      // Who came meanwhile and knows less is told by the next look, which begins where he stands.
      for (const watching of watched.get(id) ?? []) if (watching.after >= after) tell(watching, news);
    }
  }

  function tell(watching: Watching, news: EventRow[]): void {
    const unheard = news.filter(({ sequence }) => sequence > watching.after);
    const last = unheard.at(-1);
    if (!last) return;
    watching.after = last.sequence;
    watching.onEvents(unheard);
  }
}
