import { describe, expect, it } from '@jest/globals';
import { findListedTask } from '../../activities/find-listed-task.js';
import type { GenerationRequest } from '../../contract/generation.js';
import type { ListedTask } from '../../contract/provider.js';
import type { UnansweredAttempt } from '../../store/lost-attempts.js';

const MINUTE_MS = 60_000;
const now = new Date('2026-11-21T12:00:00Z').getTime();
const size = { width: 1280, height: 720 };

type Changes = Partial<Omit<UnansweredAttempt, 'request'>> & { request?: Partial<GenerationRequest> };

/** Lost two minutes ago, unless it is said otherwise. */
function anAttempt({ request, ...changes }: Changes = {}): UnansweredAttempt {
  const ageMs = changes.age_ms ?? 2 * MINUTE_MS;
  return {
    job_id: 'job_1',
    number: 1,
    upstream_model: 'sora-2',
    state: 'unknown',
    intended_at: new Date(now - ageMs),
    age_ms: ageMs,
    is_given_up: true,
    request: {
      model: 'sora',
      operation: 'text_to_video',
      prompt: 'a paper boat',
      durationSeconds: 8,
      size,
      variants: 1,
      inputs: { references: [] },
      ...request,
    },
    ...changes,
  };
}

function aTask(id: string, changes: Partial<ListedTask> = {}): ListedTask {
  return {
    task: { account: 'first', upstreamModel: 'sora-2', id },
    createdAt: new Date(now - 2 * MINUTE_MS + 1_000),
    prompt: 'a paper boat',
    durationSeconds: 8,
    size,
    status: 'open',
    ...changes,
  };
}

type Circumstances = {
  own?: UnansweredAttempt;
  others?: UnansweredAttempt[];
  listed?: ListedTask[];
  owned?: string[];
  unlisted?: number;
};

/** The id of the task that is taken, or the kind of finding. */
function found({ own = anAttempt(), others = [], listed = [], owned = [], unlisted = 0 }: Circumstances): string {
  const search = { own, others, listed, ownedIds: new Set(owned), unlistedCount: unlisted };
  const finding = findListedTask({ ...search, submitTimeoutMs: MINUTE_MS, listedAfterMs: 5_000, listAgeMs: 300 });
  return finding.kind === 'accepted' ? finding.task.id : finding.kind;
}

const other = (changes: Changes = {}) => anAttempt({ job_id: 'job_2', ...changes });

describe('findListedTask', () => {
  it.each<[string, Circumstances, string]>([
    ['takes the one task that fits', { listed: [aTask('1'), aTask('2', { prompt: 'a kite' })] }, '1'],
    ['takes it at once: no time has to pass', { own: anAttempt({ age_ms: 500 }), listed: [soon('1')] }, '1'],
    ['takes one that has ended', { listed: [aTask('1', { status: 'failed' })] }, '1'],
    ['does not take what belongs to another attempt', { listed: [aTask('1'), aTask('2')], owned: ['1'] }, '2'],
    ['does not choose between two', { listed: [aTask('1'), aTask('2')] }, 'open'],
    ['does not take what was there before', { listed: [aTask('1', { createdAt: ago(5) })] }, 'open'],
    ['does not take what tells no prompt', { listed: [aTask('1', { prompt: undefined })] }, 'open'],

    [
      'knows that there is none when every task has its attempt',
      { listed: [aTask('1')], owned: ['1'] },
      'never_existed',
    ],
    ['and when others are about something else', { listed: [aTask('1', { prompt: 'a kite' })] }, 'never_existed'],
    ['and when the list is empty', {}, 'never_existed'],
    ['but not before it must have been listed', { own: anAttempt({ age_ms: 64_000 }) }, 'open'],
    ['and not when the list leaves out what was taken', { unlisted: 1 }, 'open'],
    ['and not when one is listed with a shortened prompt', { listed: [aTask('1', { prompt: 'a pap…' })] }, 'open'],
    [
      'and not when one is listed with a longer prompt',
      { listed: [aTask('1', { prompt: 'a paper boat, 4k' })] },
      'open',
    ],
    ['and not when one has our prompt and another length', { listed: [aTask('1', { durationSeconds: 4 })] }, 'open'],
  ])('%s', (_, circumstances, expected) => {
    expect(found(circumstances)).toBe(expected);
  });

  it.each<[string, Circumstances, string]>([
    ['has its own task: each takes one', { listed: [aTask('1'), aTask('2')], others: [other()] }, '1'],
    ['took the first already: the second is left', { listed: [aTask('1'), aTask('2')], owned: ['1'] }, '2'],
    ['has none, and every task must be listed by now', { listed: [aTask('1')], others: [other()] }, '1'],
    ['may not be listed yet', { listed: [aTask('1')], others: [other({ age_ms: 64_000 })] }, 'open'],
    ['may not be listed although it must be', { listed: [aTask('1')], others: [other()], unlisted: 1 }, 'open'],
    ['is still on its way', { listed: [aTask('1')], others: [other({ state: 'intended' })] }, 'open'],
    [
      'may still be written down by the run that sent it',
      { listed: [aTask('1'), aTask('2')], others: [other({ is_given_up: false, age_ms: 70_000 })] },
      'open',
    ],
    [
      'was sent by a run that died long ago',
      { listed: [aTask('1'), aTask('2')], others: [other({ is_given_up: false })] },
      '1',
    ],
    ['is fewer than the tasks', { listed: [aTask('1'), aTask('2'), aTask('3')], others: [other()] }, 'open'],
    [
      'asked for something else that looks the same',
      { listed: [aTask('1'), aTask('2')], others: [other({ request: { inputs: withImage('art_2') } })] },
      'open',
    ],
    [
      'asked for something that looks different',
      { listed: [aTask('1')], others: [other({ request: { durationSeconds: 4 } })] },
      '1',
    ],
    ['was meant for another model', { listed: [aTask('1')], others: [other({ upstream_model: 'sora-2-pro' })] }, '1'],
    [
      'asked for the same, to be looked at another pace',
      { listed: [aTask('1'), aTask('2')], others: [other({ request: { pollIntervalSeconds: 3 } })] },
      '1',
    ],
    [
      'was made when the task had long been there',
      { own: anAttempt({ age_ms: 9 * MINUTE_MS }), listed: [aTask('1', { createdAt: ago(9) })], others: [other()] },
      '1',
    ],
  ])('where another lost attempt %s', (_, circumstances, expected) => {
    expect(found(circumstances)).toBe(expected);
  });

  it.each<[number, Partial<GenerationRequest>]>([
    [4, { operation: 'extend', durationSeconds: 4 }],
    [12, { operation: 'extend', durationSeconds: 4 }],
    [8, { operation: 'remix', durationSeconds: 8.04 }],
  ])('takes a task of %d seconds for %j of a video of 8.04', (durationSeconds, request) => {
    const task = { account: 'first', upstreamModel: 'sora-2', id: 'source' };
    const inputs = { references: [], sourceVideo: { jobId: 'job_0', task, durationSeconds: 8.04 } };
    const own = anAttempt({ request: { ...request, inputs } });
    expect(found({ own, listed: [aTask('1', { durationSeconds })] })).toBe('1');
  });

  it('keeps the name of the model that the attempt was made with', () => {
    const search = { own: anAttempt(), others: [], ownedIds: new Set<string>(), unlistedCount: 0 };
    const finding = findListedTask({
      ...search,
      listed: [aTask('1')],
      submitTimeoutMs: MINUTE_MS,
      listedAfterMs: 5_000,
      listAgeMs: 0,
    });
    expect(finding).toEqual({ kind: 'accepted', task: { account: 'first', upstreamModel: 'sora-2', id: '1' } });
  });
});

function ago(minutes: number): Date {
  return new Date(now - minutes * MINUTE_MS);
}
function soon(id: string): ListedTask {
  return aTask(id, { createdAt: new Date(now) });
}
function withImage(artifactId: string): GenerationRequest['inputs'] {
  return { firstFrame: { artifactId }, references: [] };
}
