import { isTerminal } from '../../contract/states.js';
import type { LedgerEntry } from '../../sandbox/ledger.js';
import type { JobFacts } from './facts.js';
import type { Invariant, Violation } from './violation.js';

const terminalEvents = new Set(['job.succeeded', 'job.failed', 'job.canceled']);
/** States of an attempt after which the next one risks no duplicate: it is dead, or it was given up openly. */
const leftStates = new Set(['not_sent', 'refused', 'failed', 'abandoned', 'succeeded']);

/** A film ends with a frame and not at a moment. */
const SECONDS_DIFFER = 0.25;

export type JobEvidence = {
  /** The job of a pipeline's step has no key. */
  accepted: { id: string; idempotencyKey?: string };
  facts: JobFacts | undefined;
  /** Every job that was made for its key. */
  twins: string[];
  /** What the provider received for it. */
  calls: LedgerEntry[];
  /** How the workflow ended; undefined where there never was one, or it is gone. */
  workflowState: string | undefined;
};

/** What does not hold of one job, by its rows, its workflow and what its provider saw. Pure. */
export function judgeJob({ accepted, facts, twins, calls, workflowState }: JobEvidence): Violation[] {
  const found: Violation[] = [];
  const blame = (invariant: Invariant, what: string) => found.push({ invariant, subject: accepted.id, what });

  const { idempotencyKey: key } = accepted;
  if (twins.length !== 1 || twins[0] !== accepted.id) blame('I7', `jobs for its key: ${twins.join(', ') || 'none'}`);
  if (!facts) {
    blame('I1', 'it was accepted and is not there');
    return found;
  }
  if (key !== undefined && !facts.keys.includes(key)) blame('I7', 'its idempotency key names another job');
  judgeEnd(facts, blame);
  judgeSubmissions(facts, calls, blame);
  judgeMoney(facts, blame);
  if (workflowState !== undefined && workflowState !== facts.state)
    blame('I5', `its row says ${facts.state}, its workflow ${workflowState}`);
  return found;
}

type Blame = (invariant: Invariant, what: string) => void;

function judgeEnd({ state, events, last_sequence: last }: JobFacts, blame: Blame): void {
  if (!isTerminal(state)) blame('I1', `it has not ended: ${state}`);
  const ends = events.filter(({ type }) => terminalEvents.has(type));
  if (isTerminal(state) && ends.length !== 1) blame('I1', `it has ${ends.length} terminal events`);
  if (isTerminal(state) && ends[0]?.type !== `job.${state}`)
    blame('I5', `it is ${state}, its last event is ${ends[0]?.type}`);
  if (events.some(({ sequence }, index) => sequence !== index + 1)) blame('I5', 'its events have a gap');
  if (events.length !== last) blame('I5', `it counts ${last} events and has ${events.length}`);
  const after = ends[0] ? events.filter(({ sequence }) => sequence > (ends[0]?.sequence ?? 0)) : [];
  if (after.some(({ type }) => type !== 'job.deleted'))
    blame('I5', `after its end came ${after.map(({ type }) => type).join(', ')}`);
}

function judgeSubmissions({ attempts, unknown_policy: policy }: JobFacts, calls: LedgerEntry[], blame: Blame): void {
  const submissions = calls.filter(({ call }) => call === 'submit');
  if (submissions.length > attempts.length)
    blame('I2', `${submissions.length} submissions for ${attempts.length} attempts`);
  for (const { number, state, resolution } of attempts.slice(0, -1)) {
    const isWanted = policy === 'failover' || (policy === 'hold' && resolution === 'failover');
    const isRisked = state === 'unknown' && isWanted;
    if (!leftStates.has(state) && !isRisked) blame('I2', `attempt ${number} was ${state} when the next one was made`);
  }
  const accepted = submissions.filter(({ outcome }) => outcome === 'accepted');
  // Each accepted task has an attempt that tells of it, by its id or as unknown.
  const unknowns = attempts.filter(({ state, task_id }) => task_id === null && state === 'unknown').length;
  const known = new Set(attempts.map(({ task_id }) => task_id));
  const untold = accepted.filter(({ taskId }) => !known.has(taskId ?? null)).length;
  if (untold > unknowns)
    blame('I2', `${untold} accepted tasks that no attempt tells of, ${unknowns} attempts are unknown`);
}

function judgeMoney(facts: JobFacts, blame: Blame): void {
  const { state, captured_micros: captured, held_micros: held, videos } = facts;
  if (captured === null) return;
  if (state === 'succeeded') {
    // What is asked for here is delivered whole, so nothing but price × seconds × files is owed. As lengths are not exact in binary, nor is their price.
    const worth = facts.price_micros_per_second * facts.asked_seconds * videos.length;
    const owed = Math.min(Math.floor(Number(worth.toFixed(3))), held);
    if (captured !== owed) blame('I3', `captured ${captured}, delivered was worth ${owed}`);
    if (videos.length === 0) blame('I4', 'it succeeded without a file');
    const wanted = facts.source_seconds + facts.asked_seconds;
    for (const { seconds } of videos) {
      if (Math.abs(seconds - wanted) > SECONDS_DIFFER) blame('I4', `its file lasts ${seconds} s, asked were ${wanted}`);
    }
  } else if (captured !== 0 && !(state === 'canceled' && facts.cancel_charge === 'full')) {
    blame('I3', `it is ${state} and captured ${captured}`);
  }
}
