import type { Runner } from './database.js';

const KEPT_MS = 1_000;
const MAX_KEPT = 10_000;

const countStatement = {
  name: 'count_open_jobs',
  text: `select count(*) as open from jobs where workspace_id = $1 and state in ('queued', 'running')`,
};

/**
 * Counting a workspace's thousands of open jobs costs more than taking one more. So it is done once a second and added to, and only
 * a workspace that has used half of its limit is counted for every job.
 */
export function createOpenJobs(run: Runner) {
  const kept = new Map<string, { open: number; until: number }>();

  return {
    async isFarFromLimit({ workspaceId, openJobLimit }: { workspaceId: string; openJobLimit: number }) {
      const now = performance.now();
      let count = kept.get(workspaceId);
      if (!count || count.until < now) {
        const [row] = await run<{ open: number }>(countStatement, [workspaceId]);
        count = { open: row?.open ?? 0, until: now + KEPT_MS };
        if (kept.size >= MAX_KEPT) kept.clear();
        kept.set(workspaceId, count);
      }
      count.open += 1;
      return count.open <= openJobLimit / 2;
    },
  };
}
