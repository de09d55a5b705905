import type { Logger } from '../runtime/logger.js';
import type { JobEventRow, JobEvents, Position } from '../store/job-events.js';

/** Who waits for what happens to a job. */
export type Watcher = {
  /** Called with what comes next, in order, each event once. */
  onEvents: (events: JobEventRow[]) => void;
  /** Nothing more will come from this process: it is about to stop. */
  onClose: () => void;
};

export type LiveJobs = ReturnType<typeof createLiveJobs>;

type Deps = {
  jobEvents: JobEvents;
  logger: Logger;
  /** How often all watched jobs are looked at together, whether or not anybody announced a change. */
  lookEveryMs?: number;
};

type Watching = Watcher & Position;

const LOOK_EVERY_MS = 1_000;
/** In one statement. */
const MAX_JOBS_AT_ONCE = 500;
const MAX_EVENTS_OF_EACH = 200;

/**
 * Hears for everybody who waits for a job in this process. Announcements say where to look, a look each second is the net under them,
 * and either asks the database once for all jobs concerned.
 */
export function createLiveJobs({ jobEvents, logger, lookEveryMs = LOOK_EVERY_MS }: Deps) {
  const watched = new Map<string, Set<Watching>>();
  const due = new Set<string>();
  let isLooking = false;
  let looking: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let isAway = false;
  let isClosed = false;

  return {
    /** From the event after `after` on. @returns what ends it. */
    watch({ jobId, after, ...watcher }: Position & Watcher): () => void {
      if (isClosed) {
        queueMicrotask(watcher.onClose);
        return () => {};
      }
      const watching = { jobId, after, ...watcher };
      const others = watched.get(jobId);
      if (others) others.add(watching);
      else watched.set(jobId, new Set([watching]));
      timer ??= setInterval(lookAtAll, lookEveryMs);
      look([jobId]);
      return () => forget(watching);
    },

    /** These may have changed. */
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
    const all = watched.get(watching.jobId);
    all?.delete(watching);
    if (all?.size === 0) watched.delete(watching.jobId);
    if (watched.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function lookAtAll(): void {
    look(watched.keys());
  }

  function look(jobIds: Iterable<string>): void {
    for (const jobId of jobIds) if (watched.has(jobId)) due.add(jobId);
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
        const events = positions.length > 0 ? await jobEvents.newer(positions, MAX_EVENTS_OF_EACH) : [];
        if (isAway) logger.info({ jobs: watched.size }, 'watched jobs can be looked at again');
        isAway = false;
        deliver(positions, events);
      } catch (error) {
        if (!isAway) logger.warn({ err: error }, 'watched jobs cannot be looked at; it is tried again every second');
        isAway = true;
        due.clear();
      }
    }
    isLooking = false;
  }

  function takePositions(): Position[] {
    const jobIds = [...due].slice(0, MAX_JOBS_AT_ONCE);
    for (const jobId of jobIds) due.delete(jobId);
    return jobIds.flatMap((jobId) => {
      const all = watched.get(jobId);
      return all ? [{ jobId, after: Math.min(...[...all].map(({ after }) => after)) }] : [];
    });
  }

  function deliver(positions: Position[], events: JobEventRow[]): void {
    const eventsOf = new Map<string, JobEventRow[]>();
    for (const event of events) {
      const earlier = eventsOf.get(event.job_id);
      if (earlier) earlier.push(event);
      else eventsOf.set(event.job_id, [event]);
    }
    for (const { jobId, after } of positions) {
      const news = eventsOf.get(jobId) ?? [];
      if (news.length === MAX_EVENTS_OF_EACH) due.add(jobId);
      // Who came meanwhile and knows less is told by the next look, which begins where he stands.
      for (const watching of watched.get(jobId) ?? []) if (watching.after >= after) tell(watching, news);
    }
  }

  function tell(watching: Watching, news: JobEventRow[]): void {
    const unheard = news.filter(({ sequence }) => sequence > watching.after);
    const last = unheard.at(-1);
    if (!last) return;
    watching.after = last.sequence;
    watching.onEvents(unheard);
  }
}
