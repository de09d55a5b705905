import { describe, expect, it } from '@jest/globals';
import type { Outcome } from '../../workflows/job-state.js';
import { nextStep, revisit } from '../../workflows/next-step.js';
import { aPlan, aRoute } from '../support/plans.js';
import { accepted, cancel, deadline, having, inWords, left } from './steps-in-words.js';

const lost: Outcome = { kind: 'unknown' };
const stillUnknown: Outcome = { kind: 'still_unknown' };
const neverExisted: Outcome = { kind: 'never_existed' };
const resolved = (as: 'fail' | 'failover'): Outcome => ({ kind: 'resolved', as });
const waited: Outcome = { kind: 'waited' };
const succeeded: Outcome = { kind: 'succeeded' };
const pending: Outcome = { kind: 'pending' };
const outOfMoney: Outcome = { kind: 'refused', errorClass: 'BALANCE' };
const stalled: Outcome[] = [accepted, waited, { kind: 'stalled' }, left, pending];
const resultLost: Outcome[] = [accepted, waited, succeeded, { kind: 'result_lost' }];
const three = ['first', 'second', 'third'].map((account) => aRoute({ account }));
const unknown = 'failed: submission_unknown';
const leftBecause = (reason: string) => `cancelAtProvider#1@first because ${reason}`;

describe('nextStep when nobody knows', () => {
  it.each<[string, Outcome[], string]>([
    ['and the policy is failover: the next provider', [lost, stillUnknown], 'submit#2@second'],
    ['a second time: no further duplicate is risked', [lost, stillUnknown, lost, stillUnknown], unknown],
    ['a second time, and it is found: go on', [lost, stillUnknown, lost, accepted], 'wait#2@second'],
    ['a second time, and it never was: try again', [lost, stillUnknown, lost, neverExisted], 'submit#3@second'],
    ['and the next provider refuses', [lost, stillUnknown, outOfMoney], 'submit#3@third'],
    ['and the job was cancelled meanwhile', [lost, cancel, stillUnknown], 'canceled'],
    ['and the deadline is over', [lost, deadline, stillUnknown], unknown],
    ['an operator lets it fail', [lost, resolved('fail')], unknown],
  ])('%s', (_, outcomes, expected) => {
    expect(inWords(having(outcomes, aPlan({ routes: three, unknownPolicy: 'failover' })))).toBe(expected);
  });

  it.each<[string, Outcome[], string]>([
    ['and the policy is hold: an operator has the word', [lost, stillUnknown], 'hold#1@first'],
    ['and the operator’s time is over', [lost, stillUnknown, stillUnknown], unknown],
    ['and the operator names the task', [lost, stillUnknown, accepted], 'wait#1@first'],
    ['and the operator says that there is none', [lost, stillUnknown, neverExisted], 'submit#2@first'],
    ['and the operator lets it fail', [lost, stillUnknown, resolved('fail')], unknown],
    ['and the operator sends it elsewhere', [lost, stillUnknown, resolved('failover')], 'submit#2@second'],
    [
      'and the operator sends it elsewhere twice: once is all',
      [lost, stillUnknown, resolved('failover'), lost, stillUnknown, resolved('failover')],
      unknown,
    ],
    ['and the caller cancels', [lost, stillUnknown, cancel], 'canceled'],
    ['and the deadline comes: it does not end a hold', [lost, stillUnknown, deadline], 'hold#1@first'],
    ['and the deadline came before the hold', [lost, deadline, stillUnknown], 'hold#1@first'],
    ['and the job was cancelled before the hold', [lost, cancel, stillUnknown], 'canceled'],
    ['before the grace time is over, an operator may decide', [lost, resolved('failover')], 'submit#2@second'],
    ['a task that is named after a cancel is cancelled', [lost, cancel, accepted], leftBecause('cancel')],
    [
      'a task that is named after the deadline is left',
      [lost, deadline, stillUnknown, accepted],
      leftBecause('deadline'),
    ],
  ])('%s', (_, outcomes, expected) => {
    expect(inWords(having(outcomes, aPlan({ routes: three, unknownPolicy: 'hold' })))).toBe(expected);
  });

  it('keeps what a lost attempt may cost counted when the job goes elsewhere', () => {
    const routes = [
      aRoute(),
      aRoute({ account: 'dear', costMicros: 800_000 }),
      aRoute({ account: 'cheap', costMicros: 1 }),
    ];
    const plan = aPlan({ routes, limits: { spendMicros: 1_000_000 }, unknownPolicy: 'failover' });
    expect(inWords(having([lost, stillUnknown], plan))).toBe('submit#2@cheap');
    expect(inWords(having([lost, neverExisted, outOfMoney], plan))).toBe('submit#3@dear');
  });

  it('fails as submission_unknown where there is nowhere else to go', () => {
    const plan = aPlan({ routes: [aRoute()], unknownPolicy: 'failover' });
    expect(inWords(having([lost, stillUnknown], plan))).toBe('failed: submission_unknown');
  });
});

describe('a task that was left', () => {
  /** As the workflow does it after every step. */
  const going = (...outcomes: Outcome[]) =>
    outcomes.reduce((state, outcome) => revisit(nextStep(state, outcome)), having([]));

  it.each<[string, Outcome[], string]>([
    ['stalled: is looked at again when the next provider fails', [...stalled, outOfMoney], 'revisit#1@second'],
    ['its file was lost: the same', [...resultLost, outOfMoney], 'revisit#1@second'],
    ['has succeeded meanwhile: its file is fetched', [...stalled, outOfMoney, succeeded], 'download#1@second'],
    ['and stored', [...stalled, outOfMoney, succeeded, { kind: 'stored' }], 'succeeded'],
    [
      'but its file cannot be had: the job fails as it would have',
      [...stalled, outOfMoney, succeeded, { kind: 'result_lost' }],
      'failed: provider_unavailable',
    ],
    ['still runs: the job fails as it would have', [...stalled, outOfMoney, pending], 'failed: provider_unavailable'],
    [
      'is looked at when the prompt is refused elsewhere, and nobody else is asked then',
      [...stalled, { kind: 'refused', errorClass: 'CONTENT_REFUSED' }, pending],
      'failed: prompt_rejected',
    ],
    ['is looked at when the deadline comes between tries', [...stalled, deadline], 'revisit#1@second'],
    ['and kept when it is done', [...stalled, deadline, succeeded, deadline, { kind: 'stored' }], 'succeeded'],
    [
      'is not looked at when the next provider makes the video',
      [...stalled, accepted, waited, succeeded],
      'download#2@second',
    ],
    ['is not looked at when the job was cancelled', [...stalled, cancel], 'canceled'],
    ['and its job is cancelled while it is looked at', [...stalled, outOfMoney, cancel, pending], 'canceled'],
    [
      'and so does the next: the first alone, as the other was looked at just now',
      [...stalled, ...stalled],
      'revisit#1@second',
    ],
  ])('%s', (_, outcomes, expected) => {
    expect(inWords(going(...outcomes))).toBe(expected);
  });

  it('is looked at once, each in its turn', () => {
    const steps = [...stalled, ...stalled, outOfMoney, pending, pending];
    const states = steps.map((_, index) =>
      inWords(
        steps
          .slice(0, index + 1)
          .reduce((state, outcome) => revisit(nextStep(state, outcome)), having([], aPlan({ routes: three }))),
      ),
    );
    expect(states.slice(-3)).toEqual(['revisit#1@third', 'revisit#2@third', 'failed: provider_unavailable']);
  });

  it('tells a cancel what became of it', () => {
    expect(going(...stalled, outOfMoney, cancel, succeeded)).toMatchObject({ providerCancel: 'too_late' });
  });
});

describe('a cancel and the deadline', () => {
  const waiting: Outcome[] = [accepted];
  const polling: Outcome[] = [accepted, waited];
  const downloading: Outcome[] = [accepted, waited, succeeded];
  const settling: Outcome[] = [accepted, waited, { kind: 'stalled' }];

  it.each<[string, Outcome[], string, string]>([
    ['before the first submit', [], 'canceled', 'failed: deadline_exceeded'],
    ['between tries', [outOfMoney], 'canceled', 'failed: deadline_exceeded'],
    ['while reconciling', [lost], 'reconcile#1@first', 'reconcile#1@first'],
    ['while waiting', waiting, leftBecause('cancel'), leftBecause('deadline')],
    ['while polling', polling, leftBecause('cancel'), leftBecause('deadline')],
    ['while downloading', downloading, leftBecause('cancel'), leftBecause('deadline')],
    ['while cancelling', settling, leftBecause('stalled'), leftBecause('stalled')],
    ['at a last look', [...settling, left], 'lastLook#1@first because stalled', 'lastLook#1@first because stalled'],
    ['at the end', [...downloading, { kind: 'stored' }], 'succeeded', 'succeeded'],
  ])('%s', (_, outcomes, cancelled, late) => {
    expect(inWords(having([...outcomes, cancel]))).toBe(cancelled);
    expect(inWords(having([...outcomes, deadline]))).toBe(late);
  });

  it.each<[string, Outcome[], string, string | null]>([
    ['nothing was sent', [cancel], 'canceled', null],
    ['nobody knows whether it was sent', [lost, cancel, stillUnknown], 'canceled', null],
    ['the provider cannot cancel', [...polling, cancel, left, pending], 'canceled', 'unsupported'],
    ['the provider had finished', [...polling, cancel, left, succeeded], 'canceled', 'too_late'],
    ['its file was on the way', [...downloading, cancel, left, succeeded], 'canceled', 'too_late'],
    ['it had stalled', [...settling, cancel, left, pending], 'canceled', 'unsupported'],
    ['the deadline is no cancel', [...polling, deadline, left, pending], 'failed: deadline_exceeded', null],
  ])('say what the provider did: %s', (_, outcomes, end, providerCancel) => {
    const state = having(outcomes);
    expect([inWords(state), state.providerCancel]).toEqual([end, providerCancel]);
  });

  it('a job whose deadline comes after a stall ends, and buys nothing more', () => {
    expect(inWords(having([...settling, deadline, left, pending]))).toBe('failed: deadline_exceeded');
  });
});
