import { isTerminal } from '../../contract/states.js';
import type { Database } from '../../store/database.js';
import type { AcceptedJob } from '../cell.js';
import { eventually } from '../patience.js';
import { type Arrival, isSignedBy } from '../sink.js';
import type { World } from '../world.js';
import type { Violation } from './violation.js';

/** What the rows say of whom a job's end was told to, at the address that it was given. */
export type Telling = {
  job_id: string;
  state: 'queued' | 'running' | 'succeeded' | 'failed' | 'canceled';
  has_address: boolean;
  secrets: string[];
  messages: { id: string; type: string; delivery: string }[];
};

/** All tries of a delivery, and what a busy machine adds. */
const TOLD_WITHIN_MS = 40_000;
const LOOK_AGAIN_MS = 200;

const tellingStatement = {
  name: 'telling_of_jobs',
  text: `select jobs.id as job_id, state, callback_url is not null as has_address,
      array_remove(array[workspaces.webhook_secret, workspaces.webhook_previous_secret], null) as secrets,
      coalesce((select jsonb_agg(jsonb_build_object('id', messages.id, 'type', type, 'delivery', deliveries.state))
        from webhook_messages messages join webhook_deliveries deliveries on deliveries.message_id = messages.id
        where subject_kind = 'job' and subject_id = jobs.id and deliveries.url is not null), '[]') as messages
    from jobs join workspaces on workspaces.id = jobs.workspace_id where jobs.id = any($1)`,
};

/** Waits until nothing is under way any more, and says what does not hold of what these jobs' callers were told. */
export async function checkTold({ database, sink }: Pick<World, 'database' | 'sink'>, jobs: readonly AcceptedJob[]) {
  let last: Telling[] = [];
  const isQuiet = async () => {
    last = await readTellings(database, jobs);
    return last.every(isSettled) || undefined;
  };
  await eventually(isQuiet, { withinMs: TOLD_WITHIN_MS, everyMs: LOOK_AGAIN_MS });
  return last.flatMap((telling) => {
    const mark = jobs.find(({ id }) => id === telling.job_id)?.idempotencyKey ?? '';
    return judgeTold(telling, sink.arrivalsOf(mark));
  });
}

function readTellings(database: Database, jobs: readonly AcceptedJob[]): Promise<Telling[]> {
  return database.run<Telling>(tellingStatement, [jobs.map(({ id }) => id)]);
}

function isSettled({ state, has_address: hasAddress, messages }: Telling): boolean {
  if (!hasAddress || !isTerminal(state)) return true;
  return messages.length > 0 && messages.every(({ delivery }) => delivery !== 'pending');
}

/** Pure. A delivery that was given up must be seen as such, and that is enough: whoever did not listen can have it sent again. */
export function judgeTold(telling: Telling, arrivals: readonly Arrival[]): Violation[] {
  const { job_id: jobId, state, has_address: hasAddress, secrets, messages } = telling;
  const found: Violation[] = [];
  const blame = (what: string) => found.push({ invariant: 'I6', jobId, what });
  const isTold = (arrival: Arrival) => secrets.some((secret) => isSignedBy(secret, arrival));

  const unsigned = arrivals.filter((arrival) => !isTold(arrival));
  if (unsigned.length > 0) blame(`${unsigned.length} of ${arrivals.length} arrivals are not signed by its secret`);
  const foreign = arrivals.filter(({ body }) => !body.includes(jobId));
  if (foreign.length > 0) blame(`${foreign.length} of ${arrivals.length} arrivals do not speak of it`);
  if (!hasAddress || !isTerminal(state)) {
    if (messages.length + arrivals.length > 0) blame('somebody was told who had not asked, or before its end');
    return found;
  }

  const [message, ...more] = messages;
  if (!message || more.length > 0 || message.type !== `job.${state}`) {
    blame(`it is ${state}, and to be told is ${messages.map(({ type }) => type).join(', ') || 'nothing'}`);
    return found;
  }
  const strange = arrivals.filter(({ id }) => id !== message.id);
  if (strange.length > 0) blame(`it was told as ${strange.map(({ id }) => id).join(', ')}, not as ${message.id}`);
  const taken = arrivals.filter((arrival) => isTaken(arrival) && isTold(arrival));
  if (message.delivery === 'delivered' && taken.length === 0) blame('it counts as told, and nobody took it');
  if (message.delivery !== 'delivered' && taken.length > 0) blame(`it was taken, and counts as ${message.delivery}`);
  if (message.delivery === 'pending') blame('nobody was told in time');
  return found;
}

function isTaken({ manner }: Arrival): boolean {
  return manner === 'huge' || (typeof manner === 'number' && manner >= 200 && manner < 300);
}
