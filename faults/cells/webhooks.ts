import type { Database } from '../../store/database.js';
import type { AcceptedJob, Cell, Episode, EpisodeResult } from '../cell.js';
import { eventually } from '../patience.js';
import type { Arrival, Manner } from '../sink.js';
import type { World } from '../world.js';
import { WEBHOOK_SCHEDULE_MS } from '../world-settings.js';
import { judgeEnding } from './outcome.js';

const TRIES = WEBHOOK_SCHEDULE_MS.split(',').length;
const SETTLED_WITHIN_MS = 120_000;
const RETRY_AFTER_SECONDS = 3;
/** What of an answer of 100 MB may be on its way before its reader goes. */
const MOST_BYTES_OF_ANSWER = 16 * 1024 * 1024;

type Reception = {
  manners: Manner[];
  becomes: 'delivered' | 'exhausted';
  arrivals: number;
  /** Spoken to where it expects no encryption. */
  isTls?: boolean;
  judge?: (world: World, arrivals: Arrival[]) => string[];
};

/** How a customer's endpoint may behave, and what becomes of what it is told. */
const receptions: Record<string, Reception> = {
  '500 and 503, then taken': { manners: [500, 503, 204], becomes: 'delivered', arrivals: 3 },
  'a redirect, then taken': {
    manners: ['redirect', 204],
    becomes: 'delivered',
    arrivals: 2,
    judge: ({ sink }) => (sink.followers() > 0 ? ['a redirect was followed'] : []),
  },
  'silence, then taken': { manners: ['hang', 204], becomes: 'delivered', arrivals: 2 },
  'a head that never ends, then taken': { manners: ['drip', 204], becomes: 'delivered', arrivals: 2 },
  'a huge answer': {
    manners: ['huge'],
    becomes: 'delivered',
    arrivals: 1,
    judge: ({ sink }) =>
      sink.sentBytes() > MOST_BYTES_OF_ANSWER ? [`${sink.sentBytes()} bytes of answers were read`] : [],
  },
  gone: { manners: [410], becomes: 'exhausted', arrivals: 1 },
  '429, come back later': {
    manners: [{ status: 429, retryAfterSeconds: RETRY_AFTER_SECONDS }, 204],
    becomes: 'delivered',
    arrivals: 2,
    judge: (_, [first, second]) =>
      (second?.atMs ?? 0) - (first?.atMs ?? 0) < RETRY_AFTER_SECONDS * 1_000 ? ['it came back too soon'] : [],
  },
  'dead for ever': { manners: [500], becomes: 'exhausted', arrivals: TRIES },
  'broken TLS': { manners: [], becomes: 'exhausted', arrivals: 0, isTls: true },
};

export const webhookCells: Cell[] = Object.entries(receptions).map(([name, reception]) => ({
  name: `webhook/${name}`,
  isAlone: false,
  isSlow: reception.becomes === 'exhausted',
  run: (world, episode) => receive(world, episode, reception),
}));

async function receive(world: World, { mark }: Episode, reception: Reception): Promise<EpisodeResult> {
  const { caller, sink } = world;
  const idempotencyKey = `key of ${mark}`;
  const { manners, becomes, isTls, judge } = reception;
  if (manners.length > 0) sink.behave(idempotencyKey, manners);
  const url = sink.urlOf(idempotencyKey);
  const more = isTls ? { callback_url: url.replace('http:', 'https:') } : {};
  const job = await caller.create({ prompt: world.promptOf(mark), idempotencyKey, more });
  const violations = await judgeEnding(world, job, [{ status: 'succeeded', attempts: 1 }]);
  const endedAtMs = performance.now();
  const settled = await untilSettled(world, job);
  const arrivals = sink.arrivalsOf(idempotencyKey);
  if (settled?.state !== becomes)
    violations.push(`to be told is ${settled?.state ?? 'still under way'}, not ${becomes}`);
  if (arrivals.length !== reception.arrivals)
    violations.push(`it was told ${arrivals.length} times, not ${reception.arrivals}`);
  if (isTls && settled?.last_error !== 'tls') violations.push(`its trouble is called ${settled?.last_error}`);
  violations.push(...(judge?.(world, arrivals) ?? []));
  const fired = arrivals.length > 0 || isTls === true;
  return { fired, recoveredMs: performance.now() - endedAtMs, jobs: [job], violations };
}

const settledStatement = {
  name: 'settled_delivery',
  text: `select deliveries.state, last_error from webhook_messages messages
    join webhook_deliveries deliveries on deliveries.message_id = messages.id
    where subject_id = $1 and deliveries.state <> 'pending'`,
};

/** What became of telling a job's end; undefined while that is open. */
export async function settledDelivery(database: Database, { id }: AcceptedJob) {
  return (await database.run<{ state: string; last_error: string | null }>(settledStatement, [id]))[0];
}

export function untilSettled({ database }: World, job: AcceptedJob) {
  return eventually(() => settledDelivery(database, job), { withinMs: SETTLED_WITHIN_MS, everyMs: 100 });
}
