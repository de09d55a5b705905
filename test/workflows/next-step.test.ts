import { describe, expect, it } from '@jest/globals';
import type { Outcome } from '../../workflows/job-state.js';
import { maySkip } from '../../workflows/next-step.js';
import { aPlan, aRoute } from '../support/plans.js';
import { accepted, cancel, deadline, having, inWords, left } from './steps-in-words.js';

const skipped: Outcome = { kind: 'skipped' };
const refused = (
  errorClass: 'INPUT_INVALID' | 'CONTENT_REFUSED' | 'AUTH' | 'BALANCE' | 'MODEL_RETIRED' | 'RATE_LIMITED',
  retryAfterMs?: number,
): Outcome => ({
  kind: 'refused',
  errorClass,
  retryAfterMs,
});
const failed = (errorClass: 'PROVIDER_INTERNAL' | 'CONTENT_REFUSED', mayBeCharged = false): Outcome => ({
  kind: 'failed',
  errorClass,
  mayBeCharged,
});

describe('nextStep', () => {
  it.each<[string, Outcome[], string]>([
    ['a happy job starts by submitting', [], 'submit#1@first'],
    ['accepted: wait', [accepted], 'wait#1@first'],
    ['waited: poll', [accepted, { kind: 'waited' }], 'poll#1@first'],
    ['finished with the answer to the submit: no wait', [{ ...accepted, isFinished: true }], 'poll#1@first'],
    ['provider done: download', [accepted, { kind: 'waited' }, { kind: 'succeeded' }], 'download#1@first'],
    ['stored: succeeded', [accepted, { kind: 'waited' }, { kind: 'succeeded' }, { kind: 'stored' }], 'succeeded'],

    ['not sent: once more at the same provider', [{ kind: 'not_sent', errorClass: 'NETWORK' }], 'submit#2@first'],
    [
      'not sent twice: the next provider',
      [
        { kind: 'not_sent', errorClass: 'NETWORK' },
        { kind: 'not_sent', errorClass: 'NETWORK' },
      ],
      'submit#3@second',
    ],
    ['out of money there: the next provider at once', [refused('BALANCE')], 'submit#2@second'],
    ['credential refused: the next provider at once', [refused('AUTH')], 'submit#2@second'],
    ['a short Retry-After: the same provider', [refused('RATE_LIMITED', 3_000)], 'submit#2@first'],
    ['a long Retry-After: the next provider', [refused('RATE_LIMITED', 60_000)], 'submit#2@second'],
    ['invalid input: nobody else is asked', [refused('INPUT_INVALID')], 'failed: provider_rejected'],
    ['moderation: nobody else is asked', [refused('CONTENT_REFUSED')], 'failed: prompt_rejected'],
    ['every provider out of money', [refused('BALANCE'), refused('BALANCE')], 'failed: provider_unavailable'],
    [
      'four tries are the end',
      Array<Outcome>(4).fill({ kind: 'not_sent', errorClass: 'NETWORK' }),
      'failed: provider_unavailable',
    ],

    ['left alone just now: the same try at the next provider', [skipped], 'submit#1@second'],
    [
      'left alone after a try: the next try goes to the next provider',
      [{ kind: 'not_sent', errorClass: 'NETWORK' }, skipped],
      'submit#2@second',
    ],
    ['a model that is gone: the next provider at once', [refused('MODEL_RETIRED')], 'submit#2@second'],
    ['the last provider is never left alone', [skipped, skipped], 'submit#1@second'],
    ['cancelled while a provider was skipped', [skipped, cancel], 'canceled'],

    ['a lost answer is reconciled, never repeated', [{ kind: 'unknown' }], 'reconcile#1@first'],
    ['found again: go on with its task', [{ kind: 'unknown' }, accepted], 'wait#1@first'],
    ['never existed: try again', [{ kind: 'unknown' }, { kind: 'never_existed' }], 'submit#2@first'],
    ['refused after all', [{ kind: 'unknown' }, refused('BALANCE')], 'submit#2@second'],
    [
      'unknown to the end of the grace time',
      [{ kind: 'unknown' }, { kind: 'still_unknown' }],
      'failed: submission_unknown',
    ],

    ['failed there: once more', [accepted, { kind: 'waited' }, failed('PROVIDER_INTERNAL')], 'submit#2@first'],
    [
      'moderated there after acceptance',
      [accepted, { kind: 'waited' }, failed('CONTENT_REFUSED')],
      'failed: prompt_rejected',
    ],
    [
      'stalled: cancel there first',
      [accepted, { kind: 'waited' }, { kind: 'stalled' }],
      'cancelAtProvider#1@first because stalled',
    ],
    [
      'then look once more',
      [accepted, { kind: 'waited' }, { kind: 'stalled' }, left],
      'lastLook#1@first because stalled',
    ],
    [
      'still running: the next provider',
      [accepted, { kind: 'waited' }, { kind: 'stalled' }, left, { kind: 'pending' }],
      'submit#2@second',
    ],
    [
      'a late success is kept',
      [accepted, { kind: 'waited' }, { kind: 'stalled' }, left, { kind: 'succeeded' }],
      'download#1@first',
    ],
    [
      'a file that cannot be had: the next provider',
      [accepted, { kind: 'waited' }, { kind: 'succeeded' }, { kind: 'result_lost' }],
      'submit#2@second',
    ],

    ['cancelled before anything was sent', [cancel], 'canceled'],
    ['cancelled in the row before the workflow heard of it', [{ kind: 'stopped' }], 'canceled'],
    ['cancelled while waiting: cancel at the provider', [accepted, cancel], 'cancelAtProvider#1@first because cancel'],
    ['cancelled while polling', [accepted, { kind: 'waited' }, cancel], 'cancelAtProvider#1@first because cancel'],
    ['cancelled: look once more', [accepted, cancel, left], 'lastLook#1@first because cancel'],
    ['cancelled', [accepted, cancel, left, { kind: 'pending' }], 'canceled'],
    ['cancelled, though the provider had finished', [accepted, cancel, left, { kind: 'succeeded' }], 'canceled'],
    ['a cancel does not skip a lost answer', [{ kind: 'unknown' }, cancel], 'reconcile#1@first'],
    [
      'and cancels the task that is found',
      [{ kind: 'unknown' }, cancel, accepted],
      'cancelAtProvider#1@first because cancel',
    ],
    ['or ends when nothing is found', [{ kind: 'unknown' }, cancel, { kind: 'never_existed' }], 'canceled'],
    [
      'a cancel after a stall ends the job',
      [accepted, { kind: 'waited' }, { kind: 'stalled' }, cancel, left, { kind: 'pending' }],
      'canceled',
    ],

    ['the deadline before anything was sent', [deadline], 'failed: deadline_exceeded'],
    [
      'the deadline while polling',
      [accepted, { kind: 'waited' }, deadline],
      'cancelAtProvider#1@first because deadline',
    ],
    [
      'the deadline is no verdict: a late success is kept',
      [accepted, deadline, left, { kind: 'succeeded' }],
      'download#1@first',
    ],
    ['the deadline', [accepted, deadline, left, { kind: 'pending' }], 'failed: deadline_exceeded'],
    [
      'a cancel stops even a late success',
      [accepted, deadline, left, { kind: 'succeeded' }, cancel],
      'cancelAtProvider#1@first because cancel',
    ],
    [
      'no new try after the deadline',
      [accepted, deadline, left, failed('PROVIDER_INTERNAL')],
      'failed: deadline_exceeded',
    ],
  ])('%s', (_, outcomes, expected) => {
    expect(inWords(having(outcomes))).toBe(expected);
  });

  it('waits as long as the caller asked, else as the provider said, else as the route has it', () => {
    const hinted = { ...accepted, lookAgainInMs: 200 } as const;
    const waits = (plan: ReturnType<typeof aPlan>, outcome: Outcome) => having([outcome], plan).step;
    expect(waits(aPlan({ timing: { firstLookMs: 3_000 } }), hinted)).toMatchObject({ forMs: 3_000 });
    expect(waits(aPlan(), hinted)).toMatchObject({ forMs: 200 });
    expect(waits(aPlan(), accepted)).toMatchObject({ forMs: 10 });
  });

  it('pauses before the same provider is tried again, and not before another', () => {
    expect(having([refused('RATE_LIMITED', 3_000)]).step).toMatchObject({ kind: 'submit', afterMs: 3_000 });
    expect(having([refused('RATE_LIMITED')]).step).toMatchObject({ kind: 'submit', afterMs: 50 });
    expect(having([refused('BALANCE')]).step).toMatchObject({ kind: 'submit', afterMs: 0 });
  });

  it('fails over on a moderation refusal where the route says so', () => {
    const routes = [aRoute({ failoverOnModeration: true }), aRoute({ account: 'second' })];
    expect(inWords(having([refused('CONTENT_REFUSED')], aPlan({ routes })))).toBe('submit#2@second');
  });

  it('leaves out a route that would go over the budget', () => {
    const routes = [
      aRoute(),
      aRoute({ account: 'dear', costMicros: 2_000_000 }),
      aRoute({ account: 'cheap', costMicros: 100_000 }),
    ];
    const plan = aPlan({ routes, limits: { triesPerProvider: 1 } });
    const charged = having([accepted, { kind: 'waited' }, failed('PROVIDER_INTERNAL', true)], plan);
    expect(inWords(charged)).toBe('submit#2@cheap');
    const uncharged = having([accepted, { kind: 'waited' }, failed('PROVIDER_INTERNAL', false)], plan);
    expect(inWords(uncharged)).toBe('submit#2@dear');
  });

  it('skips a provider only while the budget leaves another after it, and never goes back', () => {
    const routes = [aRoute(), aRoute({ account: 'second' }), aRoute({ account: 'dear', costMicros: 2_000_000 })];
    const rich = aPlan({ routes });
    expect([[], [skipped], [skipped, skipped]].map((outcomes) => maySkip(having(outcomes, rich)))).toEqual([
      true,
      true,
      false,
    ]);
    expect(inWords(having([skipped, skipped], rich))).toBe('submit#1@dear');
    expect(inWords(having([skipped, skipped, refused('BALANCE')], rich))).toBe('failed: provider_unavailable');
    const poor = aPlan({ routes, limits: { spendMicros: 1_000_000 } });
    expect(maySkip(having([skipped], poor))).toBe(false);
  });

  it('uses no try up where it skips', () => {
    const plan = aPlan({ limits: { triesPerJob: 2, triesPerProvider: 2 } });
    const notSent: Outcome = { kind: 'not_sent', errorClass: 'NETWORK' };
    expect(inWords(having([skipped, notSent], plan))).toBe('submit#2@second');
    expect(inWords(having([skipped, notSent, notSent], plan))).toBe('failed: provider_unavailable');
  });

  it('does not wait before the provider it skips to', () => {
    expect(having([refused('RATE_LIMITED', 3_000), skipped]).step).toMatchObject({ kind: 'submit', afterMs: 0 });
  });

  it('counts a lost answer as money that may be spent, once', () => {
    const plan = aPlan({ limits: { spendMicros: 1_500_000 } });
    expect(having([{ kind: 'unknown' }], plan).spentMicros).toBe(800_000);
    expect(having([{ kind: 'unknown' }, accepted], plan).spentMicros).toBe(800_000);
    expect(having([{ kind: 'unknown' }, { kind: 'never_existed' }], plan).spentMicros).toBe(0);
  });

  it('says what the provider made of a cancel', () => {
    const confirmed: Outcome = { kind: 'left', providerCancel: 'confirmed' };
    expect(having([accepted, cancel, confirmed, { kind: 'pending' }]).providerCancel).toBe('confirmed');
    expect(having([accepted, cancel, left, { kind: 'succeeded' }]).providerCancel).toBe('too_late');
    expect(
      having([accepted, { kind: 'waited' }, { kind: 'stalled' }, left, { kind: 'pending' }]).providerCancel,
    ).toBeNull();
  });
});
