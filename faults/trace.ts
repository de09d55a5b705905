import type { LedgerEntry } from '../sandbox/ledger.js';
import type { Database } from '../store/database.js';
import { eventually } from './patience.js';
import type { World } from './world.js';

export type TracedAttempt = {
  number: number;
  account: string;
  state: string;
  failure: { class: string; message: string } | null;
  charged: string;
  resolution: string | null;
  task_id: string | null;
  intended_at: Date;
  answered_at: Date | null;
  finished_at: Date | null;
};
export type TracedEvent = { type: string; at: Date };
export type Traced = { attempts: TracedAttempt[]; events: TracedEvent[]; calls: LedgerEntry[] };

const BACK_WITHIN_MS = 30_000;

const attemptsStatement = {
  name: 'trace_attempts',
  text: `select number, account, state, failure, charged, resolution, task->>'id' as task_id, intended_at, answered_at, finished_at
    from attempts where job_id = $1 order by number`,
};

const eventsStatement = {
  name: 'trace_events',
  text: `select type, created_at as at from job_events where job_id = $1 order by sequence`,
};

/** What befell a job, in one line: its attempts, its events, and what its providers received, each with its second. */
export async function traceOf(
  { database, sandbox }: Pick<World, 'database' | 'sandbox'>,
  { id, prompt }: { id: string; prompt: string },
): Promise<string> {
  const rows = await eventually(() => readRows(database, id), { withinMs: BACK_WITHIN_MS });
  if (!rows) return 'the database is away';
  const calls = await sandbox.ledger({ promptIncludes: prompt });
  return describeTrace({ ...rows, calls });
}

async function readRows(database: Database, jobId: string): Promise<Omit<Traced, 'calls'>> {
  const attempts = await database.run<TracedAttempt>(attemptsStatement, [jobId]);
  const events = await database.run<TracedEvent>(eventsStatement, [jobId]);
  return { attempts, events };
}

export function describeTrace({ attempts, events, calls }: Traced): string {
  const startedAtMs = events[0]?.at.getTime() ?? attempts[0]?.intended_at.getTime() ?? 0;
  const second = (at: Date) => `+${((at.getTime() - startedAtMs) / 1_000).toFixed(1)} s`;

  const ofAttempts = attempts.map((attempt) =>
    [
      `${attempt.number} ${attempt.account} ${attempt.state}`,
      attempt.failure && `${attempt.failure.class} (${attempt.failure.message})`,
      `charged ${attempt.charged}`,
      attempt.resolution && `an operator said ${attempt.resolution}`,
      attempt.task_id ?? 'no task',
      `intended ${second(attempt.intended_at)}`,
      attempt.answered_at && `answered ${second(attempt.answered_at)}`,
      attempt.finished_at && `finished ${second(attempt.finished_at)}`,
    ]
      .filter(Boolean)
      .join(', '),
  );
  const ofEvents = events.map(({ type, at }) => `${second(at)} ${type}`);
  const ofCalls = calls.map(({ at, account, call, outcome, fault, taskId }) =>
    [second(new Date(at)), account, call, outcome, fault && fault !== outcome && `(${fault})`, taskId]
      .filter(Boolean)
      .join(' '),
  );
  return [
    `attempts: ${ofAttempts.join('; ') || 'none'}`,
    `events: ${ofEvents.join('; ') || 'none'}`,
    `received: ${ofCalls.join('; ') || 'nothing'}`,
  ].join(' | ');
}
