import { setTimeout as pause } from 'node:timers/promises';
import { times } from '../../bench/support/load.js';
import type { AcceptedJob } from '../cell.js';
import { eventually } from '../patience.js';
import { traceOf } from '../trace.js';
import type { World } from '../world.js';

type Wanted = {
  mark: string;
  jobs: number;
  atOnce: number;
  everyMs?: number;
  /** How long the provider takes for each. */
  lastSeconds?: number;
};

/** Creates many jobs, as so many careful callers would. */
export async function createMany(world: World, wanted: Wanted): Promise<AcceptedJob[]> {
  const { mark, jobs, atOnce, everyMs = 0, lastSeconds } = wanted;
  const created: AcceptedJob[] = [];
  if (lastSeconds) {
    const script = { call: 'submit', fault: 'stall', times: null, seconds: lastSeconds } as const;
    await world.sandbox.script({ ...script, promptIncludes: `${mark}-of-many-` });
  }
  await times(jobs, atOnce, async (index) => {
    const ofJob = `${mark}-of-many-${index}-`;
    created.push(await world.caller.create({ prompt: world.promptOf(ofJob), idempotencyKey: `key of ${ofJob}` }));
    if (everyMs > 0) await pause(everyMs);
  });
  return created;
}

const openStatement = {
  name: 'open_jobs_of_load',
  text: `select count(*) filter (where finished_at is null) as open, count(*) filter (where state = 'running') as running
    from jobs where request->>'prompt' like '%' || $1 || '-of-many-%'`,
};

export async function countJobs({ database }: World, mark: string): Promise<{ open: number; running: number }> {
  const [row] = await database.run<{ open: number; running: number }>(openStatement, [mark]);
  return row ?? { open: 0, running: 0 };
}

/** Resolves when so many jobs run at the same time; false when that does not come about. */
export async function untilRunning(world: World, mark: string, count: number, withinMs = 60_000): Promise<boolean> {
  const look = async () => (await countJobs(world, mark)).running >= count || undefined;
  return (await eventually(look, { withinMs })) ?? false;
}

/** Of so many jobs that ended wrongly the whole story is told. */
const TRACED = 3;

const endsStatement = {
  name: 'ends_of_jobs',
  text: 'select id, state, error_code from jobs where id = any($1)',
};

type JobEnd = { id: string; state: string; error_code: string | null };

/** Waits until every job has ended, and says which ends were not expected. */
export async function judgeMany(
  world: World,
  jobs: AcceptedJob[],
  { withinMs, mayEndAs }: { withinMs: number; mayEndAs: string[] },
): Promise<string[]> {
  const ids = jobs.map(({ id }) => id);
  let last: JobEnd[] = [];
  const isOpen = ({ state }: JobEnd) => ['queued', 'running'].includes(state);
  const look = async () => {
    last = await world.database.run<JobEnd>(endsStatement, [ids]);
    return last.some(isOpen) ? undefined : true;
  };
  const hasEnded = await eventually(look, { withinMs, everyMs: 200 });
  const endOf = ({ state, error_code: code }: JobEnd) => (code ? `${state} ${code}` : state);
  const wrong = hasEnded ? last.filter((job) => !mayEndAs.includes(endOf(job))) : last.filter(isOpen);
  const traces = await Promise.all(
    wrong.slice(0, TRACED).map(async (end) => {
      const prompt = jobs.find(({ id }) => id === end.id)?.prompt ?? '';
      return `${end.id}: ${endOf(end)} | ${await traceOf(world, { id: end.id, prompt })}`;
    }),
  );
  if (!hasEnded) return [`${wrong.length} of ${ids.length} jobs did not end within ${withinMs / 1_000} s`, ...traces];
  const counts = new Map<string, number>();
  for (const job of wrong) counts.set(endOf(job), (counts.get(endOf(job)) ?? 0) + 1);
  return [...[...counts].map(([end, count]) => `${count} of ${ids.length} jobs ended as ${end}`), ...traces];
}
