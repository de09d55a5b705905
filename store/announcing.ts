import type { Announcer } from './announcements.js';
import type { Artifacts } from './artifacts.js';
import type { Attempts } from './attempts.js';
import type { Jobs } from './jobs.js';
import type { OperatorJobs } from './operator-jobs.js';
import type { Settlement } from './settlement.js';
import type { SweepList } from './sweep.js';

/** The stores as they are, with each change told to whoever waits for it once it is committed. */
export function announcingJobs(jobs: Jobs, { announce }: Announcer): Jobs {
  return {
    ...jobs,
    async accept(job) {
      const acceptance = await jobs.accept(job);
      if (!acceptance.isReplay) announce(acceptance.job.id, { isToDispatch: true });
      return acceptance;
    },
    async requestCancel(wanted) {
      const marked = await jobs.requestCancel(wanted);
      if (marked) announce(marked.id, { isToDispatch: true });
      return marked;
    },
  };
}

export function announcingSettlement(settlement: Settlement, { announce }: Announcer): Settlement {
  return {
    ...settlement,
    async settle(ending) {
      const settled = await settlement.settle(ending);
      announce(ending.jobId, { isToDispatch: settled.queuedWebhooks > 0 });
      return settled;
    },
    async cancelUnstarted(jobId) {
      const isCanceled = await settlement.cancelUnstarted(jobId);
      if (isCanceled) announce(jobId, { isToDispatch: true });
      return isCanceled;
    },
  };
}

/** Makes of a write one that is told of when it is committed, under the id of its subject. */
export const announcing =
  <Subject>(announce: Announcer['announce'], idOf: (subject: Subject) => string) =>
  <Of extends Subject, Rest extends unknown[], Result>(write: (of: Of, ...rest: Rest) => Promise<Result>) =>
  async (of: Of, ...rest: Rest): Promise<Result> => {
    const result = await write(of, ...rest);
    announce(idOf(of));
    return result;
  };

const ofJob = ({ jobId }: { jobId: string }): string => jobId;

type AttemptReads = 'find' | 'ofJob' | 'resultOf' | 'countLooking';

export function announcingAttempts(attempts: Attempts, { announce }: Announcer): Attempts {
  const told = announcing(announce, ofJob);

  // Whoever adds a method to the store is told by the compiler to say here whether it changes a job.
  const writes: Omit<Attempts, AttemptReads> = {
    intend: told(attempts.intend),
    recordSubmission: told(attempts.recordSubmission),
    recordFound: told(attempts.recordFound),
    recordLost: told(attempts.recordLost),
    recordStillUnknown: told(attempts.recordStillUnknown),
    settleByList: told(attempts.settleByList),
    recordLook: told(attempts.recordLook),
    recordVerdict: told(attempts.recordVerdict),
    abandon: told(attempts.abandon),
  };
  return { ...attempts, ...writes };
}

export function announcingArtifacts(artifacts: Artifacts, { announce }: Announcer): Artifacts {
  return { ...artifacts, addVideo: announcing(announce, ofJob)(artifacts.addVideo) };
}

export function announcingSweepList(sweepList: SweepList, { announce }: Announcer): SweepList {
  return { ...sweepList, recordRevival: announcing(announce, ofJob)(sweepList.recordRevival) };
}

export function announcingOperatorJobs(jobs: OperatorJobs, { announce }: Announcer): OperatorJobs {
  return {
    ...jobs,
    async decide(jobId, decision) {
      const decided = await jobs.decide(jobId, decision);
      if (decided === 'decided') announce(jobId);
      return decided;
    },
  };
}
