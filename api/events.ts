import { z } from 'zod';
import { ServiceError } from '../contract/errors.js';
import { isTerminal } from '../contract/states.js';
import type { JobEventRow, JobEvents, Standing } from '../store/job-events.js';
import type { Caller } from '../store/workspaces.js';
import { isJobId } from './job-id.js';
import type { LiveJobs } from './live-jobs.js';

/** One thing that happened to a job. */
export type JobEvent = {
  jobId: string;
  /** 1 for the first, one more for each that follows. */
  sequence: number;
  type: string;
  createdAt: Date;
  data: z.infer<typeof dataSchema>;
  /** The job has ended with it. */
  isEnd: boolean;
};

export type EventPage = { events: JobEvent[]; hasMore: boolean };

/** What is told to somebody who follows a job. `onClose`: nothing more will come from this process, and the job has not ended. */
export type Follower = { after: number; onEvents: (events: JobEvent[]) => void; onClose: () => void };

export type Patience = { limitMs: number; signal: AbortSignal };

export type EventDeps = {
  jobEvents: JobEvents;
  liveJobs: LiveJobs;
  /** So that no workspace takes all the connections of a process. */
  maxWaitingOfWorkspace?: number;
};

/** What callers may know of an event. The rest of what is kept with it is for operators. */
const dataSchema = z.object({
  attempt: z.int().optional().catch(undefined),
  provider: z.string().optional().catch(undefined),
  progress: z.number().optional().catch(undefined),
  error: z.string().optional().catch(undefined),
  variant: z.int().optional().catch(undefined),
  bytes: z.int().optional().catch(undefined),
  sha256: z.string().optional().catch(undefined),
});

const endings = new Set(['job.succeeded', 'job.failed', 'job.canceled']);

const MAX_WAITING_OF_WORKSPACE = 2_000;
const RETRY_AFTER_SECONDS = 5;

/** What happened to jobs, and what does while somebody waits. */
export function createEvents({ jobEvents, liveJobs, maxWaitingOfWorkspace = MAX_WAITING_OF_WORKSPACE }: EventDeps) {
  const waiting = new Map<string, number>();

  return {
    /** Oldest first. @throws `not_found` */
    async page(id: string, caller: Caller, { after, limit }: { after: number; limit: number }): Promise<EventPage> {
      await standingOf(id, caller);
      const rows = await jobEvents.newer([{ jobId: id, after }], limit + 1);
      return { events: rows.slice(0, limit).map(viewOfEvent), hasMore: rows.length > limit };
    },

    /** From which event on there is something to follow; undefined when the job has ended and all of it was heard. @throws `not_found` */
    async positionOf(id: string, caller: Caller, after: number): Promise<number | undefined> {
      const { state, lastSequence } = await standingOf(id, caller);
      if (isTerminal(state) && after >= lastSequence) return undefined;
      // Who claims to know more than there is goes on with what comes next.
      return Math.min(after, lastSequence);
    },

    /** @returns what ends it. @throws `rate_limited` when the workspace waits for too many jobs already. */
    follow(id: string, caller: Caller, { after, onEvents, onClose }: Follower): () => void {
      const leave = enter(caller);
      if (!leave) {
        const detail = `The workspace waits for ${maxWaitingOfWorkspace} jobs here already.`;
        throw new ServiceError('rate_limited', { detail, retryAfterSeconds: RETRY_AFTER_SECONDS });
      }
      const tell = (rows: JobEventRow[]) => onEvents(rows.map(viewOfEvent));
      const unwatch = liveJobs.watch({ jobId: id, after, onEvents: tell, onClose });
      return () => {
        unwatch();
        leave();
      };
    },

    /** Waits for the end of a job: at most so long, not beyond `signal`, and not while this process is stopping. */
    async untilEnded(id: string, caller: Caller, { limitMs, signal }: Patience): Promise<void> {
      const leave = enter(caller);
      if (!leave || signal.aborted) return leave?.();
      let end = () => {};
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, limitMs);
        signal.addEventListener('abort', () => resolve(), { once: true });
        const unwatch = liveJobs.watch({
          jobId: id,
          after: 0,
          onEvents: (rows) => {
            if (rows.some(({ type }) => endings.has(type))) resolve();
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

  /** One more who waits. @returns what takes him off again; undefined when there are too many. */
  function enter({ workspaceId }: Caller): (() => void) | undefined {
    const others = waiting.get(workspaceId) ?? 0;
    if (others >= maxWaitingOfWorkspace) return undefined;
    waiting.set(workspaceId, others + 1);
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      const left = (waiting.get(workspaceId) ?? 1) - 1;
      if (left > 0) waiting.set(workspaceId, left);
      else waiting.delete(workspaceId);
    };
  }

  async function standingOf(id: string, { workspaceId }: Caller): Promise<Standing> {
    const standing = isJobId(id) ? await jobEvents.standing({ id, workspaceId }) : undefined;
    if (!standing) throw new ServiceError('not_found', { detail: `There is no job ${id.slice(0, 100)}.` });
    return standing;
  }
}

function viewOfEvent({ job_id: jobId, sequence, type, created_at: createdAt, data }: JobEventRow): JobEvent {
  return { jobId, sequence, type, createdAt, data: dataSchema.parse(data), isEnd: endings.has(type) };
}
