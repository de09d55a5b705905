import type { Micros } from '../contract/money.js';
import type { KnownTask } from '../store/known-tasks.js';

type Difference = {
  taskId: string;
  kind: 'unknown_here' | 'not_billed' | 'other_amount';
  jobId: string | null;
  attempt: number | null;
  /** What we say; null for a task of which we know nothing. */
  charged: KnownTask['charged'] | null;
  billedMicros: Micros | null;
  /** What is booked; 0 for a task of which it is not known whether it is charged. */
  bookedMicros: Micros | null;
};

export type Drift = { differences: Difference[]; billedMicros: Micros; bookedMicros: Micros };

type Sides = {
  billed: ReadonlyMap<string, Micros>;
  /** What we know of the billed tasks. */
  known: readonly KnownTask[];
  /** What we have booked in the time of the bill. */
  charged: readonly KnownTask[];
};

/** Holds a provider's bill against the books. */
export function compareBill({ billed, known, charged }: Sides): Drift {
  const byId = new Map(known.map((task) => [task.taskId, task]));
  const differences: Difference[] = [];
  for (const [taskId, billedMicros] of billed) {
    const task = byId.get(taskId);
    const bookedMicros = task ? bookedFor(task) : null;
    if (bookedMicros === billedMicros) continue;
    const kind = task ? 'other_amount' : 'unknown_here';
    const { jobId = null, attempt = null, charged: isCharged = null } = task ?? {};
    differences.push({ taskId, kind, jobId, attempt, charged: isCharged, billedMicros, bookedMicros });
  }
  const unbilled = charged.filter(({ taskId, costMicros }) => costMicros > 0 && !billed.has(taskId));
  for (const task of unbilled) {
    const { taskId, jobId, attempt } = task;
    const sides = { charged: task.charged, billedMicros: null, bookedMicros: bookedFor(task) };
    differences.push({ taskId, kind: 'not_billed', jobId, attempt, ...sides });
  }
  return {
    differences,
    billedMicros: sum([...billed.values()]),
    bookedMicros: sum([...known, ...unbilled].map(bookedFor)),
  };
}

function bookedFor({ charged, costMicros }: KnownTask): Micros {
  return charged === 'yes' ? costMicros : 0;
}

function sum(amounts: Micros[]): Micros {
  return amounts.reduce((total, amount) => total + amount, 0);
}
