import { describe, expect, it } from '@jest/globals';
import { describeTrace, type TracedAttempt } from '../../faults/trace.js';

const atSecond = (seconds: number) => new Date(Date.UTC(2026, 0, 1) + seconds * 1_000);

const lost: TracedAttempt = {
  number: 1,
  account: 'openai',
  state: 'not_sent',
  failure: { class: 'NETWORK', message: 'it is not listed' },
  charged: 'no',
  resolution: null,
  task_id: null,
  intended_at: atSecond(0.5),
  answered_at: atSecond(8.25),
  finished_at: null,
};

describe('the trace of a job', () => {
  it('tells of each attempt its account, state, failure, charge and task, with the seconds since the job began', () => {
    const second: TracedAttempt = {
      ...lost,
      number: 2,
      state: 'succeeded',
      failure: null,
      charged: 'yes',
      resolution: 'failover',
      task_id: 'video_2',
      finished_at: atSecond(20),
    };
    const events = [{ type: 'job.queued', at: atSecond(0) }];
    expect(describeTrace({ attempts: [lost, second], events, calls: [] })).toBe(
      'attempts: 1 openai not_sent, NETWORK (it is not listed), charged no, no task, intended +0.5 s, answered +8.3 s; ' +
        '2 openai succeeded, charged yes, an operator said failover, video_2, intended +0.5 s, answered +8.3 s, finished +20.0 s | ' +
        'events: +0.0 s job.queued | received: nothing',
    );
  });

  it('tells what the providers received, and which fault was planned for it', () => {
    const at = atSecond(1).toISOString();
    const calls = [
      { at, account: 'openai', call: 'submit', outcome: 'accepted', fault: 'gzip_bomb', taskId: 'video_1' },
      { at, account: 'openai', call: 'look', outcome: 'drip_body', fault: 'drip_body', taskId: 'video_1' },
    ] as const;
    const events = [{ type: 'job.queued', at: atSecond(0) }];
    expect(describeTrace({ attempts: [], events, calls: [...calls] })).toBe(
      'attempts: none | events: +0.0 s job.queued | ' +
        'received: +1.0 s openai submit accepted (gzip_bomb) video_1; +1.0 s openai look drip_body video_1',
    );
  });
});
