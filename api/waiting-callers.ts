import type { Caller } from '../store/workspaces.js';

export type WaitingCallers = ReturnType<typeof createWaitingCallers>;

const MAX_OF_WORKSPACE = 2_000;

/** Counts who waits in this process, whatever for, so that no workspace takes all of its connections. */
export function createWaitingCallers({ maxOfWorkspace = MAX_OF_WORKSPACE } = {}) {
  const waiting = new Map<string, number>();

  return {
    maxOfWorkspace,

    /** One more who waits. @returns what takes him off again; undefined when there are too many. */
    enter({ workspaceId }: Caller): (() => void) | undefined {
      const others = waiting.get(workspaceId) ?? 0;
      if (others >= maxOfWorkspace) return undefined;
      waiting.set(workspaceId, others + 1);
      let hasLeft = false;
      return () => {
        if (hasLeft) return;
        hasLeft = true;
        const left = (waiting.get(workspaceId) ?? 1) - 1;
        if (left > 0) waiting.set(workspaceId, left);
        else waiting.delete(workspaceId);
      };
    },
  };
}
