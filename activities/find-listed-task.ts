import type { ListedTask } from '../contract/provider.js';
import type { Finding, ListFacts, UnansweredAttempt } from '../store/lost-attempts.js';
import { mayHaveBecome } from './match-listed-task.js';

type Search = ListFacts & {
  listed: readonly ListedTask[];
  /** How long after its intention an attempt may still be sending. */
  submitTimeoutMs: number;
  /** What a provider took it lists within this time after the last moment at which it may have been sent. */
  listedAfterMs: number;
  /** Time that has passed since the list was asked for. */
  listAgeMs: number;
};

/** A run that got an answer writes it down within this time, or never. */
const RECORDED_AFTER_MS = 15_000;

/**
 * What a provider's list tells of an attempt whose answer was lost. Two equal jobs cannot be told apart by it, so nothing is guessed:
 *
 * - A task is taken when it is the only one that fits, and no other attempt without an answer may have made it.
 * - Where several such attempts asked for exactly the same, it does not matter which of their tasks each of them gets: as many tasks as
 *   attempts are given out one by one, and fewer when all of the attempts are so old that no further task can come to light.
 * - Nothing that fits means that there never was a task, once the provider must have listed it: unless the list leaves out tasks that we know
 *   of, or has one whose words may be ours in another form.
 */
export function findListedTask(search: Search): Finding {
  const { own, others, ownedIds, listed, submitTimeoutMs } = search;
  const free = listed.filter(({ task }) => !ownedIds.has(task.id));
  const fitting = free.filter((task) => fits(task, own, submitTimeoutMs)).toSorted(oldestFirst);
  const [first, ...further] = fitting;
  if (!first) return withoutTask(search, free);

  const rivals = others.filter((other) => fitting.some((task) => fits(task, other, submitTimeoutMs)));
  const taken: Finding = { kind: 'accepted', task: { ...first.task, upstreamModel: own.upstream_model } };
  if (rivals.length === 0) return further.length === 0 ? taken : open('several listed tasks fit');
  if (!rivals.every((rival) => isLost(rival, submitTimeoutMs))) return open('an equal submit is on its way');
  if (!rivals.every((rival) => askedForTheSame(rival, own))) return open('tasks of other requests look the same');
  if (fitting.length > rivals.length + 1) return open('more listed tasks fit than attempts were made');
  if (fitting.length === rivals.length + 1) return taken;
  const isAllListed = [own, ...rivals].every((attempt) => mustBeListed(attempt, search)) && search.unlistedCount === 0;
  return isAllListed ? taken : open('not every task may be listed yet');
}

function withoutTask(search: Search, free: readonly ListedTask[]): Finding {
  const { own, unlistedCount } = search;
  if (!mustBeListed(own, search)) return open('it may not be listed yet');
  if (unlistedCount > 0) return open('the list leaves out tasks that the provider took');
  if (free.some(({ prompt }) => mayBeInOtherWords(prompt, own.request.prompt)))
    return open('a listed task may be this one');
  return { kind: 'never_existed' };
}

const open = (why: string): Finding => ({ kind: 'open', why });

function oldestFirst(one: ListedTask, other: ListedTask): number {
  return (one.createdAt?.getTime() ?? 0) - (other.createdAt?.getTime() ?? 0);
}

/** An extension may be listed with what it adds or with its whole length, and lengths that were measured are listed in whole seconds. */
function fits(task: ListedTask, attempt: UnansweredAttempt, submitTimeoutMs: number): boolean {
  const { upstream_model: upstreamModel, intended_at: intendedAt, request } = attempt;
  const { prompt, durationSeconds, size, operation, inputs } = request;
  const source = inputs.sourceVideo?.durationSeconds ?? 0;
  const lengths = [durationSeconds, Math.round(durationSeconds)];
  if (operation === 'extend') lengths.push(Math.round(source + durationSeconds));
  const lost = { upstreamModel, intendedAt, submitTimeoutMs, prompt, size };
  return lengths.some((length) => mayHaveBecome({ ...lost, durationSeconds: length }, task));
}

/** Nobody waits for its answer any more, and no run of it still writes one down. */
function isLost({ state, is_given_up: isGivenUp, age_ms: ageMs }: UnansweredAttempt, submitTimeoutMs: number): boolean {
  return state === 'unknown' && (isGivenUp || ageMs > submitTimeoutMs + RECORDED_AFTER_MS);
}

/** No byte is sent later than the time of a submit after its intention, however long its process was held up. */
function mustBeListed({ age_ms: ageMs }: UnansweredAttempt, search: Search): boolean {
  const { submitTimeoutMs, listedAfterMs, listAgeMs } = search;
  return ageMs - listAgeMs > submitTimeoutMs + listedAfterMs;
}

/** Images are known by their ids here, so equal ones of two jobs count as different: then nothing is given out, which is safe. */
function askedForTheSame(one: UnansweredAttempt, other: UnansweredAttempt): boolean {
  return one.upstream_model === other.upstream_model && wordsOf(one) === wordsOf(other);
}

function wordsOf({ request }: UnansweredAttempt): string {
  const { model: _, waitSeconds: _w, pollIntervalSeconds: _p, deadlineSeconds: _d, ...asked } = request;
  // As it was read from `jsonb`, where equal objects have their fields in one order.
  return JSON.stringify(asked);
}

/** A provider may list prompts shortened, continued or not at all. */
function mayBeInOtherWords(listed: string | undefined, asked: string): boolean {
  const start = listed?.replace(/(\.{3}|…)$/, '').trim() ?? '';
  return asked.startsWith(start) || start.startsWith(asked);
}
