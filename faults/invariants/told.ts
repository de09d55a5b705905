import { eventually } from '../patience.js';
import { type Arrival, isSignedBy } from '../sink.js';
import type { World } from '../world.js';
import type { Violation } from './violation.js';

/** What the rows say of whom the ends of a job or of a pipeline's runs were told to, at the address that it was given. */
export type Telling = {
  subject: string;
  /** What is to be told: the types of its last events, one for each run. */
  ends: string[];
  has_address: boolean;
  secrets: string[];
  messages: { id: string; type: string; delivery: string }[];
};

type Accepted = { id: string; idempotencyKey: string };

/** All tries of a delivery, and what a busy machine adds. */
const TOLD_WITHIN_MS = 90_000;
const LOOK_AGAIN_MS = 200;

const tellingStatement = {
  name: 'telling_of_ends',
  text: `with subjects as (
      select 'job' as kind, id, workspace_id, callback_url,
        case when finished_at is null then array[]::text[] else array['job.' || state] end as ends
      from jobs where id = any($1)
      union all
      select 'pipeline', id, workspace_id, callback_url, array(
        select type from pipeline_events where pipeline_id = pipelines.id
          and type in ('pipeline.succeeded', 'pipeline.failed', 'pipeline.canceled') order by sequence)
      from pipelines where id = any($1)
    )
    select subjects.id as subject, ends, callback_url is not null as has_address,
      array_remove(array[workspaces.webhook_secret, workspaces.webhook_previous_secret], null) as secrets,
      coalesce((select jsonb_agg(jsonb_build_object('id', messages.id, 'type', type, 'delivery', deliveries.state) order by messages.created_at, messages.id)
        from webhook_messages messages join webhook_deliveries deliveries on deliveries.message_id = messages.id
        where subject_kind = subjects.kind and subject_id = subjects.id and deliveries.url is not null), '[]') as messages
    from subjects join workspaces on workspaces.id = subjects.workspace_id`,
};

/** Waits until nothing is under way any more, and says what does not hold of what the callers of these were told. */
export async function checkTold({ database, sink }: Pick<World, 'database' | 'sink'>, accepted: readonly Accepted[]) {
  let last: Telling[] = [];
  const isQuiet = async () => {
    last = await database.run<Telling>(tellingStatement, [accepted.map(({ id }) => id)]);
    return last.every(isSettled) || undefined;
  };
  await eventually(isQuiet, { withinMs: TOLD_WITHIN_MS, everyMs: LOOK_AGAIN_MS });
  return last.flatMap((telling) => {
    const mark = accepted.find(({ id }) => id === telling.subject)?.idempotencyKey ?? '';
    return judgeTold(telling, sink.arrivalsOf(mark));
  });
}

function isSettled({ ends, has_address: hasAddress, messages }: Telling): boolean {
  if (!hasAddress) return true;
  return messages.length >= ends.length && messages.every(({ delivery }) => delivery !== 'pending');
}

/** Pure. A delivery that was given up must be seen as such, and that is enough: whoever did not listen can have it sent again. */
export function judgeTold(telling: Telling, arrivals: readonly Arrival[]): Violation[] {
  const { subject, ends, has_address: hasAddress, secrets, messages } = telling;
  const found: Violation[] = [];
  const blame = (what: string) => found.push({ invariant: 'I6', subject, what });
  const isTold = (arrival: Arrival) => secrets.some((secret) => isSignedBy(secret, arrival));

  const unsigned = arrivals.filter((arrival) => !isTold(arrival));
  if (unsigned.length > 0) blame(`${unsigned.length} of ${arrivals.length} arrivals are not signed by its secret`);
  const foreign = arrivals.filter(({ body }) => !body.includes(subject));
  if (foreign.length > 0) blame(`${foreign.length} of ${arrivals.length} arrivals do not speak of it`);
  if (!hasAddress || ends.length === 0) {
    if (messages.length + arrivals.length > 0) blame('somebody was told who had not asked, or before its end');
    return found;
  }

  const told = messages.map(({ type }) => type).join(', ');
  if (told !== ends.join(', ')) {
    blame(`it ended with ${ends.join(', ')}, and to be told is ${told || 'nothing'}`);
    return found;
  }
  const ids = messages.map(({ id }) => id);
  const strange = arrivals.filter(({ id }) => !ids.includes(id));
  if (strange.length > 0) blame(`it was told as ${strange.map(({ id }) => id).join(', ')}, not as ${ids.join(', ')}`);
  for (const { id, delivery } of messages) {
    const isTakenOnce = arrivals.some((arrival) => arrival.id === id && isTaken(arrival) && isTold(arrival));
    if (delivery === 'delivered' && !isTakenOnce) blame('it counts as told, and nobody took it');
    if (delivery !== 'delivered' && isTakenOnce) blame(`it was taken, and counts as ${delivery}`);
    if (delivery === 'pending') blame('nobody was told in time');
  }
  return found;
}

function isTaken({ manner }: Arrival): boolean {
  return manner === 'huge' || (typeof manner === 'number' && manner >= 200 && manner < 300);
}
