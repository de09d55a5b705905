import { describe, expect, it } from '@jest/globals';
import type { JobFacts } from '../../faults/invariants/facts.js';
import { type JobEvidence, judgeJob } from '../../faults/invariants/jobs.js';
import type { LedgerEntry } from '../../sandbox/ledger.js';

const aSubmission = (given: Partial<LedgerEntry> = {}): LedgerEntry => ({
  at: '2026-01-01T00:00:00.000Z',
  account: 'omixa',
  call: 'submit',
  outcome: 'accepted',
  taskId: 'task-1',
  ...given,
});

const anAttempt = (given: Partial<JobFacts['attempts'][number]> = {}) => ({
  number: 1,
  state: 'succeeded' as const,
  account: 'omixa',
  task_id: 'task-1',
  resolution: null,
  ...given,
});

const someFacts = (given: Partial<JobFacts> = {}): JobFacts => ({
  id: 'job_1',
  state: 'succeeded',
  error_code: null,
  prompt: 'a boat',
  variants: 1,
  asked_seconds: 8,
  source_seconds: 0,
  price_micros_per_second: 100_000,
  held_micros: 800_000,
  captured_micros: 800_000,
  last_sequence: 3,
  cancel_charge: 'none',
  unknown_policy: 'fail',
  attempts: [anAttempt()],
  events: ['job.queued', 'attempt.accepted', 'job.succeeded'].map((type, index) => ({ sequence: index + 1, type })),
  videos: [{ variant: 0, location: 'aa/x.mp4', bytes: 1, sha256: 'x', seconds: 8 }],
  keys: ['key-1'],
  created_at: new Date('2026-01-01'),
  ...given,
});

const judged = (facts: Partial<JobFacts>, given: Partial<JobEvidence> = {}) =>
  judgeJob({
    accepted: { id: 'job_1', idempotencyKey: 'key-1' },
    facts: someFacts(facts),
    twins: ['job_1'],
    calls: [aSubmission()],
    workflowState: 'succeeded',
    ...given,
  }).map(({ invariant }) => invariant);

const eventsOf = (...types: string[]) => ({
  events: types.map((type, index) => ({ sequence: index + 1, type })),
  last_sequence: types.length,
});

describe('the judge of a job', () => {
  it('finds nothing wrong with one that went well', () => {
    expect(judged({})).toEqual([]);
  });

  it('blames a job that is lost, has not ended, or ended twice', () => {
    expect(judged({}, { facts: undefined })).toEqual(['I1']);
    expect(
      judged({ state: 'running', captured_micros: null, ...eventsOf('job.queued') }, { workflowState: undefined }),
    ).toEqual(['I1']);
    expect(judged(eventsOf('job.queued', 'job.succeeded', 'job.succeeded'))).toContain('I1');
  });

  it('blames more submissions than attempts', () => {
    expect(judged({}, { calls: [aSubmission(), aSubmission({ outcome: 'server_error' })] })).toEqual(['I2']);
  });

  it('blames an accepted task of which no attempt tells', () => {
    expect(judged({}, { calls: [aSubmission({ taskId: 'task-9' })] })).toEqual(['I2']);
  });

  it('lets an unknown attempt stand for an accepted task, and blames another try after it unless the policy wants it', () => {
    const twice = {
      attempts: [anAttempt({ state: 'unknown', task_id: null }), anAttempt({ number: 2, task_id: 'task-2' })],
    };
    const calls = [aSubmission(), aSubmission({ taskId: 'task-2' })];
    expect(judged(twice, { calls })).toEqual(['I2']);
    expect(judged({ ...twice, unknown_policy: 'failover' }, { calls })).toEqual([]);
    expect(judged({ ...twice, unknown_policy: 'hold' }, { calls })).toEqual(['I2']);
    const [first, second] = twice.attempts;
    if (!first || !second) throw new Error('there are two');
    const decided = { attempts: [{ ...first, resolution: 'failover' }, second], unknown_policy: 'hold' as const };
    expect(judged(decided, { calls })).toEqual([]);
  });

  it('blames money that was not owed, or was', () => {
    expect(judged({ captured_micros: 700_000 })).toEqual(['I3']);
    const failed = {
      state: 'failed' as const,
      error_code: 'internal',
      videos: [],
      ...eventsOf('job.queued', 'job.failed'),
    };
    expect(judged({ ...failed, captured_micros: 1 }, { workflowState: 'failed' })).toEqual(['I3']);
    expect(judged({ ...failed, captured_micros: 0 }, { workflowState: 'failed' })).toEqual([]);
  });

  it('wants what is new of an extension paid, and its source before it', () => {
    const extension = { source_seconds: 4, asked_seconds: 2, captured_micros: 200_000 };
    const lasting = (seconds: number) => [{ variant: 0, location: 'aa/x.mp4', bytes: 1, sha256: 'x', seconds }];
    expect(judged({ ...extension, videos: lasting(6) })).toEqual([]);
    expect(judged({ ...extension, videos: lasting(2) })).toEqual(['I4']);
    expect(judged({ ...extension, videos: lasting(6), captured_micros: 600_000 })).toEqual(['I3']);
  });

  it('wants a length that is no whole number paid to the micro below', () => {
    const videos = [{ variant: 0, location: 'aa/x.mp4', bytes: 1, sha256: 'x', seconds: 2.0416667 }];
    const remix = { asked_seconds: 2.0416667, held_micros: 204_167, videos };
    expect(judged({ ...remix, captured_micros: 204_166 })).toEqual([]);
    expect(judged({ ...remix, captured_micros: 204_167 })).toEqual(['I3']);
  });

  it('asks for no key where a pipeline has made the job', () => {
    expect(judged({ keys: [] }, { accepted: { id: 'job_1' } })).toEqual([]);
    expect(judged({ keys: [] })).toEqual(['I7']);
  });

  it('blames a success without a file', () => {
    expect(judged({ videos: [], captured_micros: 0 })).toEqual(['I4']);
  });

  it('blames a row that its workflow or its events contradict', () => {
    expect(judged({}, { workflowState: 'failed' })).toEqual(['I5']);
    expect(judged(eventsOf('job.queued', 'job.failed'))).toEqual(['I5']);
    expect(judged(eventsOf('job.queued', 'job.succeeded', 'job.progress'))).toEqual(['I5']);
    const gap = [
      { sequence: 1, type: 'job.queued' },
      { sequence: 3, type: 'job.succeeded' },
    ];
    expect(judged({ events: gap, last_sequence: 2 })).toEqual(['I5']);
    expect(judged({ last_sequence: 9 })).toEqual(['I5']);
  });

  it('blames a key that made two jobs, or names another', () => {
    expect(judged({}, { twins: ['job_1', 'job_2'] })).toEqual(['I7']);
    expect(judged({ keys: ['key-2'] })).toEqual(['I7']);
  });
});
